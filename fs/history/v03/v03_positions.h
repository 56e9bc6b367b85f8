/* What can be asked of a v0.3 generation by name: its restore points, and its committed transactions. */
#pragma once

#include "v03/wal/versions.h"

struct instants;
struct listed_points;
struct measuring;
struct names;
struct snapshot;
struct state;
struct task;
struct v03_generation;
struct v03_listing;

/* v03_points.c. Adds, ascending, every point that can be told apart by time and reached, as far as is known.
 * 0 or -ENOMEM. */
int v03_points(struct v03_generation *generation, struct v03_listing *listing, struct instants *points);

/* Adds the time of each snapshot that may be sound, and the last point. 0 or -ENOMEM. */
int v03_landmarks(struct v03_generation *generation, struct v03_listing *listing, struct instants *landmarks);

/* Adds every point, and tells what follows it: see describe_points. 0, or a negative errno with a reason. */
int v03_describe_points(struct v03_generation *generation, struct v03_listing *listing,
                        const struct measuring *measuring, struct task *task, struct listed_points *points);

/* The points are to be counted again: a segment turned out not to continue what is before it. Called with the
 * generation locked. */
void v03_forget_points(struct v03_generation *generation);

/* v03_positions.c */

#define V03_POSITION_SIZE 26 /* bytes of its text, with the NUL */

/* INDEX/OFFSET: where the commit frame at `at` ends in its WAL; frame 0: at its beginning. */
void v03_format_position(struct wal_position at, uint32_t page_size, char text[static V03_POSITION_SIZE]);

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

/* v03_generation.c */
int v03_open_chain(struct v03_generation *generation, struct v03_listing *listing, struct snapshot *snapshot,
                   size_t n_segments, struct wal_position limit, struct task *task, struct state **ret_state);
int v03_usable(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);
