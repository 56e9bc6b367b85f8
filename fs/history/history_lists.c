/* What a history shows in lists: its generations, their points, landmarks and positions. */
#include <errno.h>
#include <string.h>

#include "generation.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "replicas.h"

int history_list_generations(struct history *history, struct task *task, struct names *names)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = history_generations(history, false, task, &generations);

    for (size_t i = 0; i < generations.n && r == 0; i++)
        r = names_add(names, generations.items[i]->name, true);
    return r;
}

int history_ask_generations(struct history *history, ask_generations *ask, void *context, struct task *task)
{
    int r = -ESTALE;

    for (int looks = 0; looks < 2 && r == -ESTALE; looks++) {
        _cleanup_(generations_finish) struct generations generations = {0};
        task_forgive(task);
        r = history_generations(history, looks > 0, task, &generations);
        if (r == 0)
            r = ask(&generations, context, task);
    }
    return r == -ESTALE ? -EIO : r;
}

/* What is listed, and where it goes to. */
struct list {
    const char *generation, *folder;
    struct instants *instants;
    size_t n_before; /* how many instants there were */
    struct names *names;
};

static int list_points(const struct generations *generations, void *context, struct task *task)
{
    const struct list *list = context;
    struct generation *found = generations_find(generations, list->generation);

    list->instants->n = list->n_before;
    return found ? found->ops->list_points(found, task, list->instants) : -ENOENT;
}

int history_list_points(struct history *history, const char *generation, struct task *task,
                        struct instants *points)
{
    struct list list = {.generation = generation, .instants = points, .n_before = points->n};
    int r = history_ask_generations(history, list_points, &list, task);

    instants_sort(points);
    return r;
}

static int list_landmarks(const struct generations *generations, void *context, struct task *task)
{
    const struct list *list = context;
    int r = 0;

    list->instants->n = list->n_before;
    if (list->generation && !generations_find(generations, list->generation))
        return -ENOENT;
    for (size_t i = 0; i < generations->n && r == 0; i++)
        if (!list->generation || strcmp(generations->items[i]->name, list->generation) == 0)
            r = generations->items[i]->ops->list_landmarks(generations->items[i], task, list->instants);
    return r;
}

int history_list_landmarks(struct history *history, const char *generation, struct task *task,
                           struct instants *landmarks)
{
    struct list list = {.generation = generation, .instants = landmarks, .n_before = landmarks->n};
    int r = history_ask_generations(history, list_landmarks, &list, task);

    instants_sort(landmarks);
    return r;
}

static int list_positions(const struct generations *generations, void *context, struct task *task)
{
    const struct list *list = context;
    struct generation *found = generations_find(generations, list->generation);
    return found ? found->ops->list_positions(found, list->folder, task, list->names) : -ENOENT;
}

/* What is listed twice is there once. */
int history_list_positions(struct history *history, const char *generation, const char *folder,
                           struct task *task, struct names *names)
{
    struct list list = {.generation = generation, .folder = folder, .names = names};
    int r = history_ask_generations(history, list_positions, &list, task);

    names_sort(names);
    return r;
}
