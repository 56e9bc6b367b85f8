/* What the tests of v0.3's rules share: segments and snapshots made by hand, as if they had been listed and
 * learnt. */
#pragma once

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/clock.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "v03/snapshot/snapshot.h"
#include "v03/v03_listing.h"
#include "v03/wal/chain.h"
#include "v03/wal/segment.h"

#define PAGE_SIZE 512 /* bytes */
#define FRAME_SIZE (WAL_FRAME_HEADER_SIZE + PAGE_SIZE)

/* Where a segment begins that has `frames` frames of its WAL before it. */
#define BEHIND(frames) ((uint64_t)WAL_HEADER_SIZE + (uint64_t)(frames)*FRAME_SIZE)

/* Adds an object to a listing, which owns it. */
static inline void list_object(struct listing *listing, const char *key, const char *version, uint64_t size,
                               int64_t modified)
{
    struct object *grown = reallocarray(listing->objects, listing->n_objects + 1, sizeof *grown);
    assert_non_null(grown);
    listing->objects = grown;
    listing->objects[listing->n_objects++] =
        (struct object){.key = strdup(key), .version = strdup(version), .size = size, .modified = modified};
}

static inline void list_segment(struct listing *listing, uint32_t index, uint64_t offset, int64_t modified)
{
    char key[64];
    snprintf(key, sizeof key, "generations/0123456789abcdef/wal/%08x_%08llx.wal.lz4", index,
             (unsigned long long)offset);
    list_object(listing, key, "v1", 1000, modified);
}

static inline void list_snapshot(struct listing *listing, uint32_t index, int64_t modified)
{
    char key[64];
    snprintf(key, sizeof key, "generations/0123456789abcdef/snapshots/%08x.snapshot.lz4", index);
    list_object(listing, key, "v1", 7000, modified);
}

/* The listing that `found` makes; finishes `found`. The caller unrefs it. */
static inline struct v03_listing *make_listing(struct listing *found)
{
    struct v03_listing *listing = NULL;
    assert_int_equal(v03_listing_make(found, NULL, false, &listing), 0);
    listing_finish(found);
    return listing;
}

/* The value of the checksum chain behind `frame` frames of WAL `index`: any that differ do. */
static inline void write_chain(uint32_t index, uint64_t frame, uint32_t chain[static 2])
{
    chain[0] = index * 1000 + (uint32_t)frame;
    chain[1] = ~chain[0];
}

/* Makes a segment known as sound, and read twice: `n_frames` frames behind those that its offset tells, and
 * at its end a commit that makes the database `pages` long (0: the transaction goes on). */
static inline void learn_segment(struct segment *segment, uint32_t n_frames, uint32_t pages)
{
    uint32_t before = segment->offset ? (uint32_t)((segment->offset - WAL_HEADER_SIZE) / FRAME_SIZE) : 0;

    segment->learnt.state = LEARNT_SOUND;
    segment->confirmed = clock_now();
    segment->header.page_size = PAGE_SIZE;
    segment->size = (segment->offset ? 0 : WAL_HEADER_SIZE) + (uint64_t)n_frames * FRAME_SIZE;
    write_chain(segment->index, before, segment->chain_before);
    write_chain(segment->index, before + n_frames, segment->chain_after);
    segment->first_frame = before;
    segment->n_frames = n_frames;
    segment->commits = calloc(1, sizeof *segment->commits);
    if (pages)
        segment->commits[segment->n_commits++] = (struct commit){before + n_frames, pages};
}

static inline void learn_snapshot(struct snapshot *snapshot, uint32_t pages)
{
    snapshot->learnt.state = LEARNT_SOUND;
    snapshot->is_exact = true;
    snapshot->page_size = pages ? PAGE_SIZE : 0;
    snapshot->size = (uint64_t)pages * PAGE_SIZE;
}
