/* What was learnt of a WAL segment, as a fact in the cache. */
#pragma once

#include "litemount/cache.h"
#include "litemount/wal.h"

void segment_fact_put(struct cache *cache, const char *identity, const struct wal_segment *found);

/* 0 and a segment for the caller to finish, or -ENOENT if nothing (usable) is kept. */
int segment_fact_get(struct cache *cache, const char *identity, struct wal_segment *ret_found);
