/* What is listed of a store is refreshed at most so often, and once for all who ask at the same time. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "litemount/task.h"

struct refresh_gate {
    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t ended;
    bool busy;         /* somebody refreshes */
    int64_t began;     /* when the last refresh began, by a clock that is never set: nanoseconds; 0: never */
    int64_t succeeded; /* when the last one that succeeded began, by the same clock; 0: never */
    int64_t refreshed_at; /* the same moment by the wall clock: nanoseconds since 1970, UTC */
    int64_t wall;         /* when the one under way began, by the wall clock */
    unsigned ends;        /* how many refreshes have ended */
    int result;           /* of the last one */
    char reason[TASK_REASON_SIZE];
};

void refresh_gate_init(struct refresh_gate *gate);
void refresh_gate_finish(struct refresh_gate *gate);

/* Returns 0 if the last refresh is younger than `age` nanoseconds, or began after the call; 1 if the caller
 * has to refresh now, and then call refresh_gate_end. Whoever waited for another's refresh that failed shares
 * its result and reason; -ECANCELED if the task was cancelled meanwhile. */
int refresh_gate_begin(struct refresh_gate *gate, int64_t age, struct task *task);
void refresh_gate_end(struct refresh_gate *gate, int result, const struct task *task);

/* Whether refresh_gate_begin would return 0 at once, as far as only the last refresh's age counts. */
bool refresh_gate_is_fresh(struct refresh_gate *gate, int64_t age);

/* When the last refresh that succeeded began: nanoseconds since 1970, UTC; 0: never. */
int64_t refresh_gate_time(struct refresh_gate *gate);
