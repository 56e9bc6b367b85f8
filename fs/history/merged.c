#include "merged.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"

void merged_finish(struct merged *merged)
{
    for (size_t i = 0; merged->points && i < merged->same.n; i++)
        listed_points_finish(&merged->points[i]);
    free(merged->points);
    generations_finish(&merged->same);
}

/* Replicas of one database are written so long after each other at most, about: nanoseconds. */
#define APART (5 * INSTANT_SECOND)

/* The newest point at or before `time`; NULL: there is none. */
static const struct listed_point *merged_newest_point(const struct listed_points *points, int64_t time)
{
    size_t n = ARRAY_LOWER_BOUND(points->n, i, points->items[i].time <= time);
    return n ? &points->items[n - 1] : NULL;
}

bool merged_shows(const struct merged *merged, size_t n, int64_t time)
{
    int64_t earliest, latest;

    for (size_t i = 0; i < n; i++) {
        struct generation *generation = merged->same.items[i];
        if (!generation_bounds(generation, &earliest, &latest) || earliest > time)
            continue;
        const struct listed_point *newest = merged_newest_point(&merged->points[i], time);
        return !newest || (newest->gap && newest->time != time);
    }
    return true;
}

static bool merged_shows_any(const struct merged *merged, size_t n)
{
    for (size_t i = 0; i < merged->points[n].n; i++)
        if (merged_shows(merged, n, merged->points[n].items[i].time))
            return true;
    return false;
}

/* A replica that can't be read hides no other; what it holds is not shown. */
static int merged_describe(struct merged *merged, size_t n, const struct measuring *measuring,
                           struct task *task)
{
    struct generation *generation = merged->same.items[n];

    listed_points_finish(&merged->points[n]);
    int r = generation_describe_points(generation, measuring, task, &merged->points[n]);
    if (r < 0)
        listed_points_finish(&merged->points[n]);
    return r;
}

static int merged_describe_all(struct merged *merged, const struct measuring *measuring, struct task *task)
{
    size_t described = 0;
    int failure = 0;

    for (size_t i = 0; i < merged->same.n; i++) {
        struct task attempt;
        task_init(&attempt, task);
        int r = merged_describe(merged, i, i == 0 ? measuring : NULL, &attempt);
        if (r == 0 && i > 0 && measuring && merged_shows_any(merged, i))
            r = merged_describe(merged, i, measuring, &attempt);
        if (r == -ECANCELED || r == -ENOMEM || r == -ESTALE)
            return task_fail(task, -r, "%s", task_reason(&attempt, r));
        described += r == 0;
        if (r < 0 && failure == 0)
            failure = task_fail(task, -r, "%s", task_reason(&attempt, r));
    }
    if (described)
        task_forgive(task);
    return described ? 0 : failure;
}

int merged_make(struct generations *same, const struct measuring *measuring, struct task *task,
                struct merged *ret_merged)
{
    _cleanup_(merged_finish) struct merged merged = {.same = *same};

    *same = (struct generations){0};
    merged.points = calloc(merged.same.n, sizeof *merged.points);
    int r = merged.points ? merged_describe_all(&merged, measuring, task) : -ENOMEM;
    if (r < 0)
        return r;
    *ret_merged = merged;
    merged = (struct merged){0};
    return 0;
}

/* Only the points that are shown stay: of the last generations first, for it depends on those before. */
static void merged_drop_others(struct merged *merged)
{
    for (size_t i = merged->same.n; i > 1; i--) {
        struct listed_points *points = &merged->points[i - 1];
        size_t kept = 0;
        for (size_t j = 0; j < points->n; j++) {
            if (merged_shows(merged, i - 1, points->items[j].time))
                points->items[kept++] = points->items[j];
            else
                free(points->items[j].gap);
        }
        points->n = kept;
    }
}

/* What is missing behind a point of generation `i` is not, where generation `n` shows a point: it is missing
 * behind that one, unless its replica goes on. */
static void merged_close_gap(struct merged *merged, size_t i, size_t n, struct listed_point *point)
{
    struct listed_points *points = &merged->points[i];
    struct listed_point *before = (struct listed_point *)merged_newest_point(points, point->time);
    int64_t earliest, until, latest;

    if (!before || !before->gap)
        return;
    char *gap = steal_pointer(before->gap);
    generation_bounds(merged->same.items[i], &earliest, &until);
    generation_bounds(merged->same.items[n], &earliest, &latest);
    until = before + 1 < points->items + points->n ? before[1].time : until - APART;
    if (latest < until && !point->gap)
        point->gap = steal_pointer(gap);
    free(gap);
}

static void merged_close_gaps(struct merged *merged)
{
    for (size_t n = 1; n < merged->same.n; n++)
        for (size_t j = merged->points[n].n; j > 0; j--)
            for (size_t i = 0; i < n; i++)
                merged_close_gap(merged, i, n, &merged->points[n].items[j - 1]);
}

static int merged_by_time(const void *left, const void *right)
{
    const struct listed_point *a = left, *b = right;
    return (a->time > b->time) - (a->time < b->time);
}

int merged_add_points(struct merged *merged, struct listed_points *points)
{
    size_t first = points->n;
    int r = 0;

    merged_drop_others(merged);
    merged_close_gaps(merged);
    for (size_t i = 0; i < merged->same.n; i++)
        for (size_t j = 0; j < merged->points[i].n && r == 0; j++) {
            r = listed_points_add(points, &merged->points[i].items[j]);
            if (r == 0)
                merged->points[i].items[j].gap = NULL; /* it went along */
        }
    if (points->n > first)
        qsort(points->items + first, points->n - first, sizeof *points->items, merged_by_time);
    return r;
}
