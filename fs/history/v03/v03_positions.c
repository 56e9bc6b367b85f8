#include "v03.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "v03/snapshot/snapshot.h"
#include "v03/wal/wal_lead.h"
#include "v03_key.h"
#include "v03_listing.h"

/* Where it ends in the WAL: bytes. */
static uint64_t v03_end_of_commit(const struct segment *segment, size_t j)
{
    return segment_frame_end(segment->commits[j].frame, segment->header.page_size);
}

/* The number of the segment of WAL `index` in which a commit can end at `offset`; the end of the WAL's
 * segments if there is none. */
static size_t v03_find_offset(const struct v03_listing *listing, uint32_t index, uint64_t offset)
{
    size_t begin = v03_find_index(listing, index), end = v03_find_index(listing, (uint64_t)index + 1);
    size_t n = ARRAY_LOWER_BOUND(end - begin, i, listing->segments[begin + i]->offset < offset);
    return n ? begin + n - 1 : end;
}

/* The commit that ends at `offset` within segment `i`. */
static bool v03_find_commit(struct v03_generation *generation, const struct v03_listing *listing, size_t i,
                            uint64_t offset, struct lead_place *ret_place)
{
    const struct segment *segment = listing->segments[i];
    bool found = false;

    pthread_mutex_lock(&generation->base.lock);
    for (size_t j = 0; segment->learnt.state == LEARNT_SOUND && j < segment->n_commits && !found; j++) {
        found = v03_end_of_commit(segment, j) == offset;
        if (found)
            *ret_place = lead_place(listing, i, j, v03_find_index(listing, (uint64_t)segment->index + 1));
    }
    pthread_mutex_unlock(&generation->base.lock);
    return found;
}

/* The snapshot of the highest index below `limit`; NULL: there is none. */
static struct snapshot *v03_snapshot_below(const struct v03_listing *listing, uint64_t limit)
{
    struct snapshot *highest = NULL;
    for (size_t i = 0; i < listing->n_snapshots; i++)
        if (listing->snapshots[i]->index < limit &&
            (!highest || listing->snapshots[i]->index > highest->index))
            highest = listing->snapshots[i];
    return highest;
}

static int v03_positions_open_upon(struct v03_generation *generation, struct v03_listing *listing,
                                   struct snapshot *snapshot, size_t n_segments, struct wal_position limit,
                                   struct task *task, struct state **ret_state)
{
    _cleanup_(chain_finish) struct chain chain = {0};
    int r = lead_replay(generation, listing, snapshot, n_segments, limit, task, &chain);
    return r < 0 ? r : v03_state_make(generation, listing, &chain, ret_state);
}

/* What `litestream restore -index` gives: the snapshot of the highest index, and every segment up to the end
 * of the WAL. Where that one is damaged or a hole lies behind it, the one before may still lead there.
 * Source: Litestream v0.3.13 replica.go, SnapshotIndexByIndex. */
static int v03_open_wal_end(struct v03_generation *generation, struct v03_listing *listing, uint32_t index,
                            struct task *task, struct state **ret_state)
{
    const struct wal_position limit = {index, UINT32_MAX};
    struct snapshot *snapshot;

    for (uint64_t below = (uint64_t)index + 1; (snapshot = v03_snapshot_below(listing, below));
         below = snapshot->index) {
        struct state *state = NULL;
        int r = chain_can_begin(generation, snapshot, task);
        if (r > 0)
            r = v03_positions_open_upon(generation, listing, snapshot,
                                        v03_find_index(listing, (uint64_t)index + 1), limit, task, &state);
        if (r < 0)
            return r;
        if (state && !state_gap(state)) {
            *ret_state = state;
            return 0;
        }
        state_unref(state);
    }
    return -ENOENT;
}

bool v03_goes_beyond(struct generation *generation, struct generation_listing *base, int64_t time,
                     const char *position)
{
    const struct v03_listing *listing = v03_listing_of(base);
    size_t snapshots = v03_snapshots_at(listing, time), segments = v03_segments_at(listing, time);
    size_t length = strcspn(position, "/");
    uint64_t index, offset;

    if (!v03_parse_hex(position, length, &index) || position[length] != '/' ||
        !v03_parse_hex(position + length + 1, strlen(position + length + 1), &offset))
        return true;
    for (size_t i = 0; i < snapshots; i++)
        if (listing->snapshots[i]->index > index)
            return true;
    const struct segment *last = segments ? listing->segments[segments - 1] : NULL;
    return last && (last->index > index || (last->index == index && last->offset >= offset));
}

static int v03_open_commit(struct v03_generation *generation, struct v03_listing *listing,
                           const struct lead_place *place, struct task *task, struct state **ret_state)
{
    _cleanup_(chain_finish) struct chain chain = {0};
    int r = lead_open(generation, listing, place, task, &chain);
    return r < 0 ? r : v03_state_make(generation, listing, &chain, ret_state);
}

int v03_open_position(struct generation *base, struct generation_listing *current, const char *position,
                      struct task *task, struct state **ret_state)
{
    struct v03_generation *generation = v03_generation_of(base);
    struct v03_listing *listing = v03_listing_of(current);
    struct lead_place place;
    uint64_t index, offset;
    size_t length = strcspn(position, "/");

    if (!v03_parse_hex(position, length, &index) || index > UINT32_MAX || position[length] != '/')
        return -ENOENT;
    if (!position[length + 1])
        return v03_open_wal_end(generation, listing, (uint32_t)index, task, ret_state);
    if (!v03_parse_hex(position + length + 1, strlen(position + length + 1), &offset))
        return -ENOENT;
    size_t i = v03_find_offset(listing, (uint32_t)index, offset);
    if (i == v03_find_index(listing, index + 1))
        return -ENOENT;
    int r = segments_learn(generation, listing, i, i + 1, task);
    if (r < 0)
        return r;
    return v03_find_commit(generation, listing, i, offset, &place)
               ? v03_open_commit(generation, listing, &place, task, ret_state)
               : -ENOENT;
}

static int v03_list_wals(const struct v03_listing *listing, struct names *names)
{
    int r = 0;
    for (size_t i = 0; i < listing->n_segments && r == 0;) {
        uint32_t index = listing->segments[i]->index;
        char text[16];
        snprintf(text, sizeof text, "%08x", index);
        r = names_add(names, text, true);
        i = v03_find_index(listing, (uint64_t)index + 1);
    }
    return r;
}

/* Whether some snapshot leads to the commit, as far as names and times tell. */
static bool v03_is_reachable(const struct v03_listing *listing, const struct lead_place *place)
{
    for (size_t i = 0; i < listing->n_snapshots; i++)
        if (lead_from(listing->snapshots[i], listing, place) != LEADS_NOWHERE &&
            !snapshot_is_damaged(listing->snapshots[i]))
            return true;
    return false;
}

/* Adds the commits of segment `i` that can be reached. */
static int v03_add_commits_locked(const struct v03_listing *listing, size_t i, size_t end,
                                  struct names *names)
{
    const struct segment *segment = listing->segments[i];
    int r = 0;

    for (size_t j = 0; j < segment->n_commits && r == 0; j++) {
        const struct lead_place place = lead_place(listing, i, j, end);
        char text[24];
        if (!v03_is_reachable(listing, &place))
            continue;
        snprintf(text, sizeof text, "%08" PRIx64, v03_end_of_commit(segment, j));
        r = names_add_state(names, text,
                            chain_end_inode(NULL, segment, place.ends_segment ? 0 : place.at.frame));
    }
    return r;
}

/* Adds the commits of one WAL, up to where its segments do not continue each other. */
static int v03_list_commits(struct v03_generation *generation, const struct v03_listing *listing,
                            size_t begin, size_t end, struct names *names)
{
    int r = 0;

    pthread_mutex_lock(&generation->base.lock);
    for (size_t i = begin; i < end && r == 0; i++) {
        if (i == begin ? listing->segments[i]->offset > 0 : !segment_continues(listing, i))
            break;
        r = v03_add_commits_locked(listing, i, end, names);
    }
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

int v03_list_positions(struct generation *base, struct generation_listing *current, const char *folder,
                       struct task *task, struct names *names)
{
    struct v03_generation *generation = v03_generation_of(base);
    const struct v03_listing *listing = v03_listing_of(current);
    uint64_t index;

    if (!folder)
        return v03_list_wals(listing, names);
    if (!v03_parse_hex(folder, strlen(folder), &index) || index > UINT32_MAX)
        return -ENOENT;
    size_t begin = v03_find_index(listing, (uint32_t)index), end = v03_find_index(listing, index + 1);
    if (begin == end)
        return -ENOENT;
    int r = segments_learn(generation, listing, begin, end, task);
    return r < 0 ? r : v03_list_commits(generation, listing, begin, end, names);
}
