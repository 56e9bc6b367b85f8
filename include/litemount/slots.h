/* A number of slots for work that needs much memory: who wants one waits until one is free. Knows nothing of
 * the work. */
#pragma once

#include <pthread.h>

struct task;

struct slots {
    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t given;
    unsigned free;
};

void slots_init(struct slots *slots, unsigned count);
void slots_finish(struct slots *slots);

/* 0, or -ECANCELED if the task was cancelled before one was free. */
int slots_take(struct slots *slots, const struct task *task);
void slots_give(struct slots *slots);
