#include "litemount/slots.h"

#include <errno.h>

#include "litemount/task.h"

void slots_init(struct slots *slots, unsigned count)
{
    pthread_mutex_init(&slots->lock, NULL);
    pthread_cond_init(&slots->given, NULL);
    slots->free = count;
}

void slots_finish(struct slots *slots)
{
    pthread_mutex_destroy(&slots->lock);
    pthread_cond_destroy(&slots->given);
}

int slots_take(struct slots *slots, const struct task *task)
{
    int r = 0;

    pthread_mutex_lock(&slots->lock);
    while (slots->free == 0 && !task_cancelled(task))
        task_wait(&slots->given, &slots->lock);
    if (task_cancelled(task))
        r = -ECANCELED;
    else
        slots->free--;
    pthread_mutex_unlock(&slots->lock);
    return r;
}

void slots_give(struct slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    slots->free++;
    pthread_cond_signal(&slots->given);
    pthread_mutex_unlock(&slots->lock);
}
