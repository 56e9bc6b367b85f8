/* What is known of an immutable object, and who finds it out: one task, while the others wait for it. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct task;

enum learnt { LEARNT_NOTHING, LEARNT_PENDING, LEARNT_SOUND, LEARNT_DAMAGED };

/* Waits until nobody else is learning the object, and tells whether it is the caller's to learn now: then it
 * is LEARNT_PENDING until the caller says what it is. `lock` guards `learnt`, and is not held by the caller;
 * `changed` is told when it stops being LEARNT_PENDING. 0 or -ECANCELED. */
int learnt_claim(enum learnt *learnt, pthread_mutex_t *lock, pthread_cond_t *changed, struct task *task,
                 bool *ret_mine);

/* That an object is damaged (-EBADMSG) is what was to be learnt, and no failure: logs why, and returns 0.
 * Else returns `r`. */
int learnt_survive(int r, struct task *task);
