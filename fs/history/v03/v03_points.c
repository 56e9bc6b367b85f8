/* The restore points of a v0.3 generation that can be told apart by time.
 *
 * Every time of an object leads to one: to the newest snapshot that is not known to be damaged, and to as
 * many segments as count by then and can be reached from it. Times and points both ascend, so all of them are
 * one pass over the segments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "replay.h"
#include "v03_positions.h"

/* The segments that do not continue the one before them, as far as is known. Few, if any. */
struct breaks {
    size_t *numbers;
    size_t n, capacity;
};

static void breaks_finish(struct breaks *breaks)
{
    free(breaks->numbers);
}

static int breaks_find(const struct v03_listing *listing, struct breaks *breaks)
{
    int r = 0;
    for (size_t i = 1; i < listing->n_segments && r == 0; i++) {
        if (segment_continues(listing, i))
            continue;
        if ((r = ARRAY_GROW(breaks->numbers, breaks->capacity, breaks->n + 1)) == 0)
            breaks->numbers[breaks->n++] = i;
    }
    return r;
}

/* One pass over the times of a listing. */
struct pass {
    const struct v03_listing *listing;
    const struct breaks *breaks;
    size_t snapshots, segments;      /* that count so far */
    const struct snapshot *snapshot; /* the newest of them that may be sound; NULL: none */
    size_t begin, end;               /* segments that can be reached from it */
};

static void take_snapshot(struct pass *pass, struct snapshot *snapshot)
{
    const struct v03_listing *listing = pass->listing;
    size_t next = 0;

    if (snapshot_is_damaged(snapshot))
        return;
    pass->snapshot = snapshot;
    pass->begin = pass->end = v03_find_index(listing, snapshot->index);
    if (!replay_can_begin(listing, snapshot, pass->begin))
        return;
    while (next < pass->breaks->n && pass->breaks->numbers[next] <= pass->begin)
        next++;
    pass->end = next < pass->breaks->n ? pass->breaks->numbers[next] : listing->n_segments;
}

/* Moves on to the next time of an object. False at the end. */
static bool next_time(struct pass *pass)
{
    const struct v03_listing *listing = pass->listing;
    int64_t time = INSTANT_MAX;

    if (pass->snapshots == listing->n_snapshots && pass->segments == listing->n_segments)
        return false;
    if (pass->segments < listing->n_segments)
        time = listing->times[pass->segments];
    if (pass->snapshots < listing->n_snapshots && listing->snapshots[pass->snapshots]->object.modified < time)
        time = listing->snapshots[pass->snapshots]->object.modified;
    while (pass->segments < listing->n_segments && listing->times[pass->segments] <= time)
        pass->segments++;
    while (pass->snapshots < listing->n_snapshots &&
           listing->snapshots[pass->snapshots]->object.modified <= time)
        take_snapshot(pass, listing->snapshots[pass->snapshots++]);
    return true;
}

static int64_t point_of(const struct pass *pass)
{
    size_t end = pass->end < pass->segments ? pass->end : pass->segments;
    int64_t made = pass->snapshot->object.modified;
    int64_t time = end > pass->begin ? pass->listing->times[end - 1] : made;
    return time > made ? time : made;
}

static int count(const struct v03_listing *listing, struct instants *instants)
{
    _cleanup_(breaks_finish) struct breaks breaks = {0};
    struct pass pass = {.listing = listing, .breaks = &breaks};
    int r = breaks_find(listing, &breaks);

    while (r == 0 && next_time(&pass)) {
        int64_t point = pass.snapshot ? point_of(&pass) : 0;
        if (pass.snapshot && (instants->n == 0 || instants->times[instants->n - 1] != point))
            r = instants_add(instants, point);
    }
    return r;
}

static size_t count_damaged(const struct v03_listing *listing)
{
    size_t n = 0;
    for (size_t i = 0; i < listing->n_snapshots; i++)
        n += snapshot_is_damaged(listing->snapshots[i]);
    return n;
}

/* The generation's points, counted again if something has changed since. Called with the generation locked.
 */
static int update(struct v03_generation *generation, struct v03_listing *listing)
{
    struct known_points *points = &generation->points;
    size_t n_damaged = count_damaged(listing);

    if (points->listing == listing && points->n_damaged == n_damaged)
        return 0;
    points->instants.n = 0;
    v03_listing_unref(points->listing);
    points->listing = NULL;
    int r = count(listing, &points->instants);
    if (r < 0)
        return r;
    points->listing = v03_listing_ref(listing);
    points->n_damaged = n_damaged;
    return 0;
}

int v03_points(struct v03_generation *generation, struct v03_listing *listing, struct instants *points)
{
    const struct instants *known = &generation->points.instants;

    pthread_mutex_lock(&generation->lock);
    int r = update(generation, listing);
    if (r == 0)
        r = ARRAY_GROW(points->times, points->capacity, points->n + known->n);
    if (r == 0 && known->n)
        memcpy(points->times + points->n, known->times, known->n * sizeof *points->times);
    points->n += r == 0 ? known->n : 0;
    pthread_mutex_unlock(&generation->lock);
    return r;
}

int v03_landmarks(struct v03_generation *generation, struct v03_listing *listing, struct instants *landmarks)
{
    const struct instants *known = &generation->points.instants;

    pthread_mutex_lock(&generation->lock);
    int r = update(generation, listing);
    if (r == 0 && known->n)
        r = instants_add(landmarks, known->times[known->n - 1]);
    pthread_mutex_unlock(&generation->lock);
    for (size_t i = 0; i < listing->n_snapshots && r == 0; i++)
        if (!snapshot_is_damaged(listing->snapshots[i]))
            r = instants_add(landmarks, listing->snapshots[i]->object.modified);
    return r;
}

void v03_forget_points(struct v03_generation *generation)
{
    v03_listing_unref(generation->points.listing);
    generation->points.listing = NULL;
}
