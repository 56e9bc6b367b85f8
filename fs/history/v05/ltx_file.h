/* One LTX file of a replica: how it is named and read, and what is known of it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "generation/learnt.h"
#include "litemount/replica.h"
#include "ltx_table.h"

struct v05_generation;

#define V05_BASE_LEVEL 9
#define V05_WHOLE_OBJECT (1 << 20) /* bytes: a file up to this is checked whole before any of it is used */

#define LTX_TIME_METADATA "litestream-timestamp"
#define LTX_TIME_UNKNOWN INT64_MIN

/* One LTX file. */
struct ltx_file {
    atomic_uint references;
    struct v05_generation *generation; /* borrowed */
    struct replica *replica;           /* where it stands; borrowed from the generation */
    struct object object;
    unsigned level;
    uint64_t min_txid, max_txid;

    /* Of the files that stood in its place, and failed (ltx_verdict.h): how many, and the checksum of what
     * was read of the last one, and the one that it told. */
    unsigned failures;
    struct {
        uint64_t came, told;
    } before;

    /* Guarded by the generation's lock. */
    int64_t time;           /* what `litestream restore -timestamp` goes by: nanoseconds since 1970, UTC; or
                               LTX_TIME_UNKNOWN, before every other time, as long as nobody needed it */
    uint64_t database_size; /* after its last transaction, as its header tells: bytes; 0: nobody needed it */

    /* Guarded by the generation's lock until it is LEARNT_SOUND; never changes after that. */
    struct learnt learnt;
    struct ltx_table table;
    struct cache_image *image; /* its pages, one after the other, in the order of the table */
    struct ltx_sums *sums;     /* of a file that is not checked whole; else NULL */
};

/* Of a file that is sound. */
static inline const struct ltx_header *ltx_file_header(const struct ltx_file *file)
{
    return &file->table.head->header;
}

struct ltx_file *ltx_file_make(struct v05_generation *generation, struct replica *replica,
                               const struct object *object, unsigned level, uint64_t min, uint64_t max);
struct ltx_file *ltx_file_ref(struct ltx_file *file);
void ltx_file_unref(struct ltx_file *file);

/* As object_read; past every cache too if the file stands in place of one that failed. */
int ltx_file_read(const struct ltx_file *file, bool anew, uint64_t offset, size_t length, void *bytes,
                  struct task *task);

/* The same of its first bytes. `ret_time` is set to the metadata that tells its time, or NULL, and freed by
 * the caller. */
int ltx_file_read_start(const struct ltx_file *file, size_t length, void *bytes, struct task *task,
                        char **ret_time);

/* As object_identity. A file in place of one that failed has another one. */
char *ltx_file_identity(const struct ltx_file *file);

/* As object_fail. */
int ltx_file_fail(const struct ltx_file *file, int code, struct task *task, const char *what);
