/* A number of slots for work that needs much memory: who wants one waits until one is free.
 *
 * Each holder (whatever the work may have to wait for: a store that never answers) has as many of its own, so
 * that nobody waits for what another holder is at. Knows nothing of the work. */
#pragma once

#include <pthread.h>
#include <stddef.h>

struct task;

struct slots {
    unsigned each; /* how many a holder may have taken */

    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t given;
    struct slots_holder {
        const void *holder;
        unsigned taken; /* not 0 */
    } * holders;
    size_t n, capacity;
};

void slots_init(struct slots *slots, unsigned each);
void slots_finish(struct slots *slots);

/* 0; -ECANCELED if the task was cancelled before one of the holder's was free; or -ENOMEM. */
int slots_take(struct slots *slots, const void *holder, const struct task *task);
void slots_give(struct slots *slots, const void *holder);
