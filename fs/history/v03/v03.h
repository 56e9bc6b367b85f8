/* Litestream v0.3: a generation is snapshots and WAL segments.
 *
 * Position: a WAL index and a frame of that WAL, counted from 1. A state is a snapshot and the last commit
 * that is replayed upon it. Sources: Litestream v0.3.13 replica.go (Restore, SnapshotIndexAt, walSegmentMap),
 * SQLite's wal.c (what a checkpoint writes). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "generation/generation.h"
#include "generation/learnt.h"
#include "litemount/replica.h"
#include "litemount/wal.h"
#include "seekable/blocks.h"
#include "seekable/sequential.h"
#include "v03/wal/versions.h"

#define V03_PIECE (64 << 10) /* bytes: the cache's piece of an image */

/* Bytes: an object up to this is checked whole before any of it is used. */
#define V03_WHOLE_OBJECT (1 << 20)

/* The end of a transaction within a WAL. */
struct commit {
    uint32_t frame; /* the commit frame's number in its WAL, from 1 */
    uint32_t pages; /* the database's size after it */
};

/* One WAL segment. */
struct segment {
    atomic_uint references;
    struct object object;
    uint32_t index;  /* of its WAL */
    uint64_t offset; /* in its WAL, bytes */

    /* Guarded by the generation's lock until it is LEARNT_SOUND; never changes after that. */
    enum learnt learnt;
    char *damage;      /* why it is LEARNT_DAMAGED, or was when it was last read */
    int64_t damaged;   /* when that was found (clock_now) */
    int64_t confirmed; /* when it was last read anew and was the same (clock_now); 0: never */
    struct wal_header header;
    uint64_t size; /* bytes of the decoded segment */
    uint32_t chain_before[2], chain_after[2];
    uint32_t first_frame, n_frames; /* numbers in the WAL: first_frame + 1 to first_frame + n_frames */
    struct commit *commits;
    size_t n_commits;
};

/* One snapshot. Its lock may be taken within the generation's, not the other way round. */
struct snapshot {
    atomic_uint references;
    struct object object;
    uint32_t index; /* of the WAL that continues it */

    unsigned attempt;               /* how many of the same object have failed before (snapshot_damage.c) */
    uint64_t sums[LEARNT_ATTEMPTS]; /* of the bytes of attempt i, at i modulo their number */

    _Atomic(char *) failure; /* bytes that it gave may be wrong, and why; NULL: not that is known */

    pthread_mutex_t lock; /* guards what is below */
    uint64_t failed_sum;  /* of its bytes, if it has failed */
    enum learnt learnt;
    char *damage;       /* why it is LEARNT_DAMAGED, or was when it was last learnt */
    int64_t damaged;    /* when that was found (clock_now) */
    uint32_t page_size; /* 0: the database is an empty file */
    uint64_t size; /* bytes of the database file; of a large one as its header tells, unless it is exact */
    bool is_exact; /* a file may be longer than its header tells: a checkpoint cuts it only at its end */

    struct object_source *source;    /* opened when it is first read by block */
    atomic_int_least64_t round_trip; /* of its store: see snapshot_object.h */
    struct blocks blocks;            /* of a large one */
    struct sequential sequential;
};

/* What was learnt of all segments that were found sound. Listings that follow each other share one, as long
 * as segments are only added: if one was deleted or replaced, a new one is begun, so that no frame of what is
 * gone is ever found for what is there. */
struct v03_frames {
    atomic_uint references;
    pthread_rwlock_t lock; /* guards `versions`, which every read looks at; may be taken within the
                              generation's */
    struct versions versions;
    struct replay **replays; /* one a snapshot; guarded by the generation's lock */
    size_t n_replays, replays_capacity;
};

/* Segments in order, and what is counted along them. It only ever grows at its end, so listings that follow
 * each other share it, and each shows the part that was there when it was made. */
struct segment_row {
    atomic_uint references;
    size_t n, capacity;        /* only whoever lists looks at `n` */
    struct segment **segments; /* by index and offset; a reference each */
    int64_t *times;            /* of segment i: the latest of all objects up to it */
    uint64_t *sizes;           /* bytes of object i and all before it */
};

/* What a listing showed: immutable, shared by all states that were made from it. */
struct v03_listing {
    atomic_uint references;
    struct segment_row *row;   /* a reference */
    struct segment **segments; /* these three are the row's */
    int64_t *times;
    uint64_t *sizes;
    size_t n_segments;
    int64_t earliest_segment;  /* the earliest time of one; INT64_MAX: there is none */
    struct v03_frames *frames; /* a reference */
    /* By time; of equal times the one that Litestream takes, the lowest index, is last. A reference each. */
    struct snapshot **snapshots;
    size_t n_snapshots;
    int64_t earliest, latest; /* of all objects */
};

/* All restore points as they were last counted. */
struct known_points {
    struct v03_listing *listing; /* that they were counted from: a reference; NULL: count again */
    size_t n_damaged;            /* snapshots that were known to be damaged then */
    struct instants instants;    /* ascending */
};

struct v03_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct cache *cache;
    const struct age_identity *identities;
    size_t n_identities;
    struct slots *decoders;    /* borrowed too: each decoder takes megabytes */
    struct workspaces *blocks; /* and these: each is a block of a snapshot in memory */

    pthread_mutex_t lock;        /* guards what is below, and the segments' learnt part */
    pthread_cond_t learnt;       /* a segment stopped being LEARNT_PENDING */
    struct v03_listing *listing; /* a reference */
    struct known_points points;
    bool writing_facts; /* somebody is adding to what the cache keeps of the WALs */
    int64_t damaged;    /* when the first damage that still counts was found (clock_now); 0: there is none */
};

/* v03_inode.c: the state_inode of the state that ends with segment `last`, or with its commit at `frame` (0:
 * the segment's last one), or (NULL) that is the snapshot alone. */
uint64_t v03_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame);

/* As known_at of generation_ops. */
void v03_known_at(struct v03_generation *generation, const struct v03_listing *listing, const int64_t *times,
                  size_t n, struct known_state *ret_states);

/* v03_key.c */
bool v03_is_generation(const char *name);
bool v03_parse_snapshot(const char *name, uint32_t *ret_index);
bool v03_parse_segment(const char *name, uint32_t *ret_index, uint64_t *ret_offset);
bool v03_is_key(const char *key); /* of a snapshot or a segment, below a backup's root */

/* segment_row.c. A row that begins with the first `n_kept` of `row` (NULL: none) and goes on with `more`, of
 * which it takes references: the same row where nothing else follows there and room is left, else a new one.
 * The caller unrefs it. 0 or -ENOMEM. */
int segment_row_extend(struct segment_row *row, size_t n_kept, struct segment *const *more, size_t n_more,
                       struct segment_row **ret_row);
struct segment_row *segment_row_ref(struct segment_row *row);
void segment_row_unref(struct segment_row *row); /* NULL is fine */

/* v03_builder.c: putting a listing together.
 *
 * Makes a listing of what was found; of what was known before (NULL: nothing) it takes over what is still so,
 * and is `known` itself if nothing has changed. `only_rest`: found were all snapshots, and the segments with
 * keys after that of the one before v03_first_to_list_again. 0, -ENOMEM, or -ESTALE if the rest is not
 * enough, for something known is gone. */
int v03_listing_make(const struct listing *found, struct v03_listing *known, bool only_rest,
                     struct v03_listing **ret_listing);

/* The same listing, in which snapshots that have failed are made anew, and, if so asked, all segments. Called
 * with the generation locked. 0 or -ENOMEM. */
int v03_listing_renew(struct v03_generation *generation, const struct v03_listing *known, bool segments,
                      struct v03_listing **ret_listing);

/* The number of the segment from which on a refresh lists again. */
size_t v03_first_to_list_again(const struct v03_listing *listing);

/* v03_listing.c: which of what is there belongs to an instant. */
struct v03_frames *v03_frames_make(void); /* NULL: no memory */
struct v03_frames *v03_frames_ref(struct v03_frames *frames);
void v03_frames_unref(struct v03_frames *frames); /* NULL is fine */
struct v03_listing *v03_listing_ref(struct v03_listing *listing);
void v03_listing_unref(struct v03_listing *listing); /* NULL is fine */

/* How many segments, and snapshots, count at `time`. */
size_t v03_segments_at(const struct v03_listing *listing, int64_t time);
size_t v03_snapshots_at(const struct v03_listing *listing, int64_t time);

/* The number of a WAL's first segment, or where it would be. */
size_t v03_find_index(const struct v03_listing *listing, uint32_t index);

/* When the newest state at `time` came to be, as far as names and times tell; false if there is none. */
bool v03_point_at(const struct v03_listing *listing, int64_t time, int64_t *ret_point);

/* segment.c */
struct segment *segment_make(const struct object *object, uint32_t index, uint64_t offset);
struct segment *segment_ref(struct segment *segment);
void segment_unref(struct segment *segment);

/* Whether what was found can stand where the segment's name says. */
bool segment_fits(const struct segment *segment, const struct wal_segment *found);

/* Whether what is known of the segment, which is sound, is what was found. */
bool segment_is(const struct segment *segment, const struct wal_segment *found);

/* What was found in the segment becomes known, and its frames: 0; -EBADMSG if it does not fit; -ENOMEM. Or
 * that it is damaged. Both are called with the generation locked. */
int segment_publish(struct v03_frames *frames, struct segment *segment, const struct wal_segment *found);
void segment_set_damaged(struct segment *segment, const char *why);

int segment_compare(const void *left, const void *right); /* struct segment **: by position */

/* segment_fetch.c.
 *
 * Fetches a segment as it is stored and checks all of it; `header` is its WAL's, NULL for the one that begins
 * the WAL. 0, and what it holds belongs to the caller; -EBADMSG with a reason if it is damaged; or why it
 * can't be had. */
int segment_fetch(struct v03_generation *generation, const struct segment *segment,
                  const struct wal_header *header, struct task *task, struct wal_segment *ret_found);

/* Segment `i` is there, and does not continue the one before it, or can't be read as its WAL's first one
 * tells: perhaps one of them came as another object's body, sound by itself. Reads them anew, unless that was
 * done a short while ago. 0: so it is; -ESTALE: it was, and what is known of all segments is forgotten; or
 * why they can't be had. */
int segments_confirm(struct v03_generation *generation, const struct v03_listing *listing, size_t i,
                     struct task *task);

/* segment_learn.c */

/* Learns segments `begin` to `end` of the listing. Returns 0 even if some turn out damaged, which they note;
 * else why they can't be had. */
int segments_learn(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                   size_t end, struct task *task);

/* snapshot.c */
struct snapshot *snapshot_make(const struct object *object, uint32_t index);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot);

/* Finds out whether it is sound, its page size and length. 0 even if it is damaged; else why it can't be had.
 */
int snapshot_learn(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* Takes what the beginning and the size of the decoded snapshot tell. 0, or -EBADMSG with a reason: it is no
 * database. */
struct overview;
int snapshot_take_overview(struct v03_generation *generation, const struct snapshot *snapshot,
                           const struct overview *overview, struct task *task, struct snapshot *ret_found);

/* Takes what is kept of it out of the cache: it may be wrong. */
void snapshot_forget(struct v03_generation *generation, struct snapshot *snapshot);

/* snapshot_damage.c */
bool snapshot_is_damaged(struct snapshot *snapshot);
void snapshot_set_damaged(struct v03_generation *generation, struct snapshot *snapshot,
                          const char *why); /* logs it, once */

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
