#include "learnt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <isa-l/crc64.h>

#include "litemount/clock.h"
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

int learnt_survive(int r, const char *before, struct task *task)
{
    if (r != -EBADMSG)
        return r;
    if (!before || strcmp(before, task_reason(task, r)) != 0)
        log_warning("%s", task_reason(task, r));
    task_forgive(task);
    return 0;
}

static bool learnt_has(const uint64_t *sums, size_t n, uint64_t sum)
{
    while (n && sums[n - 1] != sum)
        n--;
    return n > 0;
}

int learnt_read(learnt_attempt *attempt, void *context, struct task *task)
{
    uint64_t sums[LEARNT_ATTEMPTS] = {0};
    char reason[TASK_REASON_SIZE];

    for (size_t n = 0; n < LEARNT_ATTEMPTS; n++) {
        int r = attempt(context, n > 0, &sums[n], task);
        if (r != -EBADMSG || learnt_has(sums, n, sums[n]))
            return r;
        log_info("%s; reading it anew", task_reason(task, r));
        snprintf(reason, sizeof reason, "%s", task_reason(task, r));
        task_forgive(task);
    }
    return task_fail(task, EREMOTEIO, "%.*s (it was read %d times, and came otherwise each time)",
                     TASK_REASON_SIZE - 80, reason, LEARNT_ATTEMPTS);
}

uint64_t learnt_sum(uint64_t sum, const void *bytes, size_t length)
{
    return crc64_ecma_refl(sum, bytes, length);
}

bool learnt_is_over(int64_t found)
{
    return clock_now() - found >= LEARNT_DAMAGE_LASTS;
}
