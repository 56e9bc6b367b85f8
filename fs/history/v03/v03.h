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

struct v03_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct cache *cache;
    const struct age_identity *identities;
    size_t n_identities;
    struct slots *decoders;    /* borrowed too: each decoder takes megabytes */
    struct workspaces *blocks; /* and these: each is a block of a snapshot in memory */

    /* Guarded by the head's lock. */
    bool writing_facts; /* somebody is adding to what the cache keeps of the WALs */
    int64_t damaged;    /* when the first damage that still counts was found (clock_now); 0: there is none */
};

/* Something of the generation was found damaged at `found` (clock_now). */
static inline void v03_note_damage_locked(struct v03_generation *generation, int64_t found)
{
    if (!generation->damaged || found < generation->damaged)
        generation->damaged = found;
}

static inline struct v03_generation *v03_generation_of(struct generation *generation)
{
    return (struct v03_generation *)generation;
}

/* v03_renew.c: what was found wrong is looked at again: damage after a time, a snapshot that failed at once,
 * and segments that turned out to have come as something else. */

/* These, and all that are called with heads, are generation_ops. */
void v03_renew_locked(struct generation *generation);

/* What is known of the listing's segments is forgotten, if that is still the generation's. Returns -ESTALE
 * with a reason, or -ENOMEM. */
int v03_forget_segments(struct v03_generation *generation, const struct v03_listing *listing,
                        struct task *task);

/* v03_inode.c: a state's number, which a listing shows before anything is read. */

/* The state_inode of the state that ends with segment `last`, or with its commit at `frame` (0:
 * the segment's last one), or (NULL) that is the snapshot alone. */
uint64_t v03_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame);

int v03_known_at(struct generation *generation, struct generation_listing *listing, const int64_t *times,
                 size_t n, struct known_state *ret_states);

/* v03_points.c: its restore points. */

int v03_count_points_locked(struct generation *generation, struct generation_listing *listing,
                            struct instants *points);
size_t v03_count_damages_locked(struct generation *generation, struct generation_listing *listing);
int v03_list_snapshots_locked(struct generation *generation, struct generation_listing *listing,
                              struct instants *snapshots);
int v03_describe_points(struct generation *generation, struct generation_listing *listing,
                        const struct measuring *measuring, struct task *task, struct listed_points *points);

/* v03_positions.c: its committed transactions, by name. */

/* The state at INDEX/OFFSET, or (INDEX/) at the end of a WAL. -ENOENT: no commit ends there, or no snapshot
 * leads there. */
int v03_open_position(struct generation *generation, struct generation_listing *listing, const char *position,
                      struct task *task, struct state **ret_state);

/* Whether a snapshot or a segment that counts at `time` begins at or behind `position` (INDEX/OFFSET). */
bool v03_goes_beyond(struct generation *generation, struct generation_listing *listing, int64_t time,
                     const char *position);

/* INDEX folders, or (`folder` is one) an OFFSET for every commit that can be reached. -ENOENT: no such
 * folder. */
int v03_list_positions(struct generation *generation, struct generation_listing *listing, const char *folder,
                       struct task *task, struct names *names);

/* v03_state.c. Makes the state that `chain` leads to, and takes the chain over on success. 0 or -ENOMEM. */
int v03_state_make(struct v03_generation *generation, struct v03_listing *listing, struct chain *chain,
                   struct state **ret_state);

/* v03_verify.c */
int v03_verify(struct generation *generation, struct generation_listing *listing, struct verifier *verifier,
               struct task *task);
