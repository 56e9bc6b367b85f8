/* One snapshot, and what is known of it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generation/learnt.h"
#include "litemount/replica.h"
#include "seekable/blocks.h"
#include "seekable/sequential.h"

struct object_source;
struct overview;
struct task;
struct v03_generation;

/* One snapshot. Its lock may be taken within the generation's, not the other way round. */
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

    struct object_source *source;    /* opened when it is first read by block */
    atomic_int_least64_t round_trip; /* of its store: see snapshot_object.h */
    struct blocks blocks;            /* of a large one */
    struct sequential sequential;
};

/* snapshot.c */
struct snapshot *snapshot_make(const struct object *object, uint32_t index);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/* Finds out whether it is sound, its page size and length. 0 even if it is damaged; else why it can't be had.
 */
int snapshot_learn(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* Takes what the beginning and the size of the decoded snapshot tell. 0, or -EBADMSG with a reason: it is no
 * database. */
int snapshot_take_overview(struct v03_generation *generation, const struct snapshot *snapshot,
                           const struct overview *overview, struct task *task, struct snapshot *ret_found);

/* Takes what is kept of it out of the cache: it may be wrong. */
void snapshot_forget(struct v03_generation *generation, struct snapshot *snapshot);

/* snapshot_damage.c */
bool snapshot_is_damaged(struct snapshot *snapshot);
void snapshot_set_damaged(struct v03_generation *generation, struct snapshot *snapshot,
                          const char *why); /* logs it, once */

void snapshot_note_damage(struct v03_generation *generation); /* for as long as it counts */

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

/* Its size as far as it is known. */
uint64_t snapshot_size(struct snapshot *snapshot, bool *ret_is_exact);

/* Makes its size exact: of a large one all blocks have to be found, once ever. 0, or why it can't be had. */
int snapshot_measure(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* snapshot_image.c.
 *
 * Decodes the first `wanted` bytes of the image, at most a few KiB, from the object's beginning, without the
 * need to know more of it. 0; -EOPNOTSUPP if they can't be had that way; else an errno with a reason. */
int snapshot_peek(struct v03_generation *generation, struct snapshot *snapshot, size_t wanted, uint8_t *bytes,
                  struct task *task);

/* As cache_image_read, of the database file that the snapshot is. */
int64_t snapshot_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                      size_t length, void *bytes, struct task *task);
