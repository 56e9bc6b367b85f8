/* Litestream v0.3: a generation is snapshots and WAL segments.
 *
 * Position: a WAL index and a frame of that WAL, counted from 1. A state is a snapshot and the last commit
 * that is replayed upon it. Sources: Litestream v0.3.13 replica.go (Restore, SnapshotIndexAt, walSegmentMap),
 * SQLite's wal.c (what a checkpoint writes). */
#pragma once

#include "object/v03_base.h"

struct chain;
struct v03_listing;

/* v03_renew.c: what was found wrong is looked at again: damage after a time, a snapshot that failed at once,
 * and segments that turned out to have come as something else. */

/* These, and all that are called with heads, are generation_ops. */
void v03_renew_locked(struct generation *generation);

/* v03_walk.c: what names and times tell. */

int v03_known_at(struct generation *generation, struct generation_listing *listing, const int64_t *times,
                 size_t n, struct known_state *ret_states);

int v03_count_points_locked(struct generation *generation, struct generation_listing *listing,
                            struct instants *points);

/* v03_points.c: its restore points. */

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
