/* The same question to several, at the same time, each on a thread of the pool's, so that one who is silent
 * holds up nobody: once another has an answer that is worth something it is waited for no longer than
 * ROUND_PATIENCE, and not at all if it was late the time before. Its answer may come later, and be taken
 * then.
 *
 * Knows nothing of what is asked. All calls but those of `ask` come from one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litemount/task.h"

#define ROUND_PATIENCE (INT64_C(5) * 1000000000) /* nanoseconds */

struct round;

/* Asks number `item`, and keeps its answer where the context has room for it. 1: one that is worth something;
 * 0: another one; or a negative errno, with a reason. */
typedef int round_ask(void *context, size_t item, struct task *task);

/* Of `n` who can be asked. 0 or -ENOMEM. The caller closes it, which ends what is under way; NULL is fine.
 * Without a pool (NULL) each question is answered before round_start returns. */
int round_open(size_t n, struct thread_pool *pool, round_ask *ask, void *context, struct round **ret_round);
void round_close(struct round *round);

/* Asks number `item`, which must not be asked already, with a thread of the holder's share (thread_pool.h);
 * `purpose` is for the log. */
void round_start(struct round *round, size_t item, const void *holder, const char *purpose);

/* Waits as long as is worth it: see above; with less `patience` (nanoseconds) than ROUND_PATIENCE if one
 * answer that is worth something is enough. 0 or -ECANCELED. */
int round_wait(struct round *round, int64_t patience, struct task *task);

/* Takes the answer of number `item`: true, once, if it has come. The reason is that of a failure. */
bool round_take(struct round *round, size_t item, int *ret_result, char reason[TASK_REASON_SIZE]);

/* For how long number `item` has been asked without an answer: nanoseconds, 0 if it is not. Whether it was
 * late: when it was last waited for, or with its last answer. */
int64_t round_age(struct round *round, size_t item);
bool round_is_late(const struct round *round, size_t item);
