/* The checksum over the whole of a large snapshot, which can be compared only once every block has been
 * decoded. */
#pragma once

#include "seekable/block_make.h"

struct snapshot;
struct v03_generation;

/* Block `number` was decoded: if it is the next one, its bytes are added to the checksum. */
void snapshot_check_add(struct snapshot *snapshot, size_t number, const uint8_t *bytes, size_t length);

/* Compares what the cache has of the block's beginning. 0, also if it has nothing; -EBADMSG with a reason if
 * it is something else: the image is dropped then. */
int snapshot_check_kept(const struct block_reader *reader, size_t number, const uint8_t *bytes, size_t length,
                        struct task *task);

/* Compares it when the last block has come, once ever. Returns 0 if it holds, if the frame has none, or if it
 * can't be compared yet; -EIO with a reason if it does not hold: the image is dropped then, and the snapshot
 * is damaged. */
int snapshot_check_whole(const struct block_reader *reader, struct task *task);

/* Sees to it that the checksum over a sound snapshot was compared: makes what is missing of it. 0 if it
 * holds, or there is none; -EIO or -EBADMSG with a reason; or why it can't be read. */
int snapshot_check_rest(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);
