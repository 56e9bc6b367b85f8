#include "round.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/clock.h"
#include "litemount/thread_pool.h"

enum asked { ASKED_NOTHING, ASKED_PENDING, ASKED_ANSWERED };

struct round_item {
    struct thread_pool_work work; /* the first field */
    struct round *round;
    struct task task;
    bool is_late;  /* only the caller's thread touches these two */
    int64_t began; /* by the clock that is never set: nanoseconds */

    /* Guarded by the round's lock. */
    enum asked asked;
    int64_t ended;
    int result;
};

struct round {
    struct thread_pool *pool; /* borrowed; may be NULL */
    round_ask *ask;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* an answer has come */
    size_t n;
    struct round_item items[];
};

int round_open(size_t n, struct thread_pool *pool, round_ask *ask, void *context, struct round **ret_round)
{
    struct round *round = calloc(1, sizeof *round + n * sizeof *round->items);

    if (!round)
        return -ENOMEM;
    round->pool = pool;
    round->ask = ask;
    round->context = context;
    round->n = n;
    for (size_t i = 0; i < n; i++)
        round->items[i].round = round;
    pthread_mutex_init(&round->lock, NULL);
    pthread_cond_init(&round->changed, NULL);
    *ret_round = round;
    return 0;
}

static enum asked round_item_asked(struct round_item *item)
{
    pthread_mutex_lock(&item->round->lock);
    enum asked asked = item->asked;
    pthread_mutex_unlock(&item->round->lock);
    return asked;
}

static void round_item_finish(struct round_item *item)
{
    struct round *round = item->round;

    if (round_item_asked(item) != ASKED_PENDING)
        return;
    task_cancel(&item->task);
    if (thread_pool_take_back(round->pool, THREADS_ASK, &item->work))
        return;
    pthread_mutex_lock(&round->lock);
    while (item->asked == ASKED_PENDING)
        pthread_cond_wait(&round->changed, &round->lock);
    pthread_mutex_unlock(&round->lock);
}

void round_close(struct round *round)
{
    if (!round)
        return;
    for (size_t i = 0; i < round->n; i++)
        task_cancel(&round->items[i].task);
    for (size_t i = 0; i < round->n; i++)
        round_item_finish(&round->items[i]);
    pthread_cond_destroy(&round->changed);
    pthread_mutex_destroy(&round->lock);
    free(round);
}

static void round_item_run(struct thread_pool_work *work, struct task *task)
{
    struct round_item *item = (struct round_item *)work;
    struct round *round = item->round;
    int r = round->ask(round->context, (size_t)(item - round->items), &item->task);

    (void)task; /* the item's own can be cancelled alone */
    pthread_mutex_lock(&round->lock);
    item->result = r;
    item->ended = clock_now();
    item->asked = ASKED_ANSWERED;
    pthread_cond_broadcast(&round->changed);
    pthread_mutex_unlock(&round->lock);
}

/* Where no thread can be had it is asked on the caller's. */
void round_start(struct round *round, size_t number, const void *holder, const char *purpose)
{
    struct round_item *item = &round->items[number];

    task_init(&item->task, round->pool ? thread_pool_task(round->pool) : NULL);
    task_set_purpose(&item->task, "%s", purpose);
    item->task.holder = holder;
    item->work = (struct thread_pool_work){.run = round_item_run, .holder = holder};
    item->began = clock_now();
    item->asked = ASKED_PENDING; /* nobody else looks at it yet */
    if (!round->pool || !thread_pool_add(round->pool, THREADS_ASK, &item->work))
        round_item_run(&item->work, NULL);
}

static bool round_is_worth_something_locked(const struct round_item *item)
{
    return item->asked == ASKED_ANSWERED && item->result > 0;
}

/* Whether the caller is to wait for the item. */
static bool round_is_awaited_locked(const struct round_item *item, bool answered, int64_t patience)
{
    if (item->asked != ASKED_PENDING)
        return false;
    return !answered || (!item->is_late && clock_now() - item->began < patience);
}

static bool round_anybody_awaited_locked(const struct round *round, int64_t patience)
{
    bool answered = false, awaited = false;

    for (size_t i = 0; i < round->n; i++)
        answered |= round_is_worth_something_locked(&round->items[i]);
    for (size_t i = 0; i < round->n; i++)
        awaited |= round_is_awaited_locked(&round->items[i], answered, patience);
    return awaited;
}

int round_wait(struct round *round, int64_t patience, struct task *task)
{
    bool cancelled = false;

    pthread_mutex_lock(&round->lock);
    while (round_anybody_awaited_locked(round, patience) && !(cancelled = task_cancelled(task)))
        task_wait(&round->changed, &round->lock);
    for (size_t i = 0; i < round->n && !cancelled; i++)
        round->items[i].is_late |= round->items[i].asked == ASKED_PENDING;
    pthread_mutex_unlock(&round->lock);
    return cancelled ? -ECANCELED : 0;
}

bool round_take(struct round *round, size_t number, int *ret_result, char reason[TASK_REASON_SIZE])
{
    struct round_item *item = &round->items[number];

    if (round_item_asked(item) != ASKED_ANSWERED)
        return false;
    item->asked = ASKED_NOTHING;
    item->is_late = item->ended - item->began >= ROUND_PATIENCE;
    *ret_result = item->result;
    snprintf(reason, TASK_REASON_SIZE, "%s", task_reason(&item->task, item->result));
    return true;
}

int64_t round_age(struct round *round, size_t number)
{
    struct round_item *item = &round->items[number];
    return round_item_asked(item) == ASKED_PENDING ? clock_now() - item->began : 0;
}

bool round_is_late(const struct round *round, size_t number)
{
    return round->items[number].is_late;
}
