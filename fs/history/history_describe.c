/* What the command line lists of a backup. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "history_parts.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/listed.h"
#include "litemount/replica.h"
#include "litemount/shown.h"
#include "litemount/task.h"
#include "merged.h"
#include "replicas.h"

static void history_copy_name(char *copy, const struct generation *generation)
{
    strncpy(copy, generation->name, GENERATION_NAME_SIZE - 1);
    copy[GENERATION_NAME_SIZE - 1] = '\0';
}

/* --- generations --- */

static int history_add_generation(struct listed_generations *generations, const struct replica *replica,
                                  struct generation *generation)
{
    struct listed_generation listed = {.replica = replica_name(replica)};
    int r = ARRAY_GROW(generations->items, generations->capacity, generations->n + 1);

    if (r < 0)
        return r;
    history_copy_name(listed.name, generation);
    listed.is_empty = !generation_bounds(generation, &listed.start, &listed.end);
    generations->items[generations->n++] = listed;
    return 0;
}

static int history_visit_bounds(void *context, const struct replica *replica,
                                const struct generations *generations, struct task *task)
{
    struct listed_generations *listed = context;
    size_t n = listed->n;
    int r = 0;

    for (size_t i = 0; i < generations->n && r == 0; i++) {
        r = generation_learn_times(generations->items[i], task);
        if (r == 0)
            r = history_add_generation(listed, replica, generations->items[i]);
    }
    if (r < 0)
        listed->n = n;
    return r;
}

int history_list_bounds(struct history *history, struct task *task, struct listed_generations *generations)
{
    return history_visit_replicas(history, history_visit_bounds, generations, task);
}

/* --- replicas --- */

int history_list_replicas(struct history *history, struct task *task, struct listed_replicas *replicas)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = history_generations(history, false, task, &generations);

    /* Where times can't be had now, they are not known. */
    for (size_t i = 0; i < generations.n && r == 0; i++)
        r = generation_learn_times(generations.items[i], task);
    return r < 0 ? r : history_compare_replicas(history, replicas);
}

/* --- objects --- */

struct object_visit {
    enum object_kind kind;
    struct listed_objects *objects;
};

static int history_add_objects(const struct object_visit *visit, const struct replica *replica,
                               struct generation *generation, struct task *task)
{
    size_t first = visit->objects->n;
    int r = visit->kind == OBJECT_SNAPSHOT ? generation_learn_times(generation, task) : 0;

    if (r == 0)
        r = generation_list_objects(generation, visit->kind, visit->objects);
    for (size_t i = first; i < visit->objects->n; i++) {
        history_copy_name(visit->objects->items[i].generation, generation);
        visit->objects->items[i].replica = replica_name(replica);
    }
    return r;
}

static int history_visit_objects(void *context, const struct replica *replica,
                                 const struct generations *generations, struct task *task)
{
    struct object_visit *visit = context;
    size_t n = visit->objects->n;
    int r = 0;

    for (size_t i = 0; i < generations->n && r == 0; i++)
        r = history_add_objects(visit, replica, generations->items[i], task);
    if (r < 0)
        visit->objects->n = n;
    return r;
}

int history_list_objects(struct history *history, enum object_kind kind, struct task *task,
                         struct listed_objects *objects)
{
    struct object_visit visit = {kind, objects};
    return history_visit_replicas(history, history_visit_objects, &visit, task);
}

int state_list_objects(const struct state *state, struct listed_objects *objects)
{
    return state->ops->list_objects(state, objects);
}

/* --- points --- */

/* Of points of one generation, in order. */
static int history_name_points(struct listed_point *items, size_t n, const struct generation *generation)
{
    _cleanup_free_ int64_t *times = calloc(n + 1, sizeof *times);
    const struct instants instants = {.times = times, .n = n};

    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        times[i] = items[i].time;
    for (size_t i = 0; i < n; i++) {
        items[i].shown = shown_instant(&instants, i);
        history_copy_name(items[i].generation, generation);
    }
    return 0;
}

static int describe_merged(struct generations *same, const struct measuring *measuring, struct task *task,
                           struct listed_points *points)
{
    _cleanup_(merged_finish) struct merged merged = {0};
    int r = merged_make(same, measuring, task, &merged);
    return r < 0 ? r : merged_add_points(&merged, points);
}

/* All points of the generation of that name. */
static int history_describe(const struct generations *generations, const char *name,
                            const struct measuring *measuring, struct task *task,
                            struct listed_points *points)
{
    _cleanup_(generations_finish) struct generations same = {0};
    struct generation *generation = generations_find(generations, name);
    size_t first = points->n;
    int r = generations_select(generations, name, &same);

    if (r == 0)
        r = same.n > 1 ? describe_merged(&same, measuring, task, points)
                       : generation_describe_points(generation, measuring, task, points);
    if (r < 0 || points->n == first)
        return r;
    return history_name_points(points->items + first, points->n - first, generation);
}

static int history_by_time(const void *left, const void *right)
{
    const struct listed_point *a = left, *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return strcmp(a->generation, b->generation);
}

/* Whose points are described, and where they go to. */
struct wanted_points {
    const char *generation; /* NULL: all */
    const struct measuring *measuring;
    struct listed_points *points;
};

static int describe_all(const struct generations *generations, void *context, struct task *task)
{
    const struct wanted_points *wanted = context;
    int r = 0;

    listed_points_finish(wanted->points);
    if (wanted->generation)
        return history_describe(generations, wanted->generation, wanted->measuring, task, wanted->points);
    for (size_t i = 0; i < generations->n && r == 0; i++)
        if (generations_find(generations, generations->items[i]->name) == generations->items[i])
            r = history_describe(generations, generations->items[i]->name, wanted->measuring, task,
                                 wanted->points);
    return r;
}

int history_describe_points(struct history *history, const char *generation,
                            const struct measuring *measuring, struct task *task,
                            struct listed_points *points)
{
    struct wanted_points wanted = {generation, measuring, points};
    int r = history_ask_generations(history, describe_all, &wanted, task);

    if (points->n)
        qsort(points->items, points->n, sizeof *points->items, history_by_time);
    return r;
}
