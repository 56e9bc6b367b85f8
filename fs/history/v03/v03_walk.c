#include "v03_walk.h"

#include "litemount/instant.h"
#include "litemount/shown.h"
#include "v03.h"
#include "v03/wal/chain.h"
#include "v03_listing.h"

/* The segments that are known to continue each other need not be looked at again. */
static void v03_walk_begin(struct v03_walk *walk, struct snapshot *snapshot)
{
    size_t begin = v03_find_index(walk->listing, snapshot->index);
    bool is_within = begin >= walk->begin && begin < walk->end;

    walk->snapshot = snapshot;
    walk->begin = begin;
    if (!is_within || !replay_can_follow(walk->listing, snapshot, begin, begin))
        walk->end = begin;
}

void v03_walk_to(struct v03_walk *walk, int64_t time)
{
    const struct v03_listing *listing = walk->listing;
    size_t snapshots = v03_snapshots_at(listing, time), newest = snapshots;

    while (newest > walk->snapshots && snapshot_is_damaged(listing->snapshots[newest - 1]))
        newest--;
    if (newest > walk->snapshots)
        v03_walk_begin(walk, listing->snapshots[newest - 1]);
    walk->snapshots = snapshots;
    walk->segments = v03_segments_at(listing, time);
    while (walk->snapshot && walk->end < walk->segments &&
           replay_can_follow(listing, walk->snapshot, walk->begin, walk->end))
        walk->end++;
}

bool v03_walk_on(struct v03_walk *walk)
{
    const struct v03_listing *listing = walk->listing;
    int64_t time = INSTANT_MAX;

    if (walk->snapshots == listing->n_snapshots && walk->segments == listing->n_segments)
        return false;
    if (walk->segments < listing->n_segments)
        time = listing->times[walk->segments];
    if (walk->snapshots < listing->n_snapshots && listing->snapshots[walk->snapshots]->object.modified < time)
        time = listing->snapshots[walk->snapshots]->object.modified;
    v03_walk_to(walk, time);
    return true;
}

int64_t v03_walk_point(const struct v03_walk *walk)
{
    int64_t made = walk->snapshot->object.modified;
    int64_t time = walk->end > walk->begin ? walk->listing->times[walk->end - 1] : made;
    return time > made ? time : made;
}

/* --- what it tells before anything is read --- */

/* Whether no hole lies between where the replay ends and what is younger than the time asked for. */
static bool v03_walk_goes_on(const struct v03_walk *walk)
{
    return walk->end == walk->listing->n_segments ||
           replay_can_follow(walk->listing, walk->snapshot, walk->begin, walk->end);
}

int v03_known_at(struct generation *generation, struct generation_listing *base, const int64_t *times,
                 size_t n, struct known_state *ret_states)
{
    struct v03_walk walk = {.listing = v03_listing_of(base)};

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < n; i++) {
        ret_states[i] = (struct known_state){.is_timed = true};
        v03_walk_to(&walk, times[i]);
        if (!walk.snapshot)
            continue;
        const struct segment *last = walk.end > walk.begin ? walk.listing->segments[walk.end - 1] : NULL;
        ret_states[i].inode = chain_end_inode(walk.snapshot, last, 0);
        ret_states[i].is_whole = (times[i] != INSTANT_MAX && is_shown_as(v03_walk_point(&walk), times[i])) ||
                                 (walk.end >= walk.segments && v03_walk_goes_on(&walk));
    }
    pthread_mutex_unlock(&generation->lock);
    return 0;
}

int v03_count_points_locked(struct generation *generation, struct generation_listing *base,
                            struct instants *instants)
{
    struct v03_walk walk = {.listing = v03_listing_of(base)};
    int r = 0;

    while (r == 0 && v03_walk_on(&walk)) {
        int64_t point = walk.snapshot ? v03_walk_point(&walk) : 0;
        if (walk.snapshot && (instants->n == 0 || instants->times[instants->n - 1] != point))
            r = instants_add(instants, point);
    }
    return r;
}
