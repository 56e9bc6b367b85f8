/* `litestream restore -timestamp T` takes the generation whose objects' times span T, of several the one that
 * ends last; without a time, the one that ends last. Where that one can't answer (no snapshot yet, none that
 * is sound) or there is none, ours is the newest state at or before T over all generations. Source:
 * Litestream v0.3.13 replica.go, CalcRestoreTarget. */
#include "choose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"

void generations_finish(struct generations *generations)
{
    for (size_t i = 0; i < generations->n; i++)
        generation_unref(generations->items[i]);
    free(generations->items);
    *generations = (struct generations){0};
}

int generations_add(struct generations *generations, struct generation *generation)
{
    int r = ARRAY_GROW(generations->items, generations->capacity, generations->n + 1);
    if (r < 0) {
        generation_unref(generation);
        return r;
    }
    generations->items[generations->n++] = generation;
    return 0;
}

int generations_copy(const struct generations *generations, struct generations *ret_copy)
{
    struct generations copy = {0};
    for (size_t i = 0; i < generations->n; i++) {
        int r = generations_add(&copy, generation_ref(generations->items[i]));
        if (r < 0) {
            generations_finish(&copy);
            return r;
        }
    }
    *ret_copy = copy;
    return 0;
}

struct generation *generations_find(const struct generations *generations, const char *name)
{
    for (size_t i = 0; i < generations->n; i++)
        if (strcmp(generations->items[i]->name, name) == 0)
            return generations->items[i];
    return NULL;
}

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

/* A generation, and the newest point at or before the time that names and times show in it. */
struct candidate {
    struct generation *generation;
    int64_t point;
};

static int by_point_descending(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    return (a->point < b->point) - (a->point > b->point);
}

static size_t find_candidates(const struct generations *generations, int64_t time,
                              struct candidate *candidates)
{
    size_t n = 0;
    for (size_t i = 0; i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        if (generation->ops->point_at(generation, time, &candidates[n].point))
            candidates[n++].generation = generation;
    }
    qsort(candidates, n, sizeof *candidates, by_point_descending);
    return n;
}

/* A damaged generation may have a state older than its names promise; the next one is asked until none can be
 * newer. */
static int newest_state(const struct generations *generations, int64_t time, struct task *task,
                        struct state **ret_state)
{
    _cleanup_free_ struct candidate *candidates = calloc(generations->n + 1, sizeof *candidates);
    struct state *best = NULL, *state;

    if (!candidates)
        return -ENOMEM;
    size_t n = find_candidates(generations, time, candidates);
    for (size_t i = 0; i < n && (!best || state_time(best) < candidates[i].point); i++) {
        struct generation *generation = candidates[i].generation;
        int r = generation->ops->open_at(generation, time, task, &state);
        if (r < 0 && r != -ENOENT) {
            state_unref(best);
            return r;
        }
        if (r < 0)
            continue;
        if (best && state_time(best) >= state_time(state)) {
            state_unref(state);
            continue;
        }
        state_unref(best);
        best = state;
    }
    if (!best)
        return -ENOENT;
    *ret_state = best;
    return 0;
}

int choose_state(const struct generations *generations, int64_t time, struct task *task,
                 struct state **ret_state)
{
    if (generations->n == 1)
        return generations->items[0]->ops->open_at(generations->items[0], time, task, ret_state);
    int r = learn_times(generations, task);
    if (r < 0)
        return r;
    struct generation *choice;
    if (time != INSTANT_MAX && is_mixed(generations))
        r = mixed_choice(generations, time, &choice);
    else
        choice = restore_choice(generations, time);
    if (r < 0)
        return r;
    r = choice ? choice->ops->open_at(choice, time, task, ret_state) : -ENOENT;
    return r == -ENOENT ? newest_state(generations, time, task, ret_state) : r;
}
