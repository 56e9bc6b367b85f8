/* One snapshot: an object of the store that decodes to the whole database file.
 *
 * It is *learnt* once: its page size and length, and of a small one (V03_WHOLE_OBJECT) that it is sound. A
 * small one is fetched whole, and all its checksums hold before anything in it is used. Of a large one only
 * what is read is fetched, as a seekable frame (seekable/seekable.h), and its checksum is compared when all
 * of it was read.
 *
 * What shows that it does not hold makes it *damaged*, for a time, as long as nothing was read of it. Where
 * bytes of it were given already it *fails*, for good: every state that was made from it answers nothing any
 * more, and the next listing has another struct snapshot of the same object.
 *
 * It owns what names it in the cache, and its open image there; they are the same for every struct of the
 * same object. All calls are safe from any thread. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generation/learnt.h"
#include "litemount/replica.h"

struct cache_image;
struct object_source;
struct overview;
struct seekable;
struct task;
struct v03_generation;

/* Its lock may be taken within the generation's, not the other way round. */
struct snapshot {
    atomic_uint references;
    struct object object;
    uint32_t index; /* of the WAL that continues it */

    unsigned attempt;               /* how many of the same object have failed before (snapshot_damage.c) */
    uint64_t sums[LEARNT_ATTEMPTS]; /* of the bytes of attempt i, at i modulo their number */

    _Atomic(char *) failure; /* bytes that it gave may be wrong, and why; NULL: not that is known */

    pthread_cond_t changed; /* it stopped being LEARNT_PENDING */
    pthread_mutex_t lock;   /* guards what is below */
    uint64_t failed_sum;    /* of its bytes, if it has failed */
    struct learnt learnt;
    uint32_t page_size; /* 0: the database is an empty file */
    uint64_t size; /* bytes of the database file; of a large one as its header tells, unless it is exact */
    bool is_exact; /* a file may be longer than its header tells: a checkpoint cuts it only at its end */

    /* Set when it is first used (snapshot_open), and never changed after that: then read without the lock.
     */
    struct v03_generation *generation; /* borrowed: a snapshot is used by its generation, and by states that
                                          hold on to that */
    char *name;                        /* of the object, in messages: its URL */
    char *identity;                    /* of the object, in the cache */
    struct cache_image *image;

    struct object_source *source; /* of a large one, when it is first read; likewise */
    struct seekable *frame;
};

/* One reference; NULL: no memory. */
struct snapshot *snapshot_make(const struct object *object, uint32_t index);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

/* Its size in bytes as far as it is known. */
uint64_t snapshot_size(struct snapshot *snapshot, bool *ret_is_exact);

/* --- learning: snapshot_learn.c --- */

/* Finds out whether it is sound, its page size and length. 0 even if it is damaged; else why it can't be had.
 */
int snapshot_learn(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* Makes its size exact: of a large one all blocks have to be found, once ever. 0, or why it can't be had. */
int snapshot_measure(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* What is learnt of it, and kept in the cache as it lies in memory. Plain value. */
struct snapshot_facts {
    uint64_t size;
    uint32_t page_size;
    uint32_t is_exact;
};

/* What the beginning and the size of the decoded snapshot tell. 0, or -EBADMSG with a reason: it is no
 * database. */
int snapshot_take_overview(struct v03_generation *generation, const struct snapshot *snapshot,
                           const struct overview *overview, struct task *task,
                           struct snapshot_facts *ret_facts);

/* --- reading: snapshot_read.c --- */

/* As cache_image_read, of the database file that the snapshot is. -EIO with a reason if it is damaged or has
 * failed, also if that is seen only now. */
int64_t snapshot_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                      size_t length, void *bytes, struct task *task);

/* --- checking: snapshot_check.c --- */

/* Sees to it that the checksum over a sound snapshot was compared: makes what is missing of it. 0 if it
 * holds, or there is none; -EIO or -EBADMSG with a reason; or why it can't be read. */
int snapshot_check_rest(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* Its bytes as they come once more, beside what the cache has of its image. */
struct snapshot_comparison {
    struct cache_image *image; /* borrowed */
    uint64_t offset;           /* in the image, of what comes next */
    bool differs;
    uint8_t *kept;
};

/* 0 or -ENOMEM; the caller finishes it. */
int snapshot_comparison_init(struct snapshot_comparison *comparison, struct v03_generation *generation,
                             struct snapshot *snapshot);
void snapshot_comparison_finish(struct snapshot_comparison *comparison);

/* What comes next is its beginning. */
void snapshot_comparison_begin(struct snapshot_comparison *comparison);

/* An lz4_sink. What the cache has is wrong only if the rest of what comes holds. */
int snapshot_comparison_sink(void *comparison, const uint8_t *bytes, size_t length);

/* --- damage: snapshot_damage.c --- */

bool snapshot_is_damaged(struct snapshot *snapshot);

/* Damage that is over is no longer known. Returns when it was found that still counts (clock_now), or 0. */
int64_t snapshot_look_again(struct snapshot *snapshot);

/* Takes all that is kept of it out of the cache. */
void snapshot_drop_kept(struct v03_generation *generation, struct snapshot *snapshot);

/* Why states that were made from it answer nothing any more; NULL: they do. It never changes from then on. */
const char *snapshot_failure(const struct snapshot *snapshot);

/* Bytes that hash to `sum`, some of which may have been given already, do not hold: the snapshot fails.
 * Returns -EIO with a reason. */
int snapshot_fail(struct v03_generation *generation, struct snapshot *snapshot, uint64_t sum,
                  struct task *task, const char *why);

/* A new one in place of one that has failed, one reference. Called with the generation locked. 0 or -ENOMEM.
 */
int snapshot_remake(struct v03_generation *generation, struct snapshot *failed,
                    struct snapshot **ret_snapshot);
