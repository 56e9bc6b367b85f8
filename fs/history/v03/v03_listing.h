/* How a generation's listing is made, and what it tells by names and times. */
#pragma once

#include "wal/wal_listing.h"

struct listing;
struct v03_generation;

/* Makes a listing of what was found; of what was known before (NULL: nothing) it takes over what is still so,
 * and is `known` itself if nothing has changed. `only_rest`: found were all snapshots, and the segments with
 * keys after that of the one before v03_first_to_list_again. 0, -ENOMEM, or -ESTALE if the rest is not
 * enough, for something known is gone. */
int v03_listing_make(const struct listing *found, struct v03_listing *known, bool only_rest,
                     struct v03_listing **ret_listing);

/* The same listing, in which snapshots that have failed are made anew, and, if so asked, all segments. 0 or
 * -ENOMEM. */
int v03_listing_renew_locked(struct v03_generation *generation, const struct v03_listing *known,
                             bool segments, struct v03_listing **ret_listing);

/* The number of the segment from which on a refresh lists again. */
size_t v03_first_to_list_again(const struct v03_listing *listing);

/* Adds the snapshot, and segments `begin` to `end`, to what the command line lists. 0 or -ENOMEM. */
int v03_list_snapshot(const struct snapshot *snapshot, struct listed_objects *objects);
int v03_list_segments(const struct v03_listing *listing, size_t begin, size_t end,
                      struct listed_objects *objects);

/* When the newest state at `time` came to be, as far as names and times tell; false if there is none. */
bool v03_point_at(const struct v03_listing *listing, int64_t time, int64_t *ret_point);
