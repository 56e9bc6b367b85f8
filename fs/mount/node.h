/* Nodes: what the kernel knows by a number.
 *
 * A number is a hash of what the node is (a folder's path; a file's database, position and time), so equal
 * things have equal numbers, across lookups and across mounts, and a state's pages in the kernel's cache
 * serve every name that leads to it; of two that have the same hash the later gets the next number that is
 * free. A node lives as long as the kernel remembers it.
 *
 * What stat shows as the inode is another number: of a state, one that tells its bytes alone, and that a
 * listing tells from names without opening anything. So several nodes may show the same one, if they have the
 * same bytes: a state with a gap and without, one that failed and the one in its place. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "litemount/history.h"
#include "place.h"

struct node {
    uint64_t number;
    uint64_t lookups;  /* that the kernel has not forgotten; guarded by the table's lock */
    struct node *next; /* in the table's chain; likewise */
    bool told;         /* that its state has failed; likewise */

    /* Never change: */
    uint64_t inode;        /* as stat and listings show it */
    uint64_t parent_inode; /* the folder's that it was looked up in first */
    enum entry_kind kind;
    char *path;          /* below the mount point, as it was first looked up: for messages */
    struct place place;  /* ENTRY_FOLDER */
    struct state *state; /* ENTRY_STATE: a reference */
    char *database;      /* ENTRY_STATE */
    uint32_t page_size;  /* ENTRY_WAL_FILE: bytes */
};

#define NODE_ROOT 1                   /* the kernel's number for the root */
#define NODE_UNKNOWN_INODE 0xffffffff /* in a listing, as libfuse has it: stat tells */

struct nodes {
    pthread_mutex_t lock;
    struct node **chains;
    size_t n_chains, n_nodes; /* n_chains is a power of two */
    struct node *root;
};

int nodes_init(struct nodes *nodes); /* 0 or -ENOMEM */
void nodes_finish(struct nodes *nodes);

/* The node of that number. The kernel names only nodes that it has not forgotten, so it is there, and it
 * stays while the request that named it lasts. NULL: a number that was never given out. */
struct node *nodes_get(struct nodes *nodes, uint64_t number);

/* The node for what was found as `name` in `parent`, made if there is none yet, looked up once more. Takes
 * `entry` over. 0 or -ENOMEM. */
int nodes_add(struct nodes *nodes, const struct node *parent, const char *name, struct tree_entry *entry,
              struct node **ret_node);

/* The kernel forgets `lookups` of the node's lookups. */
void nodes_forget(struct nodes *nodes, uint64_t number, uint64_t lookups);

/* A file that the kernel knows and whose state has failed. */
struct failed_node {
    uint64_t number;
    char text[1024]; /* for the log: its path, and why */
};

/* Tells of one, each once; false if there is none left. */
bool nodes_next_failed(struct nodes *nodes, struct failed_node *ret_failed);

/* The number of the folder or file `name` in `parent`, which is no state. */
uint64_t node_number_of(const struct node *parent, const char *name);

/* The inode that the listed name has, or NODE_UNKNOWN_INODE. */
uint64_t node_listed_inode(const struct node *parent, const struct name *name);
