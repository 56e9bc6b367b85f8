#include "learnt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc64.h>

#include "litemount/clock.h"
#include "litemount/log.h"
#include "litemount/task.h"

#define PARALLEL_FETCHES 64
#define WHOLE_OBJECTS (32 << 20) /* bytes of objects that may be in memory, each whole, at once */

void learnt_finish(struct learnt *learnt)
{
    free(learnt->damage);
}

bool learnt_set_damaged_locked(struct learnt *learnt, const char *why)
{
    bool is_news = !learnt->damage || strcmp(learnt->damage, why) != 0;

    learnt->state = LEARNT_DAMAGED;
    learnt->damage_found = clock_now();
    if (is_news) {
        free(learnt->damage);
        learnt->damage = strdup(why);
    }
    return is_news;
}

int64_t learnt_expire_locked(struct learnt *learnt)
{
    if (learnt->state == LEARNT_DAMAGED && learnt_is_over(learnt->damage_found))
        learnt->state = LEARNT_NOTHING;
    return learnt->state == LEARNT_DAMAGED ? learnt->damage_found : 0;
}

/* Waits until nobody else is learning the object. 1: it is the caller's to learn now, and LEARNT_PENDING
 * until that is settled; 0: it is known; -ECANCELED. */
static int learnt_claim(const struct learning *learning, struct task *task)
{
    struct learnt *learnt = learning->learnt;
    int r = 0;

    pthread_mutex_lock(learning->lock);
    while (learnt->state == LEARNT_PENDING && !task_cancelled(task))
        task_wait(learning->changed, learning->lock);
    if (learnt->state == LEARNT_PENDING) {
        r = -ECANCELED;
    } else if (learnt->state == LEARNT_NOTHING) {
        learnt->state = LEARNT_PENDING;
        r = 1;
    }
    pthread_mutex_unlock(learning->lock);
    return r;
}

/* Ends the claim: the object is sound (`r` is 0), or damaged, or could not be had. */
static int learnt_settle(const struct learning *learning, int r, struct task *task)
{
    bool is_news = false;

    pthread_mutex_lock(learning->lock);
    learning->learnt->state = LEARNT_NOTHING;
    if (r == 0 && learning->take_over_locked)
        r = learning->take_over_locked(learning->context);
    if (r == 0)
        learning->learnt->state = LEARNT_SOUND;
    if (r == -EBADMSG) {
        is_news = learnt_set_damaged_locked(learning->learnt, task_reason(task, r));
        if (learning->note_damage_locked)
            learning->note_damage_locked(learning->context);
    }
    pthread_cond_broadcast(learning->changed);
    pthread_mutex_unlock(learning->lock);
    if (r != -EBADMSG)
        return r;
    if (is_news)
        log_warning("%s", task_reason(task, r));
    task_forgive(task);
    return 0;
}

int learnt_once(const struct learning *learning, struct task *task)
{
    int r = learnt_claim(learning, task);
    return r <= 0 ? r : learnt_settle(learning, learning->find_out(learning->context, task), task);
}

size_t learnt_at_once(uint64_t largest)
{
    return largest < WHOLE_OBJECTS / PARALLEL_FETCHES ? PARALLEL_FETCHES : (size_t)(WHOLE_OBJECTS / largest);
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
