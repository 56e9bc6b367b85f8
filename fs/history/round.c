#include "round.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/clock.h"

enum asked { ASKED_NOTHING, ASKED_PENDING, ASKED_ANSWERED };

struct round_item {
    struct round *round;
    pthread_t thread;
    struct task task;
    bool has_thread; /* only the caller's touches these three */
    bool is_late;
    int64_t began; /* by the clock that is never set: nanoseconds */

    /* Guarded by the round's lock. */
    enum asked asked;
    int64_t ended;
    int result;
};

struct round {
    round_ask *ask;
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* an answer has come */
    size_t n;
    struct round_item items[];
};

int round_open(size_t n, round_ask *ask, void *context, struct round **ret_round)
{
    struct round *round = calloc(1, sizeof *round + n * sizeof *round->items);

    if (!round)
        return -ENOMEM;
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

static enum asked item_asked(struct round_item *item)
{
    pthread_mutex_lock(&item->round->lock);
    enum asked asked = item->asked;
    pthread_mutex_unlock(&item->round->lock);
    return asked;
}

void round_close(struct round *round)
{
    if (!round)
        return;
    for (size_t i = 0; i < round->n; i++)
        if (item_asked(&round->items[i]) == ASKED_PENDING)
            task_cancel(&round->items[i].task);
    for (size_t i = 0; i < round->n; i++)
        if (round->items[i].has_thread)
            pthread_join(round->items[i].thread, NULL);
    pthread_cond_destroy(&round->changed);
    pthread_mutex_destroy(&round->lock);
    free(round);
}

static void *item_run(void *argument)
{
    struct round_item *item = argument;
    struct round *round = item->round;
    int r = round->ask(round->context, (size_t)(item - round->items), &item->task);

    pthread_mutex_lock(&round->lock);
    item->result = r;
    item->ended = clock_now();
    item->asked = ASKED_ANSWERED;
    pthread_cond_broadcast(&round->changed);
    pthread_mutex_unlock(&round->lock);
    return NULL;
}

/* Where no thread can be had it is asked on the caller's. */
void round_start(struct round *round, size_t number, const char *purpose)
{
    struct round_item *item = &round->items[number];

    task_init(&item->task, NULL);
    task_set_purpose(&item->task, "%s", purpose);
    item->began = clock_now();
    item->asked = ASKED_PENDING; /* nobody else looks at it yet */
    item->has_thread = pthread_create(&item->thread, NULL, item_run, item) == 0;
    if (!item->has_thread)
        item_run(item);
}

static bool is_worth_something(const struct round_item *item)
{
    return item->asked == ASKED_ANSWERED && item->result > 0;
}

/* Whether the caller is to wait for the item. Called locked. */
static bool is_awaited(const struct round_item *item, bool answered, int64_t patience)
{
    if (item->asked != ASKED_PENDING)
        return false;
    return !answered || (!item->is_late && clock_now() - item->began < patience);
}

/* Called locked. */
static bool anybody_awaited(const struct round *round, int64_t patience)
{
    bool answered = false, awaited = false;

    for (size_t i = 0; i < round->n; i++)
        answered |= is_worth_something(&round->items[i]);
    for (size_t i = 0; i < round->n; i++)
        awaited |= is_awaited(&round->items[i], answered, patience);
    return awaited;
}

int round_wait(struct round *round, int64_t patience, struct task *task)
{
    bool cancelled = false;

    pthread_mutex_lock(&round->lock);
    while (anybody_awaited(round, patience) && !(cancelled = task_cancelled(task)))
        task_wait(&round->changed, &round->lock);
    for (size_t i = 0; i < round->n && !cancelled; i++)
        round->items[i].is_late |= round->items[i].asked == ASKED_PENDING;
    pthread_mutex_unlock(&round->lock);
    return cancelled ? -ECANCELED : 0;
}

bool round_take(struct round *round, size_t number, int *ret_result, char reason[TASK_REASON_SIZE])
{
    struct round_item *item = &round->items[number];

    if (item_asked(item) != ASKED_ANSWERED)
        return false;
    if (item->has_thread)
        pthread_join(item->thread, NULL);
    item->has_thread = false;
    item->asked = ASKED_NOTHING;
    item->is_late = item->ended - item->began >= ROUND_PATIENCE;
    *ret_result = item->result;
    snprintf(reason, TASK_REASON_SIZE, "%s", task_reason(&item->task, item->result));
    return true;
}

int64_t round_age(struct round *round, size_t number)
{
    struct round_item *item = &round->items[number];
    return item_asked(item) == ASKED_PENDING ? clock_now() - item->began : 0;
}

bool round_is_late(const struct round *round, size_t number)
{
    return round->items[number].is_late;
}
