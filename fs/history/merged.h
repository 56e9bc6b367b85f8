/* The points of one generation that stands in several replicas: those that open as themselves.
 *
 * An instant's state comes from the replica that was updated last of those whose objects span the instant. So
 * what the others hold of that time is not shown, but where that one has nothing or a hole. */
#pragma once

#include "generations.h"

struct merged {
    struct generations same;      /* as generations_select; owned */
    struct listed_points *points; /* of each of them, ascending */
};

/* Takes `same` over, also if it fails. The points are measured, if `measuring` is not NULL, of those
 * generations that any is shown of. 0, or a negative errno with a reason. The caller finishes it. */
int merged_make(struct generations *same, const struct measuring *measuring, struct task *task,
                struct merged *ret_merged);
void merged_finish(struct merged *merged);

/* Whether the point or the snapshot at `time` of number `n` is shown. */
bool merged_shows(const struct merged *merged, size_t n, int64_t time);

/* Adds the points that are shown, ascending, and with them what is missing behind them; afterwards it is only
 * to be finished. 0 or -ENOMEM. */
int merged_add_points(struct merged *merged, struct listed_points *points);
