#include "refresh_gate.h"

#include <errno.h>
#include <stdio.h>

#include "litemount/clock.h"
#include "litemount/instant.h"

void refresh_gate_init(struct refresh_gate *gate)
{
    *gate = (struct refresh_gate){0};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->ended, NULL);
}

void refresh_gate_finish(struct refresh_gate *gate)
{
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->ended);
}

/* Whether the last refresh is too old for somebody who asked at `asked`. */
static bool refresh_is_due_locked(const struct refresh_gate *gate, int64_t asked, int64_t age)
{
    return gate->succeeded == 0 || (gate->succeeded <= asked && asked - gate->succeeded >= age);
}

/* Waits for another's refresh. */
static int refresh_share_locked(struct refresh_gate *gate, struct task *task)
{
    unsigned ends = gate->ends;
    while (gate->busy && gate->ends == ends && !task_cancelled(task))
        task_wait(&gate->ended, &gate->lock);
    if (task_cancelled(task))
        return -ECANCELED;
    return gate->result < 0 ? task_fail(task, -gate->result, "%s", gate->reason) : 0;
}

int refresh_gate_begin(struct refresh_gate *gate, int64_t age, struct task *task)
{
    int64_t asked = clock_now();
    int r = 0;

    pthread_mutex_lock(&gate->lock);
    while (r == 0 && gate->busy && refresh_is_due_locked(gate, asked, age))
        r = refresh_share_locked(gate, task);
    if (r == 0 && refresh_is_due_locked(gate, asked, age)) {
        gate->busy = true;
        gate->began = clock_now();
        gate->wall = instant_now();
        r = 1;
    }
    pthread_mutex_unlock(&gate->lock);
    return r;
}

void refresh_gate_end(struct refresh_gate *gate, int result, const struct task *task)
{
    pthread_mutex_lock(&gate->lock);
    gate->busy = false;
    gate->ends++;
    /* That this task was cancelled is nobody else's failure: the next one refreshes. */
    gate->result = result == -ECANCELED ? 0 : result;
    snprintf(gate->reason, sizeof gate->reason, "%s", task_reason(task, result));
    if (result == 0) {
        gate->succeeded = gate->began;
        gate->refreshed_at = gate->wall;
    }
    pthread_cond_broadcast(&gate->ended);
    pthread_mutex_unlock(&gate->lock);
}

int64_t refresh_gate_time(struct refresh_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    int64_t time = gate->refreshed_at;
    pthread_mutex_unlock(&gate->lock);
    return time;
}

bool refresh_gate_is_fresh(struct refresh_gate *gate, int64_t age)
{
    pthread_mutex_lock(&gate->lock);
    bool fresh = !refresh_is_due_locked(gate, clock_now(), age);
    pthread_mutex_unlock(&gate->lock);
    return fresh;
}
