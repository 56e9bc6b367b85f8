#include "litemount/replica.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"
#include "store.h"
#include "stores.h"

struct replica {
    struct stores *stores; /* borrowed */
    struct store *store;   /* one reference */
    char *root;            /* what every key begins with: "" or ending in '/' */
    char *name, *url;
    char *raw_prefix; /* see replica_open_raw_prefix, without the '/'; NULL: there is none */
};

void replica_close(struct replica *replica)
{
    if (!replica)
        return;
    stores_release(replica->stores, replica->store);
    free(replica->root);
    free(replica->name);
    free(replica->url);
    free(replica->raw_prefix);
    free(replica);
}

/* Takes over the caller's reference to `store`, even on failure. */
static int replica_make(struct stores *stores, struct store *store, const char *name, const char *parent,
                        const char *folder, struct replica **ret_replica)
{
    struct replica *replica = calloc(1, sizeof *replica);
    if (!replica) {
        stores_release(stores, store);
        return -ENOMEM;
    }
    replica->stores = stores;
    replica->store = store;
    replica->name = strdup(name);
    if (asprintf(&replica->root, "%s%s%s", parent, folder, *folder ? "/" : "") < 0)
        replica->root = NULL;
    else
        replica->url = store->ops->url(store, replica->root);
    if (!replica->name || !replica->url) {
        replica_close(replica);
        return -ENOMEM;
    }
    *ret_replica = replica;
    return 0;
}

int replica_open(struct stores *stores, const struct replica_config *config, struct task *task,
                 struct replica **ret_replica)
{
    const struct store_ops *ops;
    struct store *store = NULL;
    struct replica *replica;

    int r = store_kind_find(config, task, &ops);
    if (r == 0)
        r = stores_acquire(stores, ops, config, task, &store);
    if (r < 0)
        return r;
    const char *name = config->name ? config->name : replica_type_name(config->type);
    if ((r = replica_make(stores, store, name, "", ops->root(config), &replica)) < 0)
        return r;
    if (config->raw_path && !config->problem && !(replica->raw_prefix = strdup(config->raw_path))) {
        replica_close(replica);
        return -ENOMEM;
    }
    *ret_replica = replica;
    return 0;
}

int replica_open_raw_prefix(const struct replica *replica, struct replica **ret_replica)
{
    _cleanup_free_ char *root = NULL;

    if (!replica->raw_prefix)
        return -ENOENT;
    if (asprintf(&root, "%s/", replica->raw_prefix) < 0) {
        root = NULL;
        return -ENOMEM;
    }
    if (strcmp(root, replica->root) == 0)
        return -ENOENT;
    stores_acquire_again(replica->stores, replica->store);
    return replica_make(replica->stores, replica->store, replica->name, root, "", ret_replica);
}

/* The store's own key of `key` below the replica's root, to be freed. */
static char *replica_full_key(const struct replica *replica, const char *key)
{
    char *full;
    return asprintf(&full, "%s%s", replica->root, key) < 0 ? NULL : full;
}

int replica_open_below(const struct replica *replica, const char *folder, bool extra_slash,
                       struct replica **ret_replica)
{
    _cleanup_free_ char *root = replica_full_key(replica, folder);

    if (!root)
        return -ENOMEM;
    stores_acquire_again(replica->stores, replica->store);
    int r = replica_make(replica->stores, replica->store, replica->name, root, "", ret_replica);
    if (r == 0)
        (*ret_replica)->raw_prefix = extra_slash ? steal_pointer(root) : NULL;
    return r;
}

/* A folder's store begins at the folder itself: above it is another store. */
static int replica_open_folder_above(const struct replica *replica, struct replica **ret_replica)
{
    const struct store *store = replica->store;
    _cleanup_free_ char *path = store->ops->above ? store->ops->above(store) : NULL;
    const struct replica_config config = {.type = store->ops->type, .path = path};
    struct task task;

    task_init(&task, NULL);
    return path ? replica_open(replica->stores, &config, &task, ret_replica) : -ENOENT;
}

int replica_open_above(const struct replica *replica, struct replica **ret_replica)
{
    size_t length = strlen(replica->root);
    _cleanup_free_ char *root = NULL;

    if (length == 0)
        return replica_open_folder_above(replica, ret_replica);
    const char *slash = memrchr(replica->root, '/', length - 1);
    root = strndup(replica->root, slash ? (size_t)(slash - replica->root) + 1 : 0);
    if (!root)
        return -ENOMEM;
    stores_acquire_again(replica->stores, replica->store);
    return replica_make(replica->stores, replica->store, replica->name, root, "", ret_replica);
}

const char *replica_url(const struct replica *replica)
{
    return replica->url;
}

const char *replica_name(const struct replica *replica)
{
    return replica->name;
}

int replica_list(struct replica *replica, const char *prefix, enum list_depth depth, const char *after,
                 size_t limit, struct task *task, struct listing *ret_listing)
{
    _cleanup_(listing_finish) struct listing found = {0};
    _cleanup_free_ char *full_prefix = replica_full_key(replica, prefix);
    _cleanup_free_ char *full_after = after ? replica_full_key(replica, after) : NULL;
    if (!full_prefix || (after && !full_after))
        return -ENOMEM;

    struct list_request request = {.prefix = full_prefix,
                                   .depth = depth,
                                   .after = full_after,
                                   .limit = limit,
                                   .root_length = strlen(replica->root)};
    int r = replica->store->ops->list(replica->store, &request, task, &found);
    if (r < 0)
        return r;
    listing_sort(&found);
    return listing_move(&found, ret_listing);
}

const void *replica_store(const struct replica *replica)
{
    return replica->store;
}

bool replica_lists_in_pages(const struct replica *replica)
{
    return replica->store->ops->lists_in_pages;
}

/* `request` is whole but for the store's key. */
static int replica_read_request(struct replica *replica, struct read_request *request, struct task *task,
                                char **ret_value)
{
    const struct object *object = request->object;
    _cleanup_free_ char *value = NULL;
    uint64_t end;
    _cleanup_free_ char *key = replica_full_key(replica, object->key);
    if (!key)
        return -ENOMEM;
    if (__builtin_add_overflow(request->offset, request->length, &end) || end > object->size)
        return task_fail(task, EINVAL, "%s/%s: %zu bytes from %" PRIu64 " are wanted, it has %" PRIu64,
                         replica->url, object->key, request->length, request->offset, object->size);
    request->key = key;
    int r = request->length ? replica->store->ops->read(replica->store, request, task, &value) : 0;
    if (r == 0 && request->metadata)
        *ret_value = steal_pointer(value);
    return r;
}

int replica_read(struct replica *replica, const struct object *object, uint64_t offset, size_t length,
                 void *bytes, struct task *task)
{
    struct read_request request = {.object = object, .offset = offset, .length = length, .bytes = bytes};
    return replica_read_request(replica, &request, task, NULL);
}

int replica_read_anew(struct replica *replica, const struct object *object, uint64_t offset, size_t length,
                      void *bytes, struct task *task)
{
    struct read_request request = {
        .object = object, .offset = offset, .length = length, .bytes = bytes, .anew = true};
    return replica_read_request(replica, &request, task, NULL);
}

int replica_read_with_metadata(struct replica *replica, const struct object *object, uint64_t offset,
                               size_t length, void *bytes, const char *name, struct task *task,
                               char **ret_value)
{
    struct read_request request = {
        .object = object, .offset = offset, .length = length, .bytes = bytes, .metadata = name};
    return replica_read_request(replica, &request, task, ret_value);
}

bool replica_keeps_metadata(const struct replica *replica)
{
    return replica->store->ops->metadata != NULL;
}

int replica_metadata(struct replica *replica, const struct object *object, const char *name,
                     struct task *task, char **ret_value)
{
    const struct store_ops *ops = replica->store->ops;
    if (!ops->metadata)
        return -ENODATA;
    _cleanup_free_ char *key = replica_full_key(replica, object->key);
    return key ? ops->metadata(replica->store, key, object, name, task, ret_value) : -ENOMEM;
}

void replica_get_stats(const struct replica *replica, struct replica_stats *ret_stats)
{
    *ret_stats = store_counts(replica->store);
}
