/* How restore points are shown: as names in the mount, and by `points`. */
#pragma once

#include "litemount/history.h"
#include "litemount/instant.h"

/* The instant by which point `i` is shown: the millisecond that it ends in, so that typing the name leads to
 * the point; its very nanosecond if another point follows within that millisecond. */
int64_t shown_instant(const struct instants *points, size_t i);

/* Whether a point at `time` can have been shown as `shown`. */
bool is_shown_as(int64_t time, int64_t shown);
