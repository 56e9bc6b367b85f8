/* The tree that a user walks: which names stand in a folder, and what each of them is.
 *
 *     latest/NAME                     databases/NAME/latest.EXT
 *     at/TIME/NAME                    databases/NAME/at/TIME.EXT
 *                                     databases/NAME/generations/GEN/latest.EXT
 *                                     databases/NAME/generations/GEN/at/TIME.EXT
 *                                     databases/NAME/generations/GEN/points/YYYY-MM-DD/HH/TIME.EXT
 *                                     databases/NAME/generations/GEN/positions/...
 *     .litemount/stats                what the mount has done so far; .litemount is not listed
 *
 * A folder is a *place*; a file is a state of a database. Knows nothing of inodes and of FUSE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "litemount/history.h"

struct catalog;
struct task;

enum place_kind {
    PLACE_ROOT,
    PLACE_OWN,         /* .litemount/ */
    PLACE_LATEST,      /* latest/, and the folders in databases' names below it */
    PLACE_AT,          /* at/ */
    PLACE_AT_TIME,     /* at/TIME/, and the folders below it */
    PLACE_DATABASES,   /* databases/, and the folders below it */
    PLACE_DATABASE,    /* databases/NAME/ */
    PLACE_INSTANTS,    /* .../at/ of a database or of a generation */
    PLACE_GENERATIONS, /* .../generations/ */
    PLACE_GENERATION,  /* .../generations/GEN/ */
    PLACE_POINTS,      /* .../points/ */
    PLACE_POINTS_DAY,  /* .../points/YYYY-MM-DD/ */
    PLACE_POINTS_HOUR, /* .../points/YYYY-MM-DD/HH/ */
    PLACE_POSITIONS,   /* .../positions/, and the folders in it */
    PLACE_KINDS,
};

/* A folder of the tree. Owns its strings; those that its kind has no use for are NULL. */
struct place {
    enum place_kind kind;
    char *name;       /* a database's name, or the part of it that the path has come to: "tenants/acme" */
    char *generation; /* NULL where it is about all of them */
    char *detail;     /* TIME as it was typed; YYYY-MM-DD[/HH] below points/; a folder of positions/ */
};

void place_finish(struct place *place);
int place_copy(const struct place *place, struct place *ret_place); /* 0 or -ENOMEM */

/* What a name in a folder is. The caller finishes it. */
struct found {
    enum { FOUND_FOLDER, FOUND_STATE, FOUND_WAL_FILE, FOUND_EMPTY_FILE, FOUND_STATS } kind;
    struct place place;  /* of a folder */
    struct state *state; /* a reference, of a state */
    char *database;      /* of a state: the database's name */
    uint32_t page_size;  /* of a FILE-wal: bytes of the database's pages */
};

void found_finish(struct found *found);

/* What `name` is in `place`. Returns 0, -ENOENT, or a negative errno with a reason. A FILE-wal
 * and a FILE-shm stand beside every database FILE, unlisted: SQLite opens a WAL-mode database on a read-only
 * file system only if it finds them. The -shm is empty, and so is the -wal of one that is not in WAL mode: to
 * know that takes the database's first page, which SQLite has read before it asks. */
int tree_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                struct found *ret_found);

/* Adds the names that stand in `place`, sorted; those of states with their state_inode, as far as it is known
 * without asking a store. */
int tree_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names);

/* The name of the database that the file `name` in `place` is a state of; the caller frees it. 0 or -ENOMEM.
 */
int place_database(const struct place *place, const char *name, char **ret_database);

/* The instant that the folder is about, if it is an absolute one. */
bool place_time(const struct place *place, int64_t *ret_time);
