/* `litestream restore -timestamp T` takes the generation whose objects' times span T, of several the one that
 * ends last; without a time, the one that ends last. It does so in each replica, and takes the replica whose
 * generation ends last: which is the same over all of them together. Where that one can't answer (no snapshot
 * yet, none that is sound, a hole) or there is none, ours is the newest state at or before T that can be had:
 * reachable.c. Source: Litestream v0.3.13 db.go and replica.go, CalcRestoreTarget. */
#include "choose.h"

#include <errno.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"
#include "litemount/task.h"
#include "reachable.h"

/* What is asked by time, or of several, needs the objects' times. */
static int learn_times(const struct generations *generations, struct task *task)
{
    int r = 0;
    for (size_t i = 0; i < generations->n && r == 0; i++) {
        struct generation *generation = generations->items[i];
        if (generation->ops->learn_times)
            r = generation->ops->learn_times(generation, task);
    }
    return r;
}

static struct generation *restore_choice(const struct generations *generations, int64_t time)
{
    struct generation *choice = NULL;
    int64_t earliest, latest, choice_latest = INT64_MIN;

    for (size_t i = 0; i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        if (!generation->ops->bounds(generation, &earliest, &latest))
            continue;
        if (time != INSTANT_MAX && (time < earliest || time > latest))
            continue;
        if (latest <= choice_latest)
            continue;
        choice = generation;
        choice_latest = latest;
    }
    return choice;
}

static bool is_mixed(const struct generations *generations)
{
    for (size_t i = 1; i < generations->n; i++)
        if (generations->items[i]->ops != generations->items[0]->ops)
            return true;
    return false;
}

/* The time of the generation's newest snapshot at or before `time`; INT64_MIN: there is none. 0 or -ENOMEM.
 */
static int newest_snapshot(struct generation *generation, int64_t time, int64_t *ret_newest)
{
    _cleanup_(listed_objects_finish) struct listed_objects snapshots = {0};
    int r = generation->ops->list_objects(generation, OBJECT_SNAPSHOT, &snapshots);

    *ret_newest = INT64_MIN;
    for (size_t i = 0; i < snapshots.n && r == 0; i++)
        if (snapshots.items[i].created <= time && snapshots.items[i].created > *ret_newest)
            *ret_newest = snapshots.items[i].created;
    return r;
}

/* The generation whose newest point at or before `time` is shown by that very time; NULL: there is none. */
static struct generation *shown_choice(const struct generations *generations, int64_t time)
{
    struct generation *choice = NULL;
    int64_t point, newest = INT64_MIN;

    for (size_t i = 0; i < generations->n; i++)
        if (generations->items[i]->ops->point_at(generations->items[i], time, &point) && point >= newest) {
            choice = is_shown_as(point, time) ? generations->items[i] : NULL;
            newest = point;
        }
    return choice;
}

/* Of a replica that both programs wrote, the newer one restores from the newest snapshot at or before the
 * time; but a point's own time means the point. Source: Litestream v0.5.18 replica.go, shouldUseV3Restore. */
static int mixed_choice(const struct generations *generations, int64_t time, struct generation **ret_choice)
{
    int64_t created, newest = INT64_MIN;
    int r = 0;

    *ret_choice = shown_choice(generations, time);
    if (*ret_choice)
        return 0;
    for (size_t i = 0; i < generations->n && r == 0; i++) {
        r = newest_snapshot(generations->items[i], time, &created);
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
    r = learn_times(generations, task);
    if (r < 0)
        return r;
    if (time != INSTANT_MAX && is_mixed(generations))
        r = mixed_choice(generations, time, &choice);
    else
        choice = restore_choice(generations, time);
    return r < 0 ? r : reachable_state(generations, choice, time, task, ret_state);
}

int choose_position(const struct generations *generations, const char *position, struct task *task,
                    struct state **ret_state)
{
    int failure = -ENOENT;

    for (size_t i = 0; i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        struct task attempt;
        task_init(&attempt, task);
        int r = generation->ops->open_position(generation, position, &attempt, ret_state);
        if (r == 0 || r == -ECANCELED || r == -ENOMEM)
            return r;
        if (failure == -ENOENT && r != -ENOENT)
            failure = task_fail(task, -r, "%s", task_reason(&attempt, r));
    }
    return failure;
}
