/* Which segments are replayed upon a snapshot, one after the other, and what they make of its database.
 *
 * What whole objects back is replayed, and nothing else: it ends before the first segment that is missing,
 * damaged, or does not continue the one before it. What was replayed once stays so: a replay only grows, as
 * segments are listed and learnt, and every instant of it is a part of it. All that is here is called with
 * the generation locked. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "wal_image.h"

struct segment;
struct segment_row;
struct snapshot;
struct v03_frames;
struct v03_listing;

/* A WAL index after which the database was cut to fewer pages than it had had. */
struct shrink {
    uint32_t index;
    uint32_t pages;
};

struct replay {
    struct snapshot *snapshot; /* a reference */
    struct segment_row *row;   /* that it grew along: a reference */
    size_t begin, end;         /* segments of the row that are replayed; all of them are sound */
    struct wal_position last;  /* the last commit; frame 0: none yet */
    uint32_t pages;            /* the database's size there */
    uint32_t most_pages;       /* its largest size since it was last cut */
    struct shrink *shrinks;    /* in WAL order, without those of the last index */
    size_t n_shrinks, shrinks_capacity;
};

/* What was learnt of all segments that were found sound. Listings that follow each other share one, as long
 * as segments are only added: if one was deleted or replaced, a new one is begun, so that no frame of what is
 * gone is ever found for what is there. */
struct v03_frames {
    atomic_uint references;
    pthread_rwlock_t lock; /* guards `versions`, which every read looks at; may be taken within the
                              generation's */
    struct versions versions;
    struct wal_images images;
    struct replay **replays; /* one a snapshot; guarded by the generation's lock */
    size_t n_replays, replays_capacity;
};

struct v03_frames *v03_frames_make(void); /* NULL: no memory */
struct v03_frames *v03_frames_ref(struct v03_frames *frames);
void v03_frames_unref(struct v03_frames *frames); /* NULL is fine */

/* The replay upon a snapshot that is sound, as far as it is known; borrowed from the listing's frames. NULL:
 * no memory. */
struct replay *replay_get_locked(const struct v03_listing *listing, struct snapshot *snapshot);

/* How many of the first `n_segments` segments it may reach, as far as names and what was learnt tell. */
size_t replay_outlook_locked(const struct replay *replay, const struct v03_listing *listing,
                             size_t n_segments);

/* Replays what has been learnt meanwhile of the first `n_segments` segments. 0 or -ENOMEM. */
int replay_grow_locked(struct replay *replay, const struct v03_listing *listing, size_t n_segments);

/* Whether segment `i` can be replayed next upon `snapshot` and segments `begin` to `i`, as far as is known.
 */
bool replay_can_follow(const struct v03_listing *listing, const struct snapshot *snapshot, size_t begin,
                       size_t i);

/* Whether segment `i` continues the one before it, as far as is known. */
bool segment_continues(const struct v03_listing *listing, size_t i);

/* Whether a WAL can end with the segment, as far as is known. */
bool segment_ends_wal(const struct segment *segment);
