/* Room for what is to be written: the least recently used objects go. */
#pragma once

#include <stdint.h>

struct cache;

/* Reserves `bytes` of the disk, making room first if need be; but not at the cost of the file `keep`, the one
 * that they are for: an image larger than the limit would push itself out again and again. Returns 0, or
 * -ENOSPC: nothing is to be written. usage_written ends the reservation. */
int evict_reserve(struct cache *cache, const char *keep, uint64_t bytes);

/* Removes a file by its name below v1, whoever uses it, and counts what it occupied as free. */
void evict_file(struct cache *cache, const char *name);
