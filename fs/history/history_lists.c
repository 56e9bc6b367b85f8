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

int history_list_points(struct history *history, const char *generation, struct task *task,
                        struct instants *points)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = history_generations(history, false, task, &generations);
    struct generation *found = r < 0 ? NULL : generations_find(&generations, generation);

    if (!found)
        return r < 0 ? r : -ENOENT;
    r = found->ops->list_points(found, task, points);
    instants_sort(points);
    return r;
}

int history_list_landmarks(struct history *history, const char *generation, struct task *task,
                           struct instants *landmarks)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = history_generations(history, false, task, &generations);

    if (r == 0 && generation && !generations_find(&generations, generation))
        return -ENOENT;
    for (size_t i = 0; i < generations.n && r == 0; i++)
        if (!generation || strcmp(generations.items[i]->name, generation) == 0)
            r = generations.items[i]->ops->list_landmarks(generations.items[i], task, landmarks);
    instants_sort(landmarks);
    return r;
}

int history_list_positions(struct history *history, const char *generation, const char *folder,
                           struct task *task, struct names *names)
{
    int r = -ESTALE;

    for (int looks = 0; looks < 2 && r == -ESTALE; looks++) {
        _cleanup_(generations_finish) struct generations generations = {0};
        task_forgive(task);
        /* An object that is gone: retention has been at work, so look again. */
        r = history_generations(history, looks > 0, task, &generations);
        struct generation *found = r < 0 ? NULL : generations_find(&generations, generation);
        if (!found)
            return r < 0 ? r : -ENOENT;
        r = found->ops->list_positions(found, folder, task, names);
    }
    names_sort(names);
    return r == -ESTALE ? -EIO : r;
}
