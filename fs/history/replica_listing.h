/* What one replica holds: the generations of all formats, listed. */
#pragma once

#include "generations.h"

/* Plain value: whoever has it finishes the generations. */
struct replica_listing {
    struct generations generations;
    int64_t as_of; /* when everything was listed that it shows: nanoseconds since 1970, UTC */
    bool is_small; /* the replica holds so few objects that one request tells all of them */
};

/* Lists the replica; a generation in `known` is the same again, with all that is known of it. `recall`: where
 * nothing is known, what was listed a moment ago counts (kept_listing.h). 0, or replica_list's errno. */
int replica_listing_make(struct replica *replica, const struct generations *known,
                         const struct history_options *options, bool whole, bool recall, struct task *task,
                         struct replica_listing *ret_listing);

/* Whether it holds anything that can be brought back, as far as names and times tell. */
bool replica_listing_has_points(const struct replica_listing *listing);
