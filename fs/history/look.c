#include "look.h"

#include <errno.h>
#include <time.h>

#include "litemount/instant.h"
#include "litemount/task.h"

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

/* Called locked. A clock that was set back makes every look old. */
static bool is_due(const struct look *look, int64_t age, int64_t now)
{
    return look->looked_at == 0 || look->looked_at > now || now - look->looked_at >= age;
}

int look_begin(struct look *look, int64_t age, struct task *task)
{
    int64_t now;
    int r = 0;

    pthread_mutex_lock(&look->lock);
    while (is_due(look, age, now = instant_now()) && look->busy && !task_cancelled(task))
        task_wait(&look->ended, &look->lock);
    if (task_cancelled(task)) {
        r = -ECANCELED;
    } else if (is_due(look, age, now)) {
        look->busy = true;
        look->started_at = now;
        r = 1;
    }
    pthread_mutex_unlock(&look->lock);
    return r;
}

void look_end(struct look *look, bool succeeded)
{
    pthread_mutex_lock(&look->lock);
    look->busy = false;
    if (succeeded)
        look->looked_at = look->started_at;
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
