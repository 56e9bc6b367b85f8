/* `litestream restore -timestamp T` takes the generation whose objects' times span T, of several the one that
 * ends last; without a time, the one that ends last. It does so in each replica, and takes the replica whose
 * generation ends last: which is the same over all of them together. Where that one can't answer (no snapshot
 * yet, none that is sound, a hole) or there is none, ours is the newest state at or before T that can be had:
 * reachable.c. Source: Litestream v0.3.13 db.go and replica.go, CalcRestoreTarget. */
#include "choose.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"
#include "litemount/task.h"
#include "reachable.h"

/* What is asked by time, or of several, needs the objects' times. */
static int choose_learn_times(const struct generations *generations, struct task *task)
{
    int r = 0;
    for (size_t i = 0; i < generations->n && r == 0; i++) {
        struct generation *generation = generations->items[i];
        r = generation_learn_times(generation, task);
    }
    return r;
}

/* From when to when a generation's objects are. */
struct bounds {
    bool are_known; /* there are any */
    int64_t earliest, latest;
};

/* One of each generation; the caller frees them. NULL: no memory. */
static struct bounds *choose_list_bounds(const struct generations *generations)
{
    struct bounds *bounds = calloc(generations->n + 1, sizeof *bounds);

    for (size_t i = 0; bounds && i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        bounds[i].are_known = generation_bounds(generation, &bounds[i].earliest, &bounds[i].latest);
    }
    return bounds;
}

/* The number of the generation that is restored from; `n`: none. */
static size_t choose_restore_choice(const struct bounds *bounds, size_t n, int64_t time)
{
    size_t choice = n;
    int64_t latest = INT64_MIN;

    for (size_t i = 0; i < n; i++) {
        if (!bounds[i].are_known || bounds[i].latest <= latest ||
            (time != INSTANT_MAX && (time < bounds[i].earliest || time > bounds[i].latest)))
            continue;
        choice = i;
        latest = bounds[i].latest;
    }
    return choice;
}

static int choose_unmixed_choice(const struct generations *generations, int64_t time,
                                 struct generation **ret_choice)
{
    _cleanup_free_ struct bounds *bounds = choose_list_bounds(generations);

    if (!bounds)
        return -ENOMEM;
    size_t choice = choose_restore_choice(bounds, generations->n, time);
    *ret_choice = choice < generations->n ? generations->items[choice] : NULL;
    return 0;
}

static bool choose_is_mixed(const struct generations *generations)
{
    for (size_t i = 1; i < generations->n; i++)
        if (generations->items[i]->ops != generations->items[0]->ops)
            return true;
    return false;
}

/* The time of the generation's newest snapshot at or before `time`; INT64_MIN: there is none. 0 or -ENOMEM.
 */
static int choose_newest_snapshot(struct generation *generation, int64_t time, int64_t *ret_newest)
{
    _cleanup_(listed_objects_finish) struct listed_objects snapshots = {0};
    int r = generation_list_objects(generation, OBJECT_SNAPSHOT, &snapshots);

    *ret_newest = INT64_MIN;
    for (size_t i = 0; i < snapshots.n && r == 0; i++)
        if (snapshots.items[i].created <= time && snapshots.items[i].created > *ret_newest)
            *ret_newest = snapshots.items[i].created;
    return r;
}

/* The generation whose newest point at or before `time` is shown by that very time; NULL: there is none. */
static struct generation *choose_shown_choice(const struct generations *generations, int64_t time)
{
    struct generation *choice = NULL;
    int64_t point, newest = INT64_MIN;

    for (size_t i = 0; i < generations->n; i++)
        if (generation_point_at(generations->items[i], time, &point) && point >= newest) {
            choice = is_shown_as(point, time) ? generations->items[i] : NULL;
            newest = point;
        }
    return choice;
}

/* Of a replica that both programs wrote, the newer one restores from the newest snapshot at or before the
 * time; but a point's own time means the point. Source: Litestream v0.5.18 replica.go, shouldUseV3Restore. */
static int choose_mixed_choice(const struct generations *generations, int64_t time,
                               struct generation **ret_choice)
{
    int64_t created, newest = INT64_MIN;
    int r = 0;

    *ret_choice = choose_shown_choice(generations, time);
    if (*ret_choice)
        return 0;
    for (size_t i = 0; i < generations->n && r == 0; i++) {
        r = choose_newest_snapshot(generations->items[i], time, &created);
        if (r == 0 && created > newest) {
            *ret_choice = generations->items[i];
            newest = created;
        }
    }
    return r;
}

int choose_state(const struct generations *generations, int64_t time, struct task *task,
                 struct state **ret_state)
{
    struct generation *choice;
    int r = 0;

    if (generations->n < 2)
        return generations->n ? reachable_open(generations->items[0], time, task, ret_state) : -ENOENT;
    r = choose_learn_times(generations, task);
    if (r < 0)
        return r;
    if (time != INSTANT_MAX && choose_is_mixed(generations))
        r = choose_mixed_choice(generations, time, &choice);
    else
        r = choose_unmixed_choice(generations, time, &choice);
    return r < 0 ? r : reachable_state(generations, choice, time, task, ret_state);
}

/* What is known of the states at one time: generation `i`'s is number i * `stride`. The choice answers alone
 * if its state is whole; without all objects' times it may be another one. */
static uint64_t choose_known_inode(const struct generations *generations, const struct bounds *bounds,
                                   const struct known_state *states, size_t stride, int64_t time)
{
    if (generations->n == 1)
        return states[0].inode;
    for (size_t i = 0; i < generations->n; i++)
        if (!states[i * stride].is_timed)
            return 0;
    if (time != INSTANT_MAX && choose_is_mixed(generations))
        return 0;
    size_t choice = choose_restore_choice(bounds, generations->n, time);
    return choice < generations->n && states[choice * stride].is_whole ? states[choice * stride].inode : 0;
}

int choose_inodes(const struct generations *generations, const int64_t *times, size_t n, uint64_t *ret_inodes)
{
    _cleanup_free_ struct known_state *states = calloc(generations->n * n + 1, sizeof *states);
    _cleanup_free_ struct bounds *bounds = choose_list_bounds(generations);
    int r = states && bounds ? 0 : -ENOMEM;

    for (size_t i = 0; i < generations->n && r == 0; i++) {
        struct generation *generation = generations->items[i];
        r = generation_known_at(generation, times, n, states + i * n);
    }
    for (size_t i = 0; i < n && r == 0; i++)
        ret_inodes[i] = generations->n ? choose_known_inode(generations, bounds, states + i, n, times[i]) : 0;
    return r;
}

int choose_position(const struct generations *generations, const char *position, struct task *task,
                    struct state **ret_state)
{
    int failure = -ENOENT;

    for (size_t i = 0; i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        struct task attempt;
        task_init(&attempt, task);
        int r = generation_open_position(generation, position, &attempt, ret_state);
        if (r == 0 || r == -ECANCELED || r == -ENOMEM)
            return r;
        if (failure == -ENOENT && r != -ENOENT)
            failure = task_fail(task, -r, "%s", task_reason(&attempt, r));
    }
    return failure;
}
