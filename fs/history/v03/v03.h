/* Litestream v0.3: a generation is snapshots and WAL segments.
 *
 * Position: a WAL index and a frame of that WAL, counted from 1. A state is a snapshot and the last commit
 * that is replayed upon it. Sources: Litestream v0.3.13 replica.go (Restore, SnapshotIndexAt, walSegmentMap),
 * SQLite's wal.c (what a checkpoint writes). */
#pragma once

#include <pthread.h>

#include "generation/generation.h"

struct age_identity;
struct cache;
struct chain;
struct replica;
struct segment;
struct slots;
struct snapshot;
struct v03_listing;
struct workspaces;

/* All restore points as they were last counted. */
struct known_points {
    struct v03_listing *listing; /* that they were counted from: a reference; NULL: none yet */
    bool is_stale;               /* they are to be counted again */
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

/* Something of the generation was found damaged at `found` (clock_now). */
static inline void v03_note_damage_locked(struct v03_generation *generation, int64_t found)
{
    if (!generation->damaged || found < generation->damaged)
        generation->damaged = found;
}

/* The points are to be counted again: a segment turned out not to continue what is before it. */
static inline void v03_forget_points_locked(struct v03_generation *generation)
{
    generation->points.is_stale = true;
}

/* v03_renew.c: what was found wrong is looked at again: damage after a time, a snapshot that failed at once,
 * and segments that turned out to have come as something else. */

/* Makes the generation's listing one that states can be made from. */
void v03_renew_locked(struct v03_generation *generation);

/* What is known of the listing's segments is forgotten, if that is still the generation's. Returns -ESTALE
 * with a reason, or -ENOMEM. */
int v03_forget_segments(struct v03_generation *generation, const struct v03_listing *listing,
                        struct task *task);

/* v03_inode.c: a state's number, which a listing shows before anything is read. */

/* The state_inode of the state that ends with segment `last`, or with its commit at `frame` (0:
 * the segment's last one), or (NULL) that is the snapshot alone. */
uint64_t v03_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame);

/* As known_at of generation_ops. */
void v03_known_at(struct v03_generation *generation, const struct v03_listing *listing, const int64_t *times,
                  size_t n, struct known_state *ret_states);

/* v03_points.c: its restore points. */

/* Adds, ascending, every point that can be told apart by time and reached, as far as is known.
 * 0 or -ENOMEM. */
int v03_points(struct v03_generation *generation, struct v03_listing *listing, struct instants *points);

/* Adds the time of each snapshot that may be sound, and the last point. 0 or -ENOMEM. */
int v03_landmarks(struct v03_generation *generation, struct v03_listing *listing, struct instants *landmarks);

/* Adds every point, and tells what follows it: see describe_points. 0, or a negative errno with a reason. */
int v03_describe_points(struct v03_generation *generation, struct v03_listing *listing,
                        const struct measuring *measuring, struct task *task, struct listed_points *points);

/* v03_positions.c: its committed transactions, by name. */

/* The state at INDEX/OFFSET, or (INDEX/) at the end of a WAL. -ENOENT: no commit ends there, or no snapshot
 * leads there. */
int v03_open_position(struct v03_generation *generation, struct v03_listing *listing, const char *position,
                      struct task *task, struct state **ret_state);

/* Whether a snapshot or a segment that counts at `time` begins at or behind `position` (INDEX/OFFSET). */
bool v03_goes_beyond(const struct v03_listing *listing, int64_t time, const char *position);

/* INDEX folders, or (`folder` is one) an OFFSET for every commit that can be reached. -ENOENT: no such
 * folder. */
int v03_list_positions(struct v03_generation *generation, struct v03_listing *listing, const char *folder,
                       struct task *task, struct names *names);

/* v03_state.c. Makes the state that `chain` leads to, and takes the chain over on success. 0 or -ENOMEM. */
int v03_state_make(struct v03_generation *generation, struct v03_listing *listing, struct chain *chain,
                   struct state **ret_state);

/* v03_verify.c: see generation.h. */
int v03_verify(struct v03_generation *generation, struct v03_listing *listing, struct verifier *verifier,
               struct task *task);
