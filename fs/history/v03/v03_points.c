/* The restore points of a v0.3 generation that can be told apart by time: each time of an object leads to one
 * (v03_walk.h). */
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "v03.h"
#include "v03/wal/wal_lead.h"
#include "v03_key.h"
#include "v03_listing.h"
#include "v03_walk.h"

#define PARALLEL_SNAPSHOTS 8

size_t v03_count_damages_locked(struct generation *generation, struct generation_listing *base)
{
    const struct v03_listing *listing = v03_listing_of(base);
    size_t n = 0;

    for (size_t i = 0; i < listing->n_snapshots; i++)
        n += snapshot_is_damaged(listing->snapshots[i]);
    return n;
}

int v03_list_snapshots_locked(struct generation *generation, struct generation_listing *base,
                              struct instants *snapshots)
{
    const struct v03_listing *listing = v03_listing_of(base);
    int r = 0;

    for (size_t i = 0; i < listing->n_snapshots && r == 0; i++)
        if (!snapshot_is_damaged(listing->snapshots[i]))
            r = instants_add(snapshots, listing->snapshots[i]->object.modified);
    return r;
}

/* --- described --- */

/* What makes the state at a point. */
struct point_source {
    struct snapshot *snapshot; /* borrowed from the listing */
    size_t begin, end;         /* segments that are replayed upon it */
};

/* Points under way; `points` may have others in front. */
struct points_builder {
    struct v03_generation *generation;
    const struct v03_listing *listing;
    struct listed_points *points;
    size_t first; /* of them that is the generation's */
    struct point_source *sources;
    size_t n, capacity;
};

static int v03_add_point(struct points_builder *description, const struct v03_walk *walk, int64_t time)
{
    const struct listed_point point = {.time = time};
    int r = ARRAY_GROW(description->sources, description->capacity, description->n + 1);

    if (r == 0)
        r = listed_points_add(description->points, &point);
    if (r == 0)
        description->sources[description->n++] =
            (struct point_source){walk->snapshot, walk->begin, walk->end};
    return r;
}

static int v03_find_points_locked(struct points_builder *description)
{
    const struct v03_listing *listing = description->listing;
    struct listed_points *points = description->points;
    struct v03_walk walk = {.listing = listing};
    int r = 0;

    for (const struct snapshot *before = NULL; r == 0 && v03_walk_on(&walk); before = walk.snapshot) {
        if (!walk.snapshot)
            continue;
        int64_t time = v03_walk_point(&walk);
        if (description->n == 0 || points->items[points->n - 1].time != time)
            r = v03_add_point(description, &walk, time);
        struct listed_point *last = r == 0 ? &points->items[points->n - 1] : NULL;
        if (last && walk.snapshot != before)
            last->is_snapshot = true;
        if (last && !last->gap && walk.end < walk.segments)
            r = chain_describe_gap_locked(listing, walk.snapshot, walk.begin, walk.end, &last->gap);
    }
    return r;
}

static int v03_learn_snapshot(void *context, size_t item, struct task *task)
{
    const struct points_builder *description = context;
    return snapshot_learn(description->generation, description->listing->snapshots[item], task);
}

/* The segments from number `first` on. */
struct measured_segments {
    const struct points_builder *description;
    size_t first;
};

static uint64_t v03_segments_size(void *context, size_t n)
{
    const struct measured_segments *segments = context;
    const uint64_t *sizes = segments->description->listing->sizes;
    return n ? sizes[segments->first + n - 1] - (segments->first ? sizes[segments->first - 1] : 0) : 0;
}

static int v03_learn_segments(void *context, size_t begin, size_t end, struct task *task)
{
    const struct measured_segments *segments = context;
    const struct points_builder *description = segments->description;
    return segments_learn(description->generation, description->listing, segments->first + begin,
                          segments->first + end, task);
}

/* Learns what any point may be made of. */
static int v03_learn_all(struct points_builder *description, const struct measuring *measuring,
                         struct task *task)
{
    const struct v03_listing *listing = description->listing;
    struct measured_segments segments = {description, listing->n_segments};
    int r = parallel_each(listing->n_snapshots, PARALLEL_SNAPSHOTS, v03_learn_snapshot, description, task);

    for (size_t i = 0; i < listing->n_snapshots; i++) {
        size_t begin = v03_find_index(listing, listing->snapshots[i]->index);
        segments.first = begin < segments.first ? begin : segments.first;
    }
    const struct measured_objects objects = {listing->n_segments - segments.first, &segments,
                                             v03_segments_size, v03_learn_segments};
    return r < 0 ? r : measure_in_parts(measuring, &objects, task);
}

/* The size where no commit is replayed: bytes. */
static int v03_measure_beginning(const struct points_builder *description, const struct point_source *source,
                                 struct task *task, uint64_t *ret_size)
{
    _cleanup_(chain_finish) struct chain chain = {0};
    const struct wal_position limit = {source->snapshot->index, 0};
    int r = lead_replay(description->generation, description->listing, source->snapshot, source->end, limit,
                        task, &chain);

    if (r == 0)
        *ret_size = chain_size(&chain);
    return r;
}

/* A point's position and size: of what was learnt, which does not change any more. */
static int v03_measure_point(void *context, size_t item, struct task *task)
{
    const struct points_builder *description = context;
    const struct point_source *source = &description->sources[item];
    const struct v03_listing *listing = description->listing;
    struct listed_point *point = &description->points->items[description->first + item];
    const struct wal_position no_limit = {UINT32_MAX, UINT32_MAX};
    struct wal_position at = {source->snapshot->index, 0};
    uint32_t page_size = 0;
    size_t i, j;
    int r = 0;

    if (chain_find_commit(listing, source->begin, source->end, no_limit, &i, &j)) {
        const struct segment *segment = listing->segments[i];
        at = (struct wal_position){segment->index, segment->commits[j].frame};
        page_size = segment->header.page_size;
        point->size = (uint64_t)segment->commits[j].pages * page_size;
    } else {
        r = v03_measure_beginning(description, source, task, &point->size);
    }
    v03_format_position(at, page_size, point->position);
    return r;
}

/* No hole is told of that a second look does not confirm. */
static int v03_confirm_breaks(const struct points_builder *description, struct task *task)
{
    struct v03_generation *generation = description->generation;
    const struct v03_listing *listing = description->listing;
    int r = 0;

    for (size_t i = 1; i < listing->n_segments && r == 0; i++) {
        pthread_mutex_lock(&generation->base.lock);
        bool goes_on = segment_continues(listing, i);
        pthread_mutex_unlock(&generation->base.lock);
        if (!goes_on)
            r = segments_confirm(generation, listing, i, task);
    }
    return r;
}

int v03_describe_points(struct generation *generation, struct generation_listing *listing,
                        const struct measuring *measuring, struct task *task, struct listed_points *points)
{
    struct points_builder description = {.generation = v03_generation_of(generation),
                                         .listing = v03_listing_of(listing),
                                         .points = points,
                                         .first = points->n};
    int r = measuring ? v03_learn_all(&description, measuring, task) : 0;

    if (r == 0 && measuring)
        r = v03_confirm_breaks(&description, task);
    if (r == 0) {
        pthread_mutex_lock(&generation->lock);
        r = v03_find_points_locked(&description);
        pthread_mutex_unlock(&generation->lock);
    }
    if (r == 0 && measuring)
        r = parallel_each(description.n, PARALLEL_SNAPSHOTS, v03_measure_point, &description, task);
    free(description.sources);
    return r;
}
