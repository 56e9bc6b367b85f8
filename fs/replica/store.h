/* What every kind of store can do, and what all of them have in common. Private to fs/replica.
 *
 * A *store* is the place itself (a bucket with the credentials for it, a folder); a replica is a store and a
 * root in it. Keys here are keys of the store, not yet of the replica. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litemount/config.h"
#include "litemount/replica.h"

struct http;
struct store_ops;

/* The first field of every kind's own struct. */
struct store {
    const struct store_ops *ops;
    struct replica_config
        config;        /* what names the store, and the rights to it: see replica_config_copy_store */
    struct http *http; /* borrowed: the carrier of requests that all stores share */
    unsigned attempts; /* tries a request */
    atomic_uint_least64_t requests, retries, bytes;

    struct store *next;  /* guarded by the stores' lock */
    unsigned references; /* replicas that use it; guarded by the stores' lock */
};

struct list_request {
    const char *prefix; /* of the keys wanted: "" or ending in '/' */
    enum list_depth depth;
    const char *after;  /* only keys after this one; NULL: all */
    size_t limit;       /* entries after which the listing may end; 0: none */
    size_t root_length; /* bytes at every key's beginning that name the replica's root and are not listed */
};

struct read_request {
    const char *key;
    const struct object *object;
    uint64_t offset; /* bytes */
    size_t length;   /* bytes, not 0 */
    void *bytes;
    const char *metadata; /* name of the user metadata that is wanted too; NULL: none */
    bool anew;            /* see replica_read_anew */
};

/* A kind of store: its row. */
struct store_ops {
    enum replica_type type;
    /* Makes the store that `config` names, whose texts stay where they are for as long as the store lives. 0,
     * -ENOMEM, or -EINVAL with a reason. */
    int (*open)(const struct replica_config *config, struct task *task, struct store **ret_store);
    void (*close)(struct store *store);
    /* The root of `config`'s replica, as a prefix of keys without the last '/'. */
    const char *(*root)(const struct replica_config *config);
    /* The URL of what lies below `root` ("" or ending in '/'), to be freed; NULL: no memory. */
    char *(*url)(const struct store *store, const char *root);
    /* The path of the folder above a store that is a folder, to be freed; NULL: there is none, or no memory.
     * NULL itself: stores that have their folders in the keys. */
    char *(*above)(const struct store *store);
    bool lists_in_pages; /* see replica_lists_in_pages */
    /* As replica_list and replica_read, for the store's own keys. A failed list may leave entries behind. */
    int (*list)(struct store *store, const struct list_request *request, struct task *task,
                struct listing *listing);
    /* `*ret_value` is set if metadata is wanted and the object has it: to be freed, even after a failure. */
    int (*read)(struct store *store, const struct read_request *request, struct task *task, char **ret_value);
    /* As replica_metadata; NULL: the kind of store keeps no metadata. */
    int (*metadata)(struct store *store, const char *key, const struct object *object, const char *name,
                    struct task *task, char **ret_value);
};

/* The row of the kind that `config` names (kinds.c); of settings that can't be used that of a store which
 * says so. 0, or -EOPNOTSUPP with a reason. */
int store_kind_find(const struct replica_config *config, struct task *task, const struct store_ops **ret_ops);

/* What a kind of store fills a listing with (listing.c). What is given is copied. 0 or -ENOMEM. */
int listing_add_object(struct listing *listing, const struct object *object);
int listing_add_folder(struct listing *listing, const char *name);

/* Puts both lists into the byte order of their keys, unless they are in it already. */
void listing_sort(struct listing *listing);

/* Moves all entries of `from` behind those of `to`. 0, or -ENOMEM with both as they were. */
int listing_move(struct listing *from, struct listing *to);

/* Whether a name may be a part of a key: not empty, and without control characters. */
bool key_is_printable(const char *key);
