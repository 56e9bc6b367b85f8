/* A replica: the place where Litestream put one database's backup, whatever kind of store it is.
 *
 * All that the rest of the program needs of a store is to list, to read a range of bytes of an object, and to
 * read what its writer noted about an object beside its bytes.
 * Each kind of store is a row of fs/replica/kinds.c; nothing outside that folder knows how any of them is
 * reached. Keys are relative to the replica's root and use '/'. Requests are retried, have deadlines, and
 * give up when their task is cancelled. All calls are safe from any thread.
 *
 * No call returns -EIO, which is left to damage. A store that is silent is -ETIMEDOUT, one that does not let
 * us in -EACCES; -EREMOTEIO is everything else that is no usable answer after all tries: errors of the store,
 * no connection, no such bucket, an answer that does not fit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replica_config;
struct task;

/* All the stores that the program talks to: their connections and what was learnt of them (a bucket's
 * region). */
struct stores;

struct stores_options {
    unsigned attempts;         /* tries a request, 0: 5 */
    unsigned deadline_seconds; /* longest wait for an answer to begin, or for its next bytes, 0: 30 */
};

/* Returns 0, -ENOMEM or -EREMOTEIO (no network library). Starts the thread that carries the requests: call it
 * after the last fork. The caller closes it, after every replica of it. */
int stores_open(const struct stores_options *options, struct task *task, struct stores **ret_stores);
void stores_close(struct stores *stores); /* NULL is fine; requests under way are abandoned */

/* An object as a listing shows it. Plain value; whoever holds it owns the strings. */
struct object {
    char *key;     /* relative to the replica's root; data, not to be trusted as a path */
    char *version; /* changes whenever the content does: an ETag, else the mtime */
    uint64_t size; /* bytes */

    /* Nanoseconds since 1970, UTC; 0: the listing does not tell it. */
    int64_t modified;      /* the store's LastModified or the file's mtime: always told */
    int64_t created;       /* when the store made the object; told by gs and abs */
    int64_t metadata_time; /* the user metadata that replica_metadata would read as "litestream-timestamp",
                              where the listing brings it along: gs, abs, nats */
};

void object_finish(struct object *object);
int object_copy(const struct object *object, struct object *ret_object); /* 0 or -ENOMEM */

#define LISTING_ENTRIES_MAX 16000000 /* half a year of a segment each second */

/* What a listing found, in the byte order of the keys. Owns everything. Zero-initialise; add to it with the
 * store's list call; finish it with listing_finish. */
struct listing {
    struct object *objects;
    size_t n_objects, objects_capacity;
    char **folders; /* "NAME/" each, relative to the replica's root; only with LIST_FOLDER */
    size_t n_folders, folders_capacity;
    uint64_t long_bytes; /* by which the entries' texts are longer than those of a backup's: all together */
};

void listing_finish(struct listing *listing);

/* Whether a listing that grows is one that a backup may have, in the number of its entries and in their
 * length. Returns 0, or -EREMOTEIO with a reason that begins with `where`: a store that lists for ever must
 * not take all memory. */
int listing_check(const struct listing *listing, const char *where, struct task *task);

enum list_depth {
    LIST_FOLDER, /* one level: objects directly below the prefix, and the names of folders there */
    LIST_ALL,    /* every object below the prefix */
};

/* The kinds of stores that replicas can be read from, as the configuration names their types: "file", "s3",
 * ...; NULL for an `index` behind the last one. */
const char *replica_kind_name(size_t index);

struct replica;

/* Makes a replica from its configuration, which is copied; of one with a `problem` a replica that can't be
 * listed or read: -EREMOTEIO, for that reason. Sends nothing. Returns 0, -ENOMEM, or -EINVAL or
 * -EOPNOTSUPP with a reason (a setting that can't be used, a kind of store that this program has not). */
int replica_open(struct stores *stores, const struct replica_config *config, struct task *task,
                 struct replica **ret_replica);
void replica_close(struct replica *replica); /* NULL is fine */

/* A replica below another's root: the same store, the root extended by `folder` ("tenants/acme.db/"), which
 * is "" or ends in '/'. `extra_slash`: keys of v0.5 stand there behind one '/' more, as they do where a path
 * was written with one at its end; replica_open_raw_prefix finds them. 0 or -ENOMEM. */
int replica_open_below(const struct replica *replica, const char *folder, bool extra_slash,
                       struct replica **ret_replica);

/* What lies above a replica's root, in the same store: to tell somebody who named a place inside or beside a
 * backup. 0, -ENOENT if there is nothing above, or -ENOMEM. */
int replica_open_above(const struct replica *replica, struct replica **ret_replica);

/* The same replica with the prefix that Litestream v0.5 gives its keys on some kinds of store: the path of
 * the configuration, unchanged, be it "", "." or "/lead/", and "/". Returns 0, -ENOENT if the replica's root
 * is that already or the kind of store has no such prefix, or -ENOMEM. */
int replica_open_raw_prefix(const struct replica *replica, struct replica **ret_replica);

/* The replica's URL as a person would write it, without secrets: for messages, attributes, and the cache's
 * keys. */
const char *replica_url(const struct replica *replica);

/* What Litestream's listings call the replica: its name, else its type ("s3"). */
const char *replica_name(const struct replica *replica);

/* Lists the objects below `prefix` ("" or ending in '/'), those with keys after `after` only (NULL: all). A
 * folder that does not exist is an empty listing. `limit` (0: none) ends the listing early once it has that
 * many entries: to look whether anything is there. Names that are not printable (control characters) are
 * skipped. Returns 0; -EACCES, -ETIMEDOUT or -EREMOTEIO with a reason that names the store; -ECANCELED or
 * -ENOMEM; never -ENOENT. */
int replica_list(struct replica *replica, const char *prefix, enum list_depth depth, const char *after,
                 size_t limit, struct task *task, struct listing *ret_listing);

/* What the replicas of one store have in common, and no others: to be compared, no more. */
const void *replica_store(const struct replica *replica);

/* Whether a listing is many answers, one after the other, each of a thousand entries or so. */
bool replica_lists_in_pages(const struct replica *replica);

/* Reads exactly `length` bytes from `offset` of the very version of the object that the listing showed. What
 * the store tells of their checksum is compared; an ETag or a Content-MD5 that may be one is reason to ask
 * once more, and the second answer counts.
 * Returns 0; -ENOENT if it is gone; -ESTALE if another version stands in its place; -EINVAL if the listed
 * object has no such bytes; else as replica_list. */
int replica_read(struct replica *replica, const struct object *object, uint64_t offset, size_t length,
                 void *bytes, struct task *task);

/* As replica_read, past every cache on the way and in a connection of its own: for bytes that were got once
 * and whose checksum did not hold. Of a folder it is an ordinary read. */
int replica_read_anew(struct replica *replica, const struct object *object, uint64_t offset, size_t length,
                      void *bytes, struct task *task);

/* As replica_read, of at least one byte; brings along what replica_metadata would tell, without a request of
 * its own: the value, which the caller frees, or NULL if the object has no metadata of that name. */
int replica_read_with_metadata(struct replica *replica, const struct object *object, uint64_t offset,
                               size_t length, void *bytes, const char *name, struct task *task,
                               char **ret_value);

/* Whether objects have user metadata where the replica is; in a folder they don't. Sends nothing. */
bool replica_keeps_metadata(const struct replica *replica);

/* Reads the user metadata `name` ("litestream-timestamp") of the very version of the object that the listing
 * showed: one request where the store keeps any. Returns 0 and the value, which the caller frees; -ENODATA,
 * without a reason, if the object has none of that name (in a folder: always); else as replica_read. */
int replica_metadata(struct replica *replica, const struct object *object, const char *name,
                     struct task *task, char **ret_value);

/* What was asked of the replica's store so far. Bytes are those of answers' bodies. */
struct replica_stats {
    uint64_t requests, retries, bytes;
};
void replica_get_stats(const struct replica *replica, struct replica_stats *ret_stats);

/* The same of each store that is in use, in the order of first use. Zero-initialise, finish with
 * stores_stats_finish. */
struct stores_stats {
    struct store_stats {
        char *url; /* without secrets */
        struct replica_stats counts;
    } * items;
    size_t n;
};
void stores_stats_finish(struct stores_stats *stats);
int stores_get_stats(struct stores *stores, struct stores_stats *ret_stats); /* 0 or -ENOMEM */
