/* What a generation's listing shows, and which part of it belongs to an instant. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generation/generation.h"
#include "litemount/array.h"
#include "v03/wal/segment.h"

struct listing;
struct snapshot;
struct v03_frames;
struct v03_generation;

/* What a listing showed: immutable, shared by all states that were made from it. */
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

/* Makes a listing of what was found; of what was known before (NULL: nothing) it takes over what is still so,
 * and is `known` itself if nothing has changed. `only_rest`: found were all snapshots, and the segments with
 * keys after that of the one before v03_first_to_list_again. 0, -ENOMEM, or -ESTALE if the rest is not
 * enough, for something known is gone. */
int v03_listing_make(const struct listing *found, struct v03_listing *known, bool only_rest,
                     struct v03_listing **ret_listing);

/* The same listing, in which snapshots that have failed are made anew, and, if so asked, all segments. 0 or
 * -ENOMEM. */
int v03_listing_renew_locked(struct v03_generation *generation, const struct v03_listing *known,
                             bool segments, struct v03_listing **ret_listing);

/* The number of the segment from which on a refresh lists again. */
size_t v03_first_to_list_again(const struct v03_listing *listing);

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
size_t v03_segments_at(const struct v03_listing *listing, int64_t time);
size_t v03_snapshots_at(const struct v03_listing *listing, int64_t time);

/* The number of a WAL's first segment, or where it would be. */
static inline size_t v03_find_index(const struct v03_listing *listing, uint64_t index)
{
    return ARRAY_LOWER_BOUND(listing->n_segments, i, listing->segments[i]->index < index);
}

/* When the newest state at `time` came to be, as far as names and times tell; false if there is none. */
bool v03_point_at(const struct v03_listing *listing, int64_t time, int64_t *ret_point);
