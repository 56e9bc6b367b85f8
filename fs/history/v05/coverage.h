/* Which TXIDs the files of a listing hold, whatever the times of the files. */
#pragma once

#include "v05.h"

/* Zero-initialise. */
struct coverage {
    struct txid_range {
        uint64_t first, last;
    } * ranges; /* ascending, none begins where another ends */
    size_t n, capacity;
};

void coverage_finish(struct coverage *coverage);

/* What the files tell that are not known to be damaged and are no images of the whole database: those have
 * the state that all before led to, and not what led there. Called with the generation locked. 0 or -ENOMEM.
 */
int coverage_make(const struct v05_listing *listing, struct coverage *coverage);

bool coverage_has(const struct coverage *coverage, uint64_t txid);
