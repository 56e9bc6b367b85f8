/* Making the pieces of a large snapshot's image, block by block: only what is read is fetched. */
#pragma once

#include "litemount/cache.h"

struct snapshot;
struct v03_generation;

/* Who makes. Plain value, everything is borrowed. */
struct block_reader {
    struct v03_generation *generation;
    struct snapshot *snapshot;
    struct cache_image *image;
    bool ahead; /* for a reader to come, who reads in order */
};

/* A cache_make for the bytes of the image from `offset` on. -EOPNOTSUPP: this frame has to be read in order.
 */
int blocks_make(const struct block_reader *reader, uint64_t offset, uint64_t length, struct cache_fill *fill,
                struct task *task);

/* Bytes of a block in its object at most, from its header to the next one, that included. What it decodes to
 * stands behind them in a workspace. */
#define BLOCK_STORED ((4 << 20) + 12)

/* Decodes block `number`, which stands in the workspace, `length` bytes from its header to the next one, and
 * puts it. 0; -EOPNOTSUPP; -EBADMSG with a reason; or -ENOMEM. */
int block_put(const struct block_reader *reader, size_t number, uint8_t *workspace, size_t length,
              struct cache_fill *fill, struct task *task);
