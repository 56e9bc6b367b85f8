/* The point that an answer leads to: when the state came to be that it gives.
 *
 * That is the first instant of which the plan has the same base and reaches the same TXID, and both only grow
 * with time. It takes the times of all files to know every point; but of the latest state the times of those
 * files are enough that make it, for nothing is later. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "ltx_time.h"

#define STORED_LATER (3600 * INSTANT_SECOND)

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first time of a file that brings the plan's last TXID, past the base. */
static int64_t first_to_reach(const struct v05_listing *listing, const struct plan *plan)
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
static bool find_latest(const struct v05_listing *listing, const struct plan *plan, int64_t *ret_point)
{
    int64_t base = plan->base ? plan->base->time : INT64_MIN;
    int64_t reach = plan->n_chain ? first_to_reach(listing, plan) : base;

    if (reach == LTX_TIME_UNKNOWN || (plan->base && base == LTX_TIME_UNKNOWN))
        return false;
    *ret_point = later(base, reach);
    for (size_t i = 0; i < plan->n_chain; i++)
        if (plan->chain[i]->time > *ret_point)
            return false;
    return true;
}

int v05_count_points_locked(struct v05_generation *generation, struct v05_listing *listing)
{
    struct plan_points points = {0};

    if (listing->points.n && listing->points_damages == generation->n_damaged)
        return 0;
    int r = plan_points(listing, &points);
    listing->points.n = 0;
    free(listing->ends);
    listing->ends = calloc(points.n + 1, sizeof *listing->ends);
    if (!listing->ends)
        r = -ENOMEM;
    for (size_t i = 0; i < points.n && r == 0; i++) {
        listing->ends[i] = (struct plan_end){points.items[i].txid, points.items[i].base};
        r = instants_add(&listing->points, points.items[i].time);
    }
    free(points.items);
    if (r < 0)
        listing->points.n = 0;
    else
        listing->points_damages = generation->n_damaged;
    return r;
}

/* The newest point at or before `time`; without one, `time` itself. */
static int64_t newest_point(const struct instants *points, int64_t time)
{
    size_t n = instants_until(points, time);
    return n ? points->times[n - 1] : time;
}

int v05_find_point(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                   const struct plan *plan, struct task *task, int64_t *ret_point)
{
    bool found = false;
    int r = 0;

    pthread_mutex_lock(&generation->lock);
    if (time == INSTANT_MAX && !listing->timed)
        found = find_latest(listing, plan, ret_point);
    pthread_mutex_unlock(&generation->lock);
    if (found)
        return 0;
    r = ltx_times_learn(generation, listing, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    r = v05_count_points_locked(generation, listing);
    if (r == 0)
        *ret_point = newest_point(&listing->points, time);
    pthread_mutex_unlock(&generation->lock);
    return r;
}

static void unref_listing(struct v05_listing **listing)
{
    v05_listing_unref(*listing);
}

int v05_points(struct v05_generation *generation, struct v05_listing *listing, struct task *task,
               struct instants *points)
{
    int r = ltx_times_learn(generation, listing, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    r = v05_count_points_locked(generation, listing);
    if (r == 0)
        r = ARRAY_GROW(points->times, points->capacity, points->n + listing->points.n);
    if (r == 0 && listing->points.n) {
        memcpy(points->times + points->n, listing->points.times, listing->points.n * sizeof *points->times);
        points->n += listing->points.n;
    }
    pthread_mutex_unlock(&generation->lock);
    return r;
}

/* Whether the file was surely there at `time`. It was written before it was stored, by clocks that do not
 * differ by hours. */
static bool was_surely_there(const struct ltx_file *file, int64_t time)
{
    int64_t latest = file->time;
    return (latest != LTX_TIME_UNKNOWN ||
            !__builtin_add_overflow(file->object.modified, STORED_LATER, &latest)) &&
           latest <= time;
}

/* Whether a file was that holds a whole database. Called locked. */
static bool surely_begins_by(const struct v05_listing *listing, int64_t time)
{
    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->min_txid == 1 && file->learnt.state != LEARNT_DAMAGED && was_surely_there(file, time))
            return true;
    }
    return false;
}

int v05_begins_by(struct generation *base, int64_t time, struct task *task)
{
    struct v05_generation *generation = (struct v05_generation *)base;
    _cleanup_(instants_finish) struct instants points = {0};

    pthread_mutex_lock(&generation->lock);
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_ref(generation->listing);
    bool surely = listing && surely_begins_by(listing, time);
    pthread_mutex_unlock(&generation->lock);
    if (surely || !listing)
        return surely;
    int r = v05_points(generation, listing, task, &points);
    return r < 0 ? r : points.n && points.times[0] <= time;
}
