/* A stretch of a WAL: about a MiB of it. What is learnt of its segments is kept as one fact in the cache, so
 * that thousands of segments are a few files, and keeping what is new of a long WAL costs little. */
#pragma once

#include "litemount/array.h"
#include "v03.h"

struct stretch {
    struct v03_generation *generation;
    struct v03_frames *frames;   /* borrowed from the listing, like the segments */
    const struct segment *first; /* of the WAL */
    struct segment **segments;   /* those of the stretch that are to be learnt */
    size_t n;

    pthread_mutex_t lock;  /* guards what is below */
    struct buffer records; /* the fact */
    bool changed;          /* since it was read */
    bool forgotten;        /* what was kept is of objects that were replaced */
};

bool stretch_holds_both(const struct segment *a, const struct segment *b);

void stretch_init(struct stretch *stretch); /* fills in what is behind `n` */
void stretch_finish(struct stretch *stretch);

/* Makes the segments known that an earlier fetch has told about. 0 or -ENOMEM. */
int stretch_recall(struct stretch *stretch);

/* Drops what is kept of the segment, and of the rest of its stretch. */
void stretch_forget(struct v03_generation *generation, struct segment *segment);

/* Notes what was found in a segment; stretch_remember keeps what was noted. */
void stretch_note(struct stretch *stretch, const struct segment *segment, const struct wal_segment *found);
void stretch_remember(struct stretch *stretch);
