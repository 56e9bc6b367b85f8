/* One WAL segment, and what is known of it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generation/learnt.h"
#include "litemount/replica.h"
#include "litemount/wal.h"

struct task;
struct v03_frames;
struct v03_generation;
struct v03_listing;

/* The end of a transaction within a WAL. */
struct commit {
    uint32_t frame; /* the commit frame's number in its WAL, from 1 */
    uint32_t pages; /* the database's size after it */
};

/* One WAL segment. */
struct segment {
    atomic_uint references;
    struct object object;
    uint32_t index;  /* of its WAL */
    uint64_t offset; /* in its WAL, bytes */

    /* Guarded by the generation's lock until it is LEARNT_SOUND; never changes after that. */
    struct learnt learnt;
    int64_t confirmed; /* when it was last read anew and was the same (clock_now); 0: never */
    struct wal_header header;
    uint64_t size; /* bytes of the decoded segment */
    uint32_t chain_before[2], chain_after[2];
    uint32_t first_frame, n_frames; /* numbers in the WAL: first_frame + 1 to first_frame + n_frames */
    struct commit *commits;
    size_t n_commits;
};

/* Where frame `frame` ends in its WAL, and how many frames stand before `offset`, where a segment begins. */
static inline uint64_t segment_frame_end(uint64_t frame, uint32_t page_size)
{
    return WAL_HEADER_SIZE + frame * (WAL_FRAME_HEADER_SIZE + (uint64_t)page_size);
}

static inline uint64_t segment_frames_before(uint64_t offset, uint32_t page_size)
{
    return offset ? (offset - WAL_HEADER_SIZE) / (WAL_FRAME_HEADER_SIZE + (uint64_t)page_size) : 0;
}

static inline void segment_parser_cleanup(struct wal_parser **parser)
{
    wal_parser_close(*parser);
}

/* segment.c */
struct segment *segment_make(const struct object *object, uint32_t index, uint64_t offset);
struct segment *segment_ref(struct segment *segment);
void segment_unref(struct segment *segment);

/* Whether what was found can stand where the segment's name says. */
bool segment_fits(const struct segment *segment, const struct wal_segment *found);

/* Whether what is known of the segment, which is sound, is what was found. */
bool segment_is(const struct segment *segment, const struct wal_segment *found);

/* What was found in the segment becomes known, and its frames: 0; -EBADMSG if it does not fit; -ENOMEM. */
int segment_publish_locked(struct v03_frames *frames, struct segment *segment,
                           const struct wal_segment *found);

int segment_compare(const void *left, const void *right); /* struct segment **: by position */

/* segment_fetch.c.
 *
 * Fetches a segment as it is stored and checks all of it; `header` is its WAL's, NULL for the one that begins
 * the WAL. 0, and what it holds belongs to the caller; -EBADMSG with a reason if it is damaged; or why it
 * can't be had. */
int segment_fetch(struct v03_generation *generation, const struct segment *segment,
                  const struct wal_header *header, struct task *task, struct wal_segment *ret_found);

/* Segment `i` is there, and does not continue the one before it, or can't be read as its WAL's first one
 * tells: perhaps one of them came as another object's body, sound by itself. Reads them anew, unless that was
 * done a short while ago. 0: so it is; -ESTALE: it was, and what is known of all segments is forgotten; or
 * why they can't be had. */
int segments_confirm(struct v03_generation *generation, const struct v03_listing *listing, size_t i,
                     struct task *task);

/* segment_learn.c */

/* Learns segments `begin` to `end` of the listing. Returns 0 even if some turn out damaged, which they note;
 * else why they can't be had. */
int segments_learn(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                   size_t end, struct task *task);

/* Segments in order, and what is counted along them. It only ever grows at its end, so listings that follow
 * each other share it, and each shows the part that was there when it was made. */
struct segment_row {
    atomic_uint references;
    size_t n, capacity;        /* only whoever lists looks at `n` */
    struct segment **segments; /* by index and offset; a reference each */
    int64_t *times;            /* of segment i: the latest of all objects up to it */
    uint64_t *sizes;           /* bytes of object i and all before it */
};

/* A row that begins with the first `n_kept` of `row` (NULL: none) and goes on with `more`, of
 * which it takes references: the same row where nothing else follows there and room is left, else a new one.
 * The caller unrefs it. 0 or -ENOMEM. */
int segment_row_extend(struct segment_row *row, size_t n_kept, struct segment *const *more, size_t n_more,
                       struct segment_row **ret_row);
struct segment_row *segment_row_ref(struct segment_row *row);
void segment_row_unref(struct segment_row *row); /* NULL is fine */
