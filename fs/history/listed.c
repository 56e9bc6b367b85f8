#include "litemount/listed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/shown.h"
#include "litemount/task.h"
#include "merged.h"
#include "replicas.h"

void listed_generations_finish(struct listed_generations *generations)
{
    free(generations->items);
    *generations = (struct listed_generations){0};
}

void listed_objects_finish(struct listed_objects *objects)
{
    free(objects->items);
    *objects = (struct listed_objects){0};
}

int listed_objects_add(struct listed_objects *objects, const struct listed_object *object)
{
    int r = ARRAY_GROW(objects->items, objects->capacity, objects->n + 1);
    if (r == 0)
        objects->items[objects->n++] = *object;
    return r;
}

void listed_points_finish(struct listed_points *points)
{
    for (size_t i = 0; i < points->n; i++)
        free(points->items[i].gap);
    free(points->items);
    *points = (struct listed_points){0};
}

int listed_points_add(struct listed_points *points, const struct listed_point *point)
{
    int r = ARRAY_GROW(points->items, points->capacity, points->n + 1);
    if (r == 0)
        points->items[points->n++] = *point;
    return r;
}

static void copy_name(char *copy, const struct generation *generation)
{
    strncpy(copy, generation->name, GENERATION_NAME_SIZE - 1);
    copy[GENERATION_NAME_SIZE - 1] = '\0';
}

/* --- generations --- */

static int learn_times(struct generation *generation, struct task *task)
{
    return generation->ops->learn_times ? generation->ops->learn_times(generation, task) : 0;
}

static int add_generation(struct listed_generations *generations, const struct replica *replica,
                          struct generation *generation)
{
    struct listed_generation listed = {.replica = replica_name(replica)};
    int r = ARRAY_GROW(generations->items, generations->capacity, generations->n + 1);

    if (r < 0)
        return r;
    copy_name(listed.name, generation);
    listed.is_empty = !generation->ops->bounds(generation, &listed.start, &listed.end);
    generations->items[generations->n++] = listed;
    return 0;
}

static int visit_bounds(void *context, const struct replica *replica, const struct generations *generations,
                        struct task *task)
{
    struct listed_generations *listed = context;
    size_t n = listed->n;
    int r = 0;

    for (size_t i = 0; i < generations->n && r == 0; i++) {
        r = learn_times(generations->items[i], task);
        if (r == 0)
            r = add_generation(listed, replica, generations->items[i]);
    }
    if (r < 0)
        listed->n = n;
    return r;
}

int history_list_bounds(struct history *history, struct task *task, struct listed_generations *generations)
{
    return history_visit_replicas(history, visit_bounds, generations, task);
}

/* --- objects --- */

struct object_visit {
    enum object_kind kind;
    struct listed_objects *objects;
};

static int add_objects(const struct object_visit *visit, const struct replica *replica,
                       struct generation *generation, struct task *task)
{
    size_t first = visit->objects->n;
    int r = visit->kind == OBJECT_SNAPSHOT ? learn_times(generation, task) : 0;

    if (r == 0)
        r = generation->ops->list_objects(generation, visit->kind, visit->objects);
    for (size_t i = first; i < visit->objects->n; i++) {
        copy_name(visit->objects->items[i].generation, generation);
        visit->objects->items[i].replica = replica_name(replica);
    }
    return r;
}

static int visit_objects(void *context, const struct replica *replica, const struct generations *generations,
                         struct task *task)
{
    struct object_visit *visit = context;
    size_t n = visit->objects->n;
    int r = 0;

    for (size_t i = 0; i < generations->n && r == 0; i++)
        r = add_objects(visit, replica, generations->items[i], task);
    if (r < 0)
        visit->objects->n = n;
    return r;
}

int history_list_objects(struct history *history, enum object_kind kind, struct task *task,
                         struct listed_objects *objects)
{
    struct object_visit visit = {kind, objects};
    return history_visit_replicas(history, visit_objects, &visit, task);
}

int state_list_objects(const struct state *state, struct listed_objects *objects)
{
    return state->ops->list_objects(state, objects);
}

/* --- points --- */

/* Of points of one generation, in order. */
static int name_points(struct listed_point *items, size_t n, const struct generation *generation)
{
    _cleanup_free_ int64_t *times = calloc(n + 1, sizeof *times);
    const struct instants instants = {.times = times, .n = n};

    if (!times)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        times[i] = items[i].time;
    for (size_t i = 0; i < n; i++) {
        items[i].shown = shown_instant(&instants, i);
        copy_name(items[i].generation, generation);
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
static int describe(const struct generations *generations, const char *name,
                    const struct measuring *measuring, struct task *task, struct listed_points *points)
{
    _cleanup_(generations_finish) struct generations same = {0};
    struct generation *generation = generations_find(generations, name);
    size_t first = points->n;
    int r = generations_select(generations, name, &same);

    if (r == 0)
        r = same.n > 1 ? describe_merged(&same, measuring, task, points)
                       : generation->ops->describe_points(generation, measuring, task, points);
    if (r < 0 || points->n == first)
        return r;
    return name_points(points->items + first, points->n - first, generation);
}

static int by_time(const void *left, const void *right)
{
    const struct listed_point *a = left, *b = right;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return strcmp(a->generation, b->generation);
}

/* Whose points are described, and where they go to. */
struct description {
    const char *generation; /* NULL: all */
    const struct measuring *measuring;
    struct listed_points *points;
};

static int describe_all(const struct generations *generations, void *context, struct task *task)
{
    const struct description *description = context;
    int r = 0;

    listed_points_finish(description->points);
    if (description->generation)
        return describe(generations, description->generation, description->measuring, task,
                        description->points);
    for (size_t i = 0; i < generations->n && r == 0; i++)
        if (generations_find(generations, generations->items[i]->name) == generations->items[i])
            r = describe(generations, generations->items[i]->name, description->measuring, task,
                         description->points);
    return r;
}

int history_describe_points(struct history *history, const char *generation,
                            const struct measuring *measuring, struct task *task,
                            struct listed_points *points)
{
    struct description description = {generation, measuring, points};
    int r = history_ask_generations(history, describe_all, &description, task);

    if (points->n)
        qsort(points->items, points->n, sizeof *points->items, by_time);
    return r;
}
