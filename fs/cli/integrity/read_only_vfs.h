/* A database that SQLite reads, but that is no file: bytes from wherever they come. */
#pragma once

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

struct task;

/* Where the bytes are. Plain value; everything is borrowed. */
struct read_only_source {
    uint64_t size; /* bytes */

    /* Reads exactly `length` bytes from `offset`, which lie within the size: 0, or a negative errno with a
     * reason. */
    int (*read)(void *context, uint64_t offset, size_t length, void *bytes, struct task *task);
    void *context;
};

/* One such database. Stays where it is from its beginning to its end. */
struct read_only_vfs {
    sqlite3_vfs base;
    char name[32];
    struct read_only_source source;
    struct task *task;  /* of whoever reads; borrowed */
    int error;          /* the first that a read ended with: SQLite itself tells little of it */
    int64_t heap_limit; /* bytes that SQLite may take; 0: it was not limited */
};

/* Makes the database known to SQLite. 0 or -ENOMEM; the caller ends it, after the last connection to it. */
int read_only_vfs_begin(struct read_only_vfs *vfs, const struct read_only_source *source, struct task *task);
void read_only_vfs_end(struct read_only_vfs *vfs);

/* What to say if SQLite then has no memory: with the limit in MB, an int64_t. */
#define READ_ONLY_HEAP_PROBLEM                                                                               \
    "SQLite needs more than %" PRId64 " MB of memory for it, which its schema must be made for"

/* A connection to it, which sqlite3_close closes in any case. From then on the process has so much memory for
 * SQLite as a database of that size may need. Returns SQLite's code. */
int read_only_vfs_connect(struct read_only_vfs *vfs, sqlite3 **ret_connection);
