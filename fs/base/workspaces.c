#include "litemount/workspaces.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/task.h"

void workspaces_init(struct workspaces *workspaces, unsigned each, size_t size)
{
    *workspaces = (struct workspaces){.size = size};
    slots_init(&workspaces->slots, each);
    pthread_mutex_init(&workspaces->lock, NULL);
}

void workspaces_finish(struct workspaces *workspaces)
{
    slots_finish(&workspaces->slots);
    pthread_mutex_destroy(&workspaces->lock);
}

void workspaces_hold(struct workspaces *workspaces)
{
    pthread_mutex_lock(&workspaces->lock);
    workspaces->users++;
    pthread_mutex_unlock(&workspaces->lock);
}

static void workspaces_end_use_locked(struct workspaces *workspaces)
{
    if (--workspaces->users == 0)
        while (workspaces->n_kept)
            free(workspaces->kept[--workspaces->n_kept]);
}

void workspaces_release(struct workspaces *workspaces)
{
    pthread_mutex_lock(&workspaces->lock);
    workspaces_end_use_locked(workspaces);
    pthread_mutex_unlock(&workspaces->lock);
}

int workspaces_take(struct workspaces *workspaces, const void *holder, const struct task *task,
                    uint8_t **ret_bytes)
{
    uint8_t *bytes = NULL;
    int r = slots_take(&workspaces->slots, holder, task);

    if (r < 0)
        return r;
    pthread_mutex_lock(&workspaces->lock);
    workspaces->users++;
    if (workspaces->n_kept)
        bytes = workspaces->kept[--workspaces->n_kept];
    pthread_mutex_unlock(&workspaces->lock);
    if (!bytes && !(bytes = malloc(workspaces->size))) {
        workspaces_give(workspaces, holder, NULL);
        return -ENOMEM;
    }
    *ret_bytes = bytes;
    return 0;
}

void workspaces_give(struct workspaces *workspaces, const void *holder, uint8_t *bytes)
{
    pthread_mutex_lock(&workspaces->lock);
    if (bytes && workspaces->n_kept < WORKSPACES_KEPT)
        workspaces->kept[workspaces->n_kept++] = bytes;
    else
        free(bytes);
    workspaces_end_use_locked(workspaces);
    pthread_mutex_unlock(&workspaces->lock);
    slots_give(&workspaces->slots, holder);
}
