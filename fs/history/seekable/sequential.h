/* A large snapshot read through, from where its blocks are not known yet.
 *
 * Whoever reads in order wants all bytes of the object, so nobody needs to know beforehand where a block
 * ends: the makers of the next few blocks fetch ranges of the object side by side, and as soon as a block is
 * there from its header to the next one, one of them decodes it. So the line is busy while blocks are
 * decoded, and no round trip is spent on looking for headers. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_reader;
struct cache_fill;
struct task;

#define SEQUENTIAL_RANGES 8  /* ranges of the object in memory at once */
#define SEQUENTIAL_MAKERS 16 /* blocks that are being decoded at once, at most */

/* One range: a few round trips' worth of the line. */
struct sequential_range {
    enum { RANGE_EMPTY, RANGE_FETCHING, RANGE_THERE } state;
    uint8_t *bytes;
    size_t length;
    unsigned users; /* blocks being copied from it */
};

/* A part of each snapshot. */
struct sequential {
    pthread_mutex_t lock; /* guards what is below, but for the bytes of ranges that are fetched or used */
    pthread_cond_t changed;
    unsigned n_makers; /* who are at it now; what follows holds while there are any */
    uint64_t size;     /* of the object, bytes */
    size_t number;     /* the block at the front: the first that nobody has taken */
    uint64_t start;    /* of its header in the object, bytes */
    uint64_t origin;   /* where range 0 begins in the object */
    uint64_t first;    /* the first range that is still held */
    struct sequential_range ranges[SEQUENTIAL_RANGES]; /* range i is item i modulo their number */
    size_t decoding[SEQUENTIAL_MAKERS];                /* the blocks that were taken and are not yet made */
    size_t n_decoding;
};

void sequential_init(struct sequential *sequential);
void sequential_finish(struct sequential *sequential);

/* Whether block `number` is about to be made by somebody who reads through, in no more than `near` blocks. */
bool sequential_nears(struct sequential *sequential, size_t number, size_t near);

/* Takes part in reading through until block `number`, which is not known yet, has been made: 0. -EAGAIN: it
 * was not, but is known now, or the end is. -EOPNOTSUPP: this frame has to be read in order. Else -EBADMSG
 * with a reason, or the errno of a read. */
int sequential_make(const struct block_reader *reader, size_t number, struct cache_fill *fill,
                    struct task *task);
