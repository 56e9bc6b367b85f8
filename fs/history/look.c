#include "look.h"

#include <errno.h>
#include <stdio.h>

#include "litemount/clock.h"
#include "litemount/instant.h"

void look_init(struct look *look)
{
    *look = (struct look){0};
    pthread_mutex_init(&look->lock, NULL);
    pthread_cond_init(&look->ended, NULL);
}

void look_finish(struct look *look)
{
    pthread_mutex_destroy(&look->lock);
    pthread_cond_destroy(&look->ended);
}

/* Whether the last look is too old for somebody who asked at `asked`. Called locked. */
static bool is_due(const struct look *look, int64_t asked, int64_t age)
{
    return look->succeeded == 0 || (look->succeeded <= asked && asked - look->succeeded >= age);
}

/* Waits for another's look. Called locked. */
static int share(struct look *look, struct task *task)
{
    unsigned ends = look->ends;
    while (look->busy && look->ends == ends && !task_cancelled(task))
        task_wait(&look->ended, &look->lock);
    if (task_cancelled(task))
        return -ECANCELED;
    return look->result < 0 ? task_fail(task, -look->result, "%s", look->reason) : 0;
}

int look_begin(struct look *look, int64_t age, struct task *task)
{
    int64_t asked = clock_now();
    int r = 0;

    pthread_mutex_lock(&look->lock);
    while (r == 0 && look->busy && is_due(look, asked, age))
        r = share(look, task);
    if (r == 0 && is_due(look, asked, age)) {
        look->busy = true;
        look->began = clock_now();
        look->wall = instant_now();
        r = 1;
    }
    pthread_mutex_unlock(&look->lock);
    return r;
}

void look_end(struct look *look, int result, const struct task *task)
{
    pthread_mutex_lock(&look->lock);
    look->busy = false;
    look->ends++;
    /* That the looker's own task was cancelled is nobody else's failure: the next one looks. */
    look->result = result == -ECANCELED ? 0 : result;
    snprintf(look->reason, sizeof look->reason, "%s", task_reason(task, result));
    if (result == 0) {
        look->succeeded = look->began;
        look->looked_at = look->wall;
    }
    pthread_cond_broadcast(&look->ended);
    pthread_mutex_unlock(&look->lock);
}

int64_t look_time(struct look *look)
{
    pthread_mutex_lock(&look->lock);
    int64_t time = look->looked_at;
    pthread_mutex_unlock(&look->lock);
    return time;
}

bool look_is_fresh(struct look *look, int64_t age)
{
    pthread_mutex_lock(&look->lock);
    bool fresh = !is_due(look, clock_now(), age);
    pthread_mutex_unlock(&look->lock);
    return fresh;
}
