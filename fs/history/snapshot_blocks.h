/* A large snapshot decoded block by block: only the blocks that are read are fetched.
 *
 * The frame has no index, but where its blocks are independent every block but the last decodes to the same
 * size, so a byte's block number is known; each block header tells where the next one stands. */
#pragma once

#include "litemount/cache.h"
#include "v03.h"

/* A cache_make for the bytes of the image from `offset` on. -EOPNOTSUPP: this frame has to be read in order.
 */
int snapshot_make_blocks(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                         uint64_t length, struct cache_fill *fill, struct task *task);
