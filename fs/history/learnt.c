#include "learnt.h"

#include <errno.h>

#include "litemount/log.h"
#include "litemount/task.h"

int learnt_claim(enum learnt *learnt, pthread_mutex_t *lock, pthread_cond_t *changed, struct task *task,
                 bool *ret_mine)
{
    int r = 0;

    pthread_mutex_lock(lock);
    while (*learnt == LEARNT_PENDING && !task_cancelled(task))
        task_wait(changed, lock);
    *ret_mine = *learnt == LEARNT_NOTHING;
    if (*learnt == LEARNT_PENDING)
        r = -ECANCELED;
    else if (*ret_mine)
        *learnt = LEARNT_PENDING;
    pthread_mutex_unlock(lock);
    return r;
}

int learnt_survive(int r, struct task *task)
{
    if (r != -EBADMSG)
        return r;
    log_warning("%s", task_reason(task, r));
    task_forgive(task);
    return 0;
}
