#include "litemount/workspaces.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/task.h"

void workspaces_init(struct workspaces *workspaces, unsigned count, size_t size)
{
    *workspaces = (struct workspaces){.free = count, .size = size};
    pthread_mutex_init(&workspaces->lock, NULL);
    pthread_cond_init(&workspaces->given, NULL);
}

void workspaces_finish(struct workspaces *workspaces)
{
    pthread_cond_destroy(&workspaces->given);
    pthread_mutex_destroy(&workspaces->lock);
}

void workspaces_hold(struct workspaces *workspaces)
{
    pthread_mutex_lock(&workspaces->lock);
    workspaces->users++;
    pthread_mutex_unlock(&workspaces->lock);
}

/* The lock is held. */
static void end_use(struct workspaces *workspaces)
{
    if (--workspaces->users == 0)
        while (workspaces->n_kept)
            free(workspaces->kept[--workspaces->n_kept]);
}

void workspaces_release(struct workspaces *workspaces)
{
    pthread_mutex_lock(&workspaces->lock);
    end_use(workspaces);
    pthread_mutex_unlock(&workspaces->lock);
}

int workspaces_take(struct workspaces *workspaces, const struct task *task, uint8_t **ret_bytes)
{
    uint8_t *bytes = NULL;

    pthread_mutex_lock(&workspaces->lock);
    while (workspaces->free == 0 && !task_cancelled(task))
        task_wait(&workspaces->given, &workspaces->lock);
    bool mine = !task_cancelled(task);
    if (mine) {
        workspaces->free--;
        workspaces->users++;
        if (workspaces->n_kept)
            bytes = workspaces->kept[--workspaces->n_kept];
    }
    pthread_mutex_unlock(&workspaces->lock);
    if (!mine)
        return -ECANCELED;
    if (!bytes && !(bytes = malloc(workspaces->size))) {
        workspaces_give(workspaces, NULL);
        return -ENOMEM;
    }
    *ret_bytes = bytes;
    return 0;
}

void workspaces_give(struct workspaces *workspaces, uint8_t *bytes)
{
    pthread_mutex_lock(&workspaces->lock);
    if (bytes)
        workspaces->kept[workspaces->n_kept++] = bytes;
    workspaces->free++;
    end_use(workspaces);
    pthread_cond_signal(&workspaces->given);
    pthread_mutex_unlock(&workspaces->lock);
}
