/* The listing of a large folder, kept in the cache from one mount to the next.
 *
 * 100,000 keys are a hundred answers, each of which says where the next one begins. What was listed a moment
 * ago need only be listed on; and what was listed long ago still says where to begin, so that everything can
 * be listed at once. */
#pragma once

#include <stdint.h>

#include "litemount/replica.h"

struct cache;

/* Nanoseconds that a kept listing counts for what it shows: as long as one in memory does. Retention deletes
 * from the front meanwhile, which is noticed when it is missed. */
#define KEPT_LISTING_AGE (INT64_C(600) * 1000000000)

/* Lists the folder `prefix`, all of it, as replica_list; added to `listing`. `recall`: what was listed less
 * than KEPT_LISTING_AGE ago is not listed again, but for the last page. `*ret_time` is as of when the listing
 * shows everything: nanoseconds since 1970, UTC. */
int kept_listing_list(struct cache *cache, struct replica *replica, const char *prefix, bool recall,
                      struct task *task, struct listing *listing, int64_t *ret_time);
