/* A state's number, as the names of its objects tell it: a listing shows it before anything is read.
 *
 * What a state holds is told by where its replay ends: a segment, which is written once, or a commit within
 * one; without any, the snapshot. Whichever snapshot it began with, the bytes are the same. */
#include <inttypes.h>
#include <stdio.h>

#include "litemount/hash.h"
#include "litemount/instant.h"
#include "litemount/shown.h"
#include "v03.h"
#include "v03/snapshot/snapshot.h"
#include "v03/wal/replay.h"
#include "v03_listing.h"

uint64_t v03_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame)
{
    char text[16];
    uint64_t hash = hash_text(HASH_START, last ? last->object.key : snapshot->object.key);

    snprintf(text, sizeof text, "%" PRIu32, frame);
    return hash_text(hash, last ? text : snapshot->object.version);
}

/* How far the replay upon a snapshot goes, as far as is known. */
struct replay_reach {
    const struct v03_listing *listing;
    struct snapshot *snapshot; /* NULL: there is none yet */
    size_t begin, end;         /* segments */
    bool is_over;              /* it does not go beyond `end` */
};

static void v03_reach_begin(struct replay_reach *reach, struct snapshot *snapshot)
{
    reach->snapshot = snapshot;
    reach->begin = reach->end = v03_find_index(reach->listing, snapshot->index);
    reach->is_over = !replay_can_begin(reach->listing, snapshot, reach->begin);
}

/* Where it ends among the first `n_segments`. */
static size_t v03_reach_within(struct replay_reach *reach, size_t n_segments)
{
    while (!reach->is_over && reach->end < n_segments) {
        reach->is_over = reach->end > reach->begin && !segment_continues(reach->listing, reach->end);
        reach->end += !reach->is_over;
    }
    if (n_segments <= reach->begin)
        return reach->begin;
    return reach->end < n_segments ? reach->end : n_segments;
}

static struct snapshot *v03_reach_snapshot(const struct v03_listing *listing, int64_t time)
{
    for (size_t i = v03_snapshots_at(listing, time); i > 0; i--)
        if (!snapshot_is_damaged(listing->snapshots[i - 1]))
            return listing->snapshots[i - 1];
    return NULL;
}

/* Whether no hole lies between where a replay ends and what is younger than the time asked for. */
static bool v03_reach_goes_on(const struct replay_reach *reach, size_t end)
{
    if (end == reach->listing->n_segments)
        return true;
    return end == reach->begin ? replay_can_begin(reach->listing, reach->snapshot, end)
                               : segment_continues(reach->listing, end);
}

static void v03_reach_describe(struct replay_reach *reach, int64_t time, struct known_state *ret_state)
{
    const struct v03_listing *listing = reach->listing;
    size_t n_segments = v03_segments_at(listing, time), end = v03_reach_within(reach, n_segments);
    int64_t point = reach->snapshot->object.modified;

    if (end > reach->begin && listing->times[end - 1] > point)
        point = listing->times[end - 1];
    ret_state->inode = v03_inode(reach->snapshot, end > reach->begin ? listing->segments[end - 1] : NULL, 0);
    ret_state->is_whole = (time != INSTANT_MAX && is_shown_as(point, time)) ||
                          (end >= n_segments && v03_reach_goes_on(reach, end));
}

int v03_known_at(struct generation *generation, struct generation_listing *base, const int64_t *times,
                 size_t n, struct known_state *ret_states)
{
    const struct v03_listing *listing = v03_listing_of(base);
    struct replay_reach reach = {.listing = listing};

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < n; i++) {
        struct snapshot *snapshot = v03_reach_snapshot(listing, times[i]);
        ret_states[i] = (struct known_state){.is_timed = true};
        if (snapshot && snapshot != reach.snapshot)
            v03_reach_begin(&reach, snapshot);
        if (snapshot)
            v03_reach_describe(&reach, times[i], &ret_states[i]);
    }
    pthread_mutex_unlock(&generation->lock);
    return 0;
}
