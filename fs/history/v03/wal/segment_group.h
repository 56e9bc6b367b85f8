/* A group of a WAL: about a MiB of it. What is learnt of its segments is kept as one fact in the cache, so
 * that thousands of segments are a few files, a later mount fetches none of them to know what is in them, and
 * keeping what is new of a long WAL costs little. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "litemount/array.h"

struct segment;
struct v03_frames;
struct v03_generation;
struct wal_segment;

struct segment_group {
    struct v03_generation *generation;
    struct v03_frames *frames;   /* borrowed from the listing, like the segments */
    const struct segment *first; /* of the WAL */
    struct segment **segments;   /* those of the group that are to be learnt */
    size_t n;

    pthread_mutex_t lock; /* guards what is below */
    struct buffer noted;  /* records of what was learnt */
    bool is_replaced;     /* what was kept is of other objects, or can't be read */
};

bool segment_group_holds_both(const struct segment *a, const struct segment *b);

void segment_group_init(struct segment_group *group); /* fills in what is behind `n` */
void segment_group_finish(struct segment_group *group);

/* Makes the segments known that an earlier fetch has told about. 0 or -ENOMEM. */
int segment_group_recall(struct segment_group *group);

/* Drops what is kept of the segment, and of the rest of its group. */
void segment_group_forget(struct v03_generation *generation, struct segment *segment);

/* Notes what was found in a segment; segment_group_remember adds what was noted to what is kept. */
void segment_group_note(struct segment_group *group, const struct segment *segment,
                        const struct wal_segment *found);
void segment_group_remember(struct segment_group *group);
