#include "v03_positions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chain.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"

/* The point that `time` leads to, past what is known to be damaged. */
static bool point_at(const struct v03_listing *listing, const size_t *ends, int64_t time, int64_t *ret_point)
{
    size_t snapshots = v03_snapshots_at(listing, time), segments = v03_segments_at(listing, time);

    while (snapshots && snapshot_is_damaged(listing->snapshots[snapshots - 1]))
        snapshots--;
    if (snapshots == 0)
        return false;
    const struct snapshot *snapshot = listing->snapshots[snapshots - 1];
    size_t begin = v03_find_index(listing, snapshot->index), end = begin;
    if (begin < segments && chain_begins(listing, snapshot, begin))
        end = ends[begin] < segments ? ends[begin] : segments;
    *ret_point = snapshot->object.modified;
    if (end > begin && listing->times[end - 1] > *ret_point)
        *ret_point = listing->times[end - 1];
    return true;
}

int v03_points(struct v03_generation *generation, const struct v03_listing *listing, struct instants *points)
{
    _cleanup_free_ size_t *ends = calloc(listing->n_segments + 1, sizeof *ends);
    int64_t point;
    int r = 0;

    if (!ends)
        return -ENOMEM;
    pthread_mutex_lock(&generation->lock);
    chain_ends(listing, ends);
    for (size_t i = 0; i < listing->n_segments && r == 0; i++)
        if (point_at(listing, ends, listing->times[i], &point))
            r = instants_add(points, point);
    for (size_t i = 0; i < listing->n_snapshots && r == 0; i++)
        if (point_at(listing, ends, listing->snapshots[i]->object.modified, &point))
            r = instants_add(points, point);
    pthread_mutex_unlock(&generation->lock);
    return r;
}

int v03_landmarks(struct v03_generation *generation, const struct v03_listing *listing,
                  struct instants *landmarks)
{
    _cleanup_free_ size_t *ends = calloc(listing->n_segments + 1, sizeof *ends);
    int64_t end;
    int r = 0;

    if (!ends)
        return -ENOMEM;
    pthread_mutex_lock(&generation->lock);
    chain_ends(listing, ends);
    if (point_at(listing, ends, INSTANT_MAX, &end))
        r = instants_add(landmarks, end);
    pthread_mutex_unlock(&generation->lock);
    for (size_t i = 0; i < listing->n_snapshots && r == 0; i++)
        if (!snapshot_is_damaged(listing->snapshots[i]))
            r = instants_add(landmarks, listing->snapshots[i]->object.modified);
    return r;
}

/* Learns the segments of one WAL. Returns 0 and which they are, -ENOENT if there are none. */
static int learn_wal(struct v03_generation *generation, struct v03_listing *listing, uint32_t index,
                     struct task *task, size_t *ret_begin, size_t *ret_end)
{
    size_t begin = v03_find_index(listing, index), end = begin;

    while (end < listing->n_segments && listing->segments[end]->index == index)
        end++;
    if (begin == end)
        return -ENOENT;
    *ret_begin = begin;
    *ret_end = end;
    return segments_learn(generation, listing, begin, end, task);
}

/* A commit in a listing. */
struct place {
    size_t segment;
    struct wal_position at;
    bool ends_segment, ends_wal; /* it is the last one there */
    bool wal_is_over;            /* another WAL follows: there it ends for good */
};

enum lead { LEADS_NOWHERE, LEADS_BY_TIME, LEADS_SURELY };

/* Whether a snapshot leads to a commit. One of an earlier WAL does, surely, and so does one of the same WAL
 * to its end: all of it is replayed. But within its own WAL a snapshot may hold commits already that come
 * later, and nothing in it tells. Times tell a little: `litestream restore` takes the snapshot for segments
 * that are not older than it; and in a segment whose predecessor is younger than the snapshot every commit
 * is. */
static enum lead leads_to(const struct snapshot *snapshot, const struct v03_listing *listing,
                          const struct place *place)
{
    int64_t made = snapshot->object.modified;
    size_t i = place->segment;

    if (snapshot->index != place->at.index)
        return snapshot->index < place->at.index ? LEADS_SURELY : LEADS_NOWHERE;
    if (place->ends_wal)
        return place->wal_is_over ? LEADS_SURELY : LEADS_BY_TIME;
    if (place->ends_segment && made <= listing->times[i])
        return LEADS_BY_TIME;
    bool has_predecessor = i > 0 && listing->segments[i - 1]->index == place->at.index;
    return has_predecessor && made < listing->times[i - 1] ? LEADS_BY_TIME : LEADS_NOWHERE;
}

/* Tries the snapshots that lead to the commit in this way, newest first. */
static int open_from(struct v03_generation *generation, struct v03_listing *listing,
                     const struct place *place, enum lead lead, struct task *task, struct state **ret_state)
{
    for (size_t i = listing->n_snapshots; i > 0; i--) {
        struct snapshot *snapshot = listing->snapshots[i - 1];
        struct state *state;
        if (leads_to(snapshot, listing, place) != lead)
            continue;
        int r = v03_usable(generation, snapshot, task);
        if (r > 0)
            r = v03_open_chain(generation, listing, snapshot, place->segment + 1, place->at, task, &state);
        else if (r == 0)
            continue;
        if (r < 0)
            return r;
        if (!state_gap(state)) {
            *ret_state = state;
            return 0;
        }
        state_unref(state); /* a hole lies between */
    }
    return -ENOENT;
}

static int open_commit(struct v03_generation *generation, struct v03_listing *listing,
                       const struct place *place, struct task *task, struct state **ret_state)
{
    int r = open_from(generation, listing, place, LEADS_SURELY, task, ret_state);
    return r == -ENOENT ? open_from(generation, listing, place, LEADS_BY_TIME, task, ret_state) : r;
}

/* Calls `visit` for every commit of segments that can be replayed one after the other from the WAL's
 * beginning; `offset` is where it ends in the WAL. */
typedef int visit_commit(void *context, const struct place *place, uint64_t offset);

static int each_commit(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                       size_t end, visit_commit *visit, void *context)
{
    const struct snapshot at_beginning = {.index = listing->segments[begin]->index};
    int r = 0;

    pthread_mutex_lock(&generation->lock);
    size_t reach = chain_reach(listing, &at_beginning, end, &begin);
    for (size_t i = begin; i < reach && r == 0; i++) {
        const struct segment *segment = listing->segments[i];
        uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)segment->header.page_size;
        for (size_t j = 0; j < segment->n_commits && r == 0; j++) {
            bool is_last = j + 1 == segment->n_commits;
            struct place place = {i,
                                  {segment->index, segment->commits[j].frame},
                                  is_last,
                                  is_last && i + 1 == end,
                                  end < listing->n_segments};
            r = visit(context, &place, WAL_HEADER_SIZE + segment->commits[j].frame * frame_size);
        }
    }
    pthread_mutex_unlock(&generation->lock);
    return r;
}

struct wanted {
    uint64_t offset;
    bool found;
    struct place place;
};

static int compare_wanted(void *context, const struct place *place, uint64_t offset)
{
    struct wanted *wanted = context;
    if (offset == wanted->offset) {
        wanted->found = true;
        wanted->place = *place;
    }
    return 0;
}

static bool parse_hex(const char *text, size_t length, uint64_t *ret_value)
{
    char digits[17] = "";
    if (length < 8 || length > 16 || strspn(text, "0123456789abcdef") < length)
        return false;
    memcpy(digits, text, length);
    *ret_value = strtoull(digits, NULL, 16);
    return true;
}

int v03_open_position(struct v03_generation *generation, struct v03_listing *listing, const char *position,
                      struct task *task, struct state **ret_state)
{
    struct wanted wanted = {0};
    uint64_t index;
    size_t begin, end, length = strcspn(position, "/");

    if (!parse_hex(position, length, &index) || index > UINT32_MAX || position[length] != '/' ||
        !parse_hex(position + length + 1, strlen(position + length + 1), &wanted.offset))
        return -ENOENT;
    int r = learn_wal(generation, listing, (uint32_t)index, task, &begin, &end);
    if (r == 0)
        r = each_commit(generation, listing, begin, end, compare_wanted, &wanted);
    if (r < 0)
        return r;
    return wanted.found ? open_commit(generation, listing, &wanted.place, task, ret_state) : -ENOENT;
}

static int list_wals(const struct v03_listing *listing, struct names *names)
{
    int r = 0;
    for (size_t i = 0; i < listing->n_segments && r == 0; i++) {
        char text[16];
        if (i && listing->segments[i - 1]->index == listing->segments[i]->index)
            continue;
        snprintf(text, sizeof text, "%08x", listing->segments[i]->index);
        r = names_add(names, text, true);
    }
    return r;
}

struct commit_list {
    const struct v03_listing *listing;
    struct names *names;
};

/* Whether some snapshot leads to the commit, as far as names and times tell. */
static bool is_reachable(const struct v03_listing *listing, const struct place *place)
{
    for (size_t i = 0; i < listing->n_snapshots; i++)
        if (leads_to(listing->snapshots[i], listing, place) != LEADS_NOWHERE &&
            !snapshot_is_damaged(listing->snapshots[i]))
            return true;
    return false;
}

static int add_commit(void *context, const struct place *place, uint64_t offset)
{
    struct commit_list *list = context;
    char text[24];

    if (!is_reachable(list->listing, place))
        return 0;
    snprintf(text, sizeof text, "%08" PRIx64, offset);
    return names_add(list->names, text, false);
}

int v03_list_positions(struct v03_generation *generation, struct v03_listing *listing, const char *folder,
                       struct task *task, struct names *names)
{
    struct commit_list list = {listing, names};
    uint64_t index;
    size_t begin, end;

    if (!folder)
        return list_wals(listing, names);
    if (!parse_hex(folder, strlen(folder), &index) || index > UINT32_MAX)
        return -ENOENT;
    int r = learn_wal(generation, listing, (uint32_t)index, task, &begin, &end);
    return r < 0 ? r : each_commit(generation, listing, begin, end, add_commit, &list);
}
