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

/* Decodes the first `wanted` bytes of the image, at most a few KiB, from the object's beginning, without the
 * cache. 0; -EOPNOTSUPP if they can't be had that way; else an errno with a reason. */
int snapshot_peek(struct v03_generation *generation, struct snapshot *snapshot, size_t wanted, uint8_t *bytes,
                  struct task *task);

/* What a block of it decodes to, in bytes; 0 while that is not known, or if it has to be read in order. */
uint32_t snapshot_block_size(struct snapshot *snapshot);

/* Keeps what is known of the blocks in the cache. */
void snapshot_remember_blocks(struct v03_generation *generation, struct snapshot *snapshot);

/* Reads plain bytes of the object, which must hold them: -EBADMSG with a reason if it ends before. */
int snapshot_object_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                         size_t length, void *bytes, struct task *task);

/* The number of the last block; hops to it. 0; -EOPNOTSUPP: this frame has to be read in order; else an
 * errno. */
int snapshot_last_block(struct v03_generation *generation, struct snapshot *snapshot, struct task *task,
                        uint64_t *ret_number);
