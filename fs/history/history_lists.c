/* What a history shows in lists: its generations, their points, landmarks and positions. */
#include <errno.h>
#include <string.h>

#include "choose.h"
#include "history_parts.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "merged.h"
#include "no_backup.h"
#include "replicas.h"

int history_list_generations(struct history *history, struct task *task, struct names *names)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = history_generations(history, false, task, &generations);

    for (size_t i = 0; i < generations.n && r == 0; i++)
        r = names_add(names, generations.items[i]->name, true);
    names_sort(names);
    return r;
}

int history_explain_nothing(struct history *history, struct task *task)
{
    _cleanup_(names_finish) struct names generations = {0};
    char list[TASK_REASON_SIZE / 2];
    int r = history_list_generations(history, task, &generations);

    if (r < 0)
        return r;
    if (generations.n == 0)
        return no_backup_explain(history->replicas[0].replica, task);
    names_join(&generations, list, sizeof list);
    return task_fail(task, ENODATA, "no usable snapshot at %s; its generations are: %s",
                     history_place(history), list);
}

int history_ask_generations(struct history *history, ask_generations *ask, void *context, struct task *task)
{
    int r = -ESTALE;

    for (int refreshes = 0; refreshes < 2 && r == -ESTALE; refreshes++) {
        _cleanup_(generations_finish) struct generations generations = {0};
        task_forgive(task);
        r = history_generations(history, refreshes > 0, task, &generations);
        if (r == 0)
            r = ask(&generations, context, task);
    }
    return r == -ESTALE ? -EIO : r;
}

/* What is listed, and where it goes to. */
struct wanted_list {
    const char *generation, *folder;
    struct instants *instants;
    size_t n_before; /* how many instants there were */
    struct names *names;
};

/* Those of one generation that stands in several replicas. */
static int list_merged_points(struct generations *same, struct instants *instants, struct task *task)
{
    _cleanup_(listed_points_finish) struct listed_points points = {0};
    _cleanup_(merged_finish) struct merged merged = {0};
    int r = merged_make(same, NULL, task, &merged);

    if (r == 0)
        r = merged_add_points(&merged, &points);
    for (size_t i = 0; i < points.n && r == 0; i++)
        r = instants_add(instants, points.items[i].time);
    return r;
}

static int list_points(const struct generations *generations, void *context, struct task *task)
{
    const struct wanted_list *request = context;
    _cleanup_(generations_finish) struct generations same = {0};
    int r = generations_select(generations, request->generation, &same);

    request->instants->n = request->n_before;
    if (r < 0)
        return r;
    return same.n > 1 ? list_merged_points(&same, request->instants, task)
                      : generation_list_points(same.items[0], task, request->instants);
}

int history_list_points(struct history *history, const char *generation, struct task *task,
                        struct instants *points)
{
    struct wanted_list request = {.generation = generation, .instants = points, .n_before = points->n};
    int r = history_ask_generations(history, list_points, &request, task);

    instants_sort(points);
    return r;
}

static int list_merged_landmarks(struct generations *same, struct instants *instants, struct task *task)
{
    _cleanup_(merged_finish) struct merged merged = {0};
    int r = merged_make(same, NULL, task, &merged);

    for (size_t i = 0; i < merged.same.n && r == 0; i++) {
        _cleanup_(instants_finish) struct instants found = {0};
        if (merged.points[i].n)
            r = generation_list_landmarks(merged.same.items[i], task, &found);
        for (size_t j = 0; j < found.n && r == 0; j++)
            if (merged_shows(&merged, i, found.times[j]))
                r = instants_add(instants, found.times[j]);
    }
    return r;
}

static int list_landmarks_of(const struct generations *generations, const char *name,
                             struct instants *instants, struct task *task)
{
    _cleanup_(generations_finish) struct generations same = {0};
    int r = generations_select(generations, name, &same);

    if (r < 0)
        return r;
    return same.n > 1 ? list_merged_landmarks(&same, instants, task)
                      : generation_list_landmarks(same.items[0], task, instants);
}

static int list_landmarks(const struct generations *generations, void *context, struct task *task)
{
    const struct wanted_list *request = context;
    int r = 0;

    request->instants->n = request->n_before;
    if (request->generation)
        return list_landmarks_of(generations, request->generation, request->instants, task);
    for (size_t i = 0; i < generations->n && r == 0; i++)
        if (generations_find(generations, generations->items[i]->name) == generations->items[i])
            r = list_landmarks_of(generations, generations->items[i]->name, request->instants, task);
    return r;
}

int history_list_landmarks(struct history *history, const char *generation, struct task *task,
                           struct instants *landmarks)
{
    struct wanted_list request = {.generation = generation, .instants = landmarks, .n_before = landmarks->n};
    int r = history_ask_generations(history, list_landmarks, &request, task);

    instants_sort(landmarks);
    return r;
}

/* Of every replica that has the generation: each position leads to the same state in all of them. */
static int list_positions(const struct generations *generations, void *context, struct task *task)
{
    const struct wanted_list *request = context;
    size_t listed = 0;
    int failure = -ENOENT;

    for (size_t i = 0; i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        struct task attempt;
        task_init(&attempt, task);
        if (strcmp(generation->name, request->generation) != 0)
            continue;
        int r = generation_list_positions(generation, request->folder, &attempt, request->names);
        if (r == -ECANCELED || r == -ENOMEM || r == -ESTALE)
            return task_fail(task, -r, "%s", task_reason(&attempt, r));
        listed += r == 0;
        if (r < 0 && failure == -ENOENT)
            failure = r == -ENOENT ? r : task_fail(task, -r, "%s", task_reason(&attempt, r));
    }
    if (listed)
        task_forgive(task);
    return listed ? 0 : failure;
}

/* What is listed twice is there once. */
int history_list_positions(struct history *history, const char *generation, const char *folder,
                           struct task *task, struct names *names)
{
    struct wanted_list request = {.generation = generation, .folder = folder, .names = names};
    int r = history_ask_generations(history, list_positions, &request, task);

    names_sort(names);
    return r;
}

int history_list_inodes(struct history *history, const char *generation, const int64_t *times, size_t n,
                        uint64_t *ret_inodes)
{
    _cleanup_(generations_finish) struct generations generations = {0}, same = {0};
    int r = history_current(history, &generations);

    if (r == 0 && generation)
        r = generations_select(&generations, generation, &same);
    if (r == -ENOMEM)
        return r;
    return choose_inodes(generation ? &same : &generations, times, n, ret_inodes);
}

bool history_is_current(struct history *history)
{
    return refresh_gate_is_fresh(&history->gate, history->options.refresh);
}
