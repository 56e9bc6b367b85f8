/* What a generation's listing showed: its segments in order and its snapshots, as replays go along them. */
#pragma once

#include "generation/generation.h"
#include "litemount/array.h"
#include "segment.h"
#include "v03/snapshot/snapshot.h"

struct v03_frames;

/* Immutable; shared by all states that were made from it. */
struct v03_listing {
    struct generation_listing base;
    struct segment_row *row;   /* a reference */
    struct segment **segments; /* these three are the row's */
    int64_t *times;
    uint64_t *sizes;
    size_t n_segments;
    int64_t earliest_segment;  /* the earliest time of one; INT64_MAX: there is none */
    struct v03_frames *frames; /* a reference */
    /* By time; of equal times the one that Litestream takes, the lowest index, is last. A reference each. */
    struct snapshot **snapshots;
    size_t n_snapshots;
    int64_t earliest, latest; /* of all objects */
};

static inline struct v03_listing *v03_listing_of(struct generation_listing *listing)
{
    return (struct v03_listing *)listing;
}

static inline struct v03_listing *v03_listing_ref(struct v03_listing *listing)
{
    return v03_listing_of(generation_listing_ref(&listing->base));
}

static inline void v03_listing_unref(struct v03_listing *listing) /* NULL is fine */
{
    generation_listing_unref(listing ? &listing->base : NULL);
}

/* How many segments, and snapshots, count at `time`. */
static inline size_t v03_segments_at(const struct v03_listing *listing, int64_t time)
{
    return ARRAY_LOWER_BOUND(listing->n_segments, i, listing->times[i] <= time);
}

static inline size_t v03_snapshots_at(const struct v03_listing *listing, int64_t time)
{
    return ARRAY_LOWER_BOUND(listing->n_snapshots, i, listing->snapshots[i]->object.modified <= time);
}

/* The number of a WAL's first segment, or where it would be. */
static inline size_t v03_find_index(const struct v03_listing *listing, uint64_t index)
{
    return ARRAY_LOWER_BOUND(listing->n_segments, i, listing->segments[i]->index < index);
}
