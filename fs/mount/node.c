#include "node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/hash.h"

static void node_free(struct node *node)
{
    if (!node)
        return;
    place_finish(&node->place);
    state_unref(node->state);
    free(node->database);
    free(node->path);
    free(node);
}

static void node_free_pointer(struct node **node)
{
    node_free(*node);
}

static struct node **nodes_chain(struct nodes *nodes, uint64_t number)
{
    return &nodes->chains[number & (nodes->n_chains - 1)];
}

int nodes_init(struct nodes *nodes)
{
    *nodes = (struct nodes){.n_chains = 1024};
    nodes->chains = calloc(nodes->n_chains, sizeof *nodes->chains);
    nodes->root = calloc(1, sizeof *nodes->root);
    if (!nodes->chains || !nodes->root || !(nodes->root->path = strdup("")))
        return -ENOMEM;
    nodes->root->number = nodes->root->inode = NODE_ROOT;
    nodes->root->parent_inode = NODE_UNKNOWN_INODE;
    pthread_mutex_init(&nodes->lock, NULL);
    return 0;
}

void nodes_finish(struct nodes *nodes)
{
    for (size_t i = 0; i < nodes->n_chains && nodes->chains; i++)
        for (struct node *node = nodes->chains[i], *next; node; node = next) {
            next = node->next;
            node_free(node);
        }
    node_free(nodes->root);
    free(nodes->chains);
    pthread_mutex_destroy(&nodes->lock);
}

static struct node *nodes_find_locked(struct nodes *nodes, uint64_t number)
{
    struct node *node = *nodes_chain(nodes, number);
    while (node && node->number != number)
        node = node->next;
    return node;
}

struct node *nodes_get(struct nodes *nodes, uint64_t number)
{
    if (number == NODE_ROOT)
        return nodes->root;
    pthread_mutex_lock(&nodes->lock);
    struct node *node = nodes_find_locked(nodes, number);
    pthread_mutex_unlock(&nodes->lock);
    return node;
}

/* Chains stay short; without memory they grow longer. */
static void nodes_widen_locked(struct nodes *nodes)
{
    size_t n_chains = nodes->n_chains * 2;
    struct node **chains = calloc(n_chains, sizeof *chains);
    if (!chains)
        return;
    for (size_t i = 0; i < nodes->n_chains; i++)
        for (struct node *node = nodes->chains[i], *next; node; node = next) {
            struct node **chain = &chains[node->number & (n_chains - 1)];
            next = node->next;
            node->next = *chain;
            *chain = node;
        }
    free(nodes->chains);
    nodes->chains = chains;
    nodes->n_chains = n_chains;
}

/* Numbers 0 and 1 are the kernel's. */
static uint64_t node_as_number(uint64_t hash)
{
    return hash > NODE_ROOT ? hash : hash + 2;
}

uint64_t node_number_of(const struct node *parent, const char *name)
{
    return node_as_number(hash_text(hash_text(HASH_START, parent->path), name));
}

static uint64_t node_state_number(uint64_t hash, const char *database)
{
    return node_as_number(hash_text(hash, database));
}

uint64_t node_listed_inode(const struct node *parent, const struct name *name)
{
    _cleanup_free_ char *database = NULL;

    if (name->is_folder || parent->place.kind == PLACE_OWN)
        return node_number_of(parent, name->text);
    if (name->inode == 0 || place_database(&parent->place, name->text, &database) < 0)
        return NODE_UNKNOWN_INODE;
    return node_state_number(name->inode, database);
}

/* A FILE-wal of other pages is another file: what a node shows never changes. */
static uint64_t node_inode(const struct node *node, const struct node *parent, const char *name)
{
    char page_size[16];

    if (node->kind == ENTRY_STATE)
        return node_state_number(state_inode(node->state), node->database);
    if (node->kind != ENTRY_WAL_FILE)
        return node_number_of(parent, name);
    snprintf(page_size, sizeof page_size, "%" PRIu32, node->page_size);
    return node_as_number(hash_text(node_number_of(parent, name), page_size));
}

static int node_make(const struct node *parent, const char *name, struct tree_entry *entry,
                     struct node **ret_node)
{
    _cleanup_(node_free_pointer) struct node *node = calloc(1, sizeof *node);

    if (!node || asprintf(&node->path, "%s%s%s", parent->path, *parent->path ? "/" : "", name) < 0)
        return -ENOMEM;
    node->kind = entry->kind;
    node->place = entry->place;
    node->state = entry->state;
    node->database = entry->database;
    node->page_size = entry->page_size;
    node->inode = node_inode(node, parent, name);
    node->parent_inode = parent->inode;
    node->number = node->kind == ENTRY_STATE ? node_state_number(state_identity(node->state), node->database)
                                             : node->inode;
    *entry = (struct tree_entry){0};
    *ret_node = steal_pointer(node);
    return 0;
}

static bool node_has_failed(const struct node *node)
{
    return node->kind == ENTRY_STATE && state_failure(node->state);
}

static bool node_is_same_text(const char *one, const char *other)
{
    return one == other || (one && other && strcmp(one, other) == 0);
}

/* The same state by another name is the same node; anything else is what its path says. Of one that has
 * failed the kernel may still show bytes. */
static bool node_is_same(const struct node *one, const struct node *other)
{
    if (one->kind != other->kind || one->page_size != other->page_size || node_has_failed(one))
        return false;
    if (one->kind != ENTRY_STATE)
        return strcmp(one->path, other->path) == 0;
    return strcmp(one->database, other->database) == 0 &&
           state_identity(one->state) == state_identity(other->state) && one->inode == other->inode &&
           state_size(one->state) == state_size(other->state) &&
           state_time(one->state) == state_time(other->state) &&
           node_is_same_text(state_generation(one->state), state_generation(other->state)) &&
           node_is_same_text(state_position(one->state), state_position(other->state));
}

/* The node that is the same as `made`, or NULL and a number for it that nobody has: names come out of a
 * backup, and different ones may be made to have the same hash. */
static struct node *nodes_find_same_locked(struct nodes *nodes, struct node *made)
{
    struct node *node;

    while ((node = nodes_find_locked(nodes, made->number)) && !node_is_same(node, made))
        made->number = node_as_number(made->number + 1);
    return node;
}

int nodes_add(struct nodes *nodes, const struct node *parent, const char *name, struct tree_entry *entry,
              struct node **ret_node)
{
    _cleanup_(node_free_pointer) struct node *made = NULL;
    int r = node_make(parent, name, entry, &made);

    if (r < 0)
        return r;
    pthread_mutex_lock(&nodes->lock);
    struct node *node = nodes_find_same_locked(nodes, made);
    if (!node) {
        node = steal_pointer(made);
        if (++nodes->n_nodes > nodes->n_chains)
            nodes_widen_locked(nodes);
        struct node **chain = nodes_chain(nodes, node->number);
        node->next = *chain;
        *chain = node;
    }
    node->lookups++;
    pthread_mutex_unlock(&nodes->lock);
    *ret_node = node;
    return 0;
}

void nodes_forget(struct nodes *nodes, uint64_t number, uint64_t lookups)
{
    struct node *gone = NULL;

    if (number == NODE_ROOT)
        return;
    pthread_mutex_lock(&nodes->lock);
    struct node **link = nodes_chain(nodes, number);
    while (*link && (*link)->number != number)
        link = &(*link)->next;
    if (*link) {
        (*link)->lookups -= lookups < (*link)->lookups ? lookups : (*link)->lookups;
        if ((*link)->lookups == 0) {
            gone = *link;
            *link = gone->next;
            nodes->n_nodes--;
        }
    }
    pthread_mutex_unlock(&nodes->lock);
    node_free(gone);
}

static struct node *nodes_find_failed_locked(struct nodes *nodes)
{
    for (size_t i = 0; i < nodes->n_chains; i++)
        for (struct node *node = nodes->chains[i]; node; node = node->next)
            if (!node->told && node_has_failed(node))
                return node;
    return NULL;
}

bool nodes_next_failed(struct nodes *nodes, struct failed_node *ret_failed)
{
    pthread_mutex_lock(&nodes->lock);
    struct node *node = nodes_find_failed_locked(nodes);
    if (node) {
        node->told = true;
        ret_failed->number = node->number;
        snprintf(ret_failed->text, sizeof ret_failed->text, "%s: %s", node->path, state_failure(node->state));
    }
    pthread_mutex_unlock(&nodes->lock);
    return node;
}
