#include "litemount/slots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/task.h"

void slots_init(struct slots *slots, unsigned each)
{
    *slots = (struct slots){.each = each};
    pthread_mutex_init(&slots->lock, NULL);
    pthread_cond_init(&slots->given, NULL);
}

void slots_finish(struct slots *slots)
{
    free(slots->holders);
    pthread_mutex_destroy(&slots->lock);
    pthread_cond_destroy(&slots->given);
}

static struct slots_holder *slots_find_locked(struct slots *slots, const void *holder)
{
    for (size_t i = 0; i < slots->n; i++)
        if (slots->holders[i].holder == holder)
            return &slots->holders[i];
    return NULL;
}

static bool slots_are_free_locked(struct slots *slots, const void *holder)
{
    const struct slots_holder *found = slots_find_locked(slots, holder);
    return !found || found->taken < slots->each;
}

static int slots_add_locked(struct slots *slots, const void *holder)
{
    struct slots_holder *found = slots_find_locked(slots, holder);

    if (!found) {
        int r = ARRAY_GROW(slots->holders, slots->capacity, slots->n + 1);
        if (r < 0)
            return r;
        found = &slots->holders[slots->n++];
        *found = (struct slots_holder){.holder = holder};
    }
    found->taken++;
    return 0;
}

int slots_take(struct slots *slots, const void *holder, const struct task *task)
{
    pthread_mutex_lock(&slots->lock);
    while (!slots_are_free_locked(slots, holder) && !task_cancelled(task))
        task_wait(&slots->given, &slots->lock);
    int r = task_cancelled(task) ? -ECANCELED : slots_add_locked(slots, holder);
    pthread_mutex_unlock(&slots->lock);
    return r;
}

void slots_give(struct slots *slots, const void *holder)
{
    pthread_mutex_lock(&slots->lock);
    struct slots_holder *found = slots_find_locked(slots, holder);
    if (--found->taken == 0)
        *found = slots->holders[--slots->n];
    pthread_cond_broadcast(&slots->given); /* those who wait may be of any holder */
    pthread_mutex_unlock(&slots->lock);
}
