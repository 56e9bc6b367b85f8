/* The checksum over the whole of a large snapshot, which can be compared only once every block has been
 * decoded. */
#pragma once

#include "litemount/cache.h"
#include "v03.h"

/* Compares it when the last block has come, once ever. Returns 0 if it holds, if the frame has none, or if it
 * can't be compared yet; -EIO with a reason if it does not hold: the image is dropped then, and the snapshot
 * is damaged. */
int snapshot_check_whole(struct v03_generation *generation, struct snapshot *snapshot,
                         struct cache_image *image, struct task *task);
