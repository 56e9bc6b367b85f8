/* Looking at a store at most so often, and once for all who ask at the same time. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct task;

struct look {
    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t ended;
    bool busy;          /* somebody is looking */
    int64_t looked_at;  /* when the last look that succeeded began: nanoseconds since 1970; 0: never */
    int64_t started_at; /* when the one under way began */
};

void look_init(struct look *look);
void look_finish(struct look *look);

/* Returns 0 if the last look is younger than `age` nanoseconds; 1 if the caller has to look now, and then
 * call look_end; -ECANCELED if the task was cancelled while another was looking. */
int look_begin(struct look *look, int64_t age, struct task *task);
void look_end(struct look *look, bool succeeded);

/* When the last look that succeeded began; 0: never. */
int64_t look_time(struct look *look);
