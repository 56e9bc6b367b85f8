/* The point that an answer leads to: when the state came to be that it gives.
 *
 * That is the first instant of which the plan has the same base and reaches the same TXID, and both only grow
 * with time. It takes the times of all files to know every point; but of the latest state the times of those
 * files are enough that make it, for nothing is later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"
#include "ltx_time.h"
#include "v05.h"

#define STORED_LATER (3600 * INSTANT_SECOND)

static int64_t v05_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first time of a file that brings the plan's last TXID, past the base. */
static int64_t v05_first_to_reach(const struct v05_listing *listing, const struct plan *plan)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level != V05_BASE_LEVEL && file->max_txid == plan->txid &&
            file->learnt.state != LEARNT_DAMAGED && file->time < first)
            first = file->time;
    }
    return first;
}

/* The point of the latest state. It can't be before its base, nor before the first file that brings its last
 * TXID; if all of the plan's files were there then, it is that. False: it takes more to know. Called
 * locked. */
static bool v05_find_latest_locked(const struct v05_listing *listing, const struct plan *plan,
                                   int64_t *ret_point)
{
    int64_t base = plan->base ? plan->base->time : INT64_MIN;
    int64_t reach = plan->n_chain ? v05_first_to_reach(listing, plan) : base;

    if (reach == LTX_TIME_UNKNOWN || (plan->base && base == LTX_TIME_UNKNOWN))
        return false;
    *ret_point = v05_later(base, reach);
    for (size_t i = 0; i < plan->n_chain; i++)
        if (plan->chain[i]->time > *ret_point)
            return false;
    return true;
}

int v05_count_points_locked(struct generation *base, struct generation_listing *listing,
                            struct instants *points)
{
    struct v05_generation *generation = v05_generation_of(base);
    struct plan_points found = {0};
    int r = plan_points_locked(v05_listing_of(listing), &found);

    free(generation->ends);
    generation->ends = calloc(found.n + 1, sizeof *generation->ends);
    if (!generation->ends)
        r = -ENOMEM;
    for (size_t i = 0; i < found.n && r == 0; i++) {
        generation->ends[i] = (struct plan_end){found.items[i].txid, found.items[i].base};
        r = instants_add(points, found.items[i].time);
    }
    free(found.items);
    return r;
}

size_t v05_count_damages_locked(struct generation *generation, struct generation_listing *listing)
{
    return v05_generation_of(generation)->n_damaged;
}

/* The newest point at or before `time`; without one, `time` itself. */
static int64_t v05_newest_point(const struct instants *points, int64_t time)
{
    size_t n = instants_until(points, time);
    return n ? points->times[n - 1] : time;
}

int v05_find_point(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                   const struct plan *plan, struct task *task, int64_t *ret_point)
{
    bool found = false;
    int r = 0;

    pthread_mutex_lock(&generation->base.lock);
    if (time == INSTANT_MAX && listing->times.state != LEARNT_SOUND)
        found = v05_find_latest_locked(listing, plan, ret_point);
    pthread_mutex_unlock(&generation->base.lock);
    if (found)
        return 0;
    r = ltx_times_learn(generation, listing, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->base.lock);
    r = generation_count_points_locked(&generation->base, &listing->base);
    if (r == 0)
        *ret_point = v05_newest_point(&generation->base.points.instants, time);
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

/* Whether the file was surely there at `time`. It was written before it was stored, by clocks that do not
 * differ by hours. */
static bool v05_was_surely_there(const struct ltx_file *file, int64_t time)
{
    int64_t latest = file->time;
    return (latest != LTX_TIME_UNKNOWN ||
            !__builtin_add_overflow(file->object.modified, STORED_LATER, &latest)) &&
           latest <= time;
}

/* Whether a file was that holds a whole database. Called locked. */
static bool v05_surely_begins_by_locked(const struct v05_listing *listing, int64_t time)
{
    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->min_txid == 1 && file->learnt.state != LEARNT_DAMAGED && v05_was_surely_there(file, time))
            return true;
    }
    return false;
}

int v05_begins_by(struct generation *generation, struct generation_listing *base, int64_t time,
                  struct task *task)
{
    const struct instants *points = &generation->points.instants;
    struct v05_listing *listing = v05_listing_of(base);

    pthread_mutex_lock(&generation->lock);
    bool surely = v05_surely_begins_by_locked(listing, time);
    pthread_mutex_unlock(&generation->lock);
    if (surely)
        return 1;
    int r = ltx_times_learn(v05_generation_of(generation), listing, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    r = generation_count_points_locked(generation, base);
    if (r == 0)
        r = points->n && points->times[0] <= time;
    pthread_mutex_unlock(&generation->lock);
    return r;
}

/* --- what a listing tells of a state before anything is read --- */

/* Of the latest state names alone tell, unless two files have the same one. */
static int v05_known_latest(struct v05_generation *generation, const struct v05_listing *listing,
                            bool is_timed, struct known_state *state)
{
    _cleanup_(plan_finish) struct plan plan = {0};
    _cleanup_free_ char *gap = NULL;
    int r = 0;

    if (listing->has_doubles && !is_timed)
        return 0;
    r = plan_find(generation, listing, INSTANT_MAX, UINT64_MAX, &plan);
    if (r < 0 || plan.txid == 0)
        return r;
    r = plan_describe_gap(generation, listing, INSTANT_MAX, &plan, &gap);
    state->inode = plan_inode(plan.base, plan.txid);
    state->is_whole = !gap;
    return r;
}

/* With the generation's points known. */
static void v05_known_point_locked(const struct v05_generation *generation, int64_t time,
                                   struct known_state *state)
{
    const struct instants *points = &generation->base.points.instants;
    size_t n = instants_until(points, time);

    if (n == 0)
        return;
    state->inode = plan_inode(generation->ends[n - 1].base, generation->ends[n - 1].txid);
    state->is_whole = is_shown_as(points->times[n - 1], time);
}

/* Files are made anew with each listing, but not those that were known, nor their times. */
static bool v05_is_timed_locked(struct v05_listing *listing)
{
    for (size_t i = 0; i < listing->n_files && listing->times.state != LEARNT_SOUND; i++)
        if (listing->files[i]->time == LTX_TIME_UNKNOWN)
            return false;
    return true;
}

static int v05_known_points(struct v05_generation *generation, struct v05_listing *listing,
                            const int64_t *times, size_t n, struct known_state *ret_states)
{
    int r = 0;

    pthread_mutex_lock(&generation->base.lock);
    bool is_timed = v05_is_timed_locked(listing);
    if (is_timed)
        r = generation_count_points_locked(&generation->base, &listing->base);
    for (size_t i = 0; i < n; i++) {
        ret_states[i] = (struct known_state){.is_timed = is_timed};
        if (is_timed && r == 0)
            v05_known_point_locked(generation, times[i], &ret_states[i]);
    }
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

int v05_known_at(struct generation *base, struct generation_listing *current, const int64_t *times, size_t n,
                 struct known_state *ret_states)
{
    struct v05_generation *generation = v05_generation_of(base);
    struct v05_listing *listing = v05_listing_of(current);
    int r = v05_known_points(generation, listing, times, n, ret_states);

    for (size_t i = 0; i < n && r == 0; i++)
        if (times[i] == INSTANT_MAX)
            r = v05_known_latest(generation, listing, ret_states[i].is_timed, &ret_states[i]);
    return r;
}
