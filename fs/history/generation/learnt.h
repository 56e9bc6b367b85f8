/* What is known of an immutable object, and who finds it out: one task, while the others wait for it.
 *
 * Bytes that do not hold (a checksum, or what they ought to parse to) may have come wrong over the network,
 * or have been another object's. So they are read anew, past every cache and over another connection, and
 * only the same bytes twice say that the object is damaged. That is never kept in the cache, and in memory
 * for a time only: then the object is looked at again. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

enum learnt { LEARNT_NOTHING, LEARNT_PENDING, LEARNT_SOUND, LEARNT_DAMAGED };

/* Waits until nobody else is learning the object, and tells whether it is the caller's to learn now: then it
 * is LEARNT_PENDING until the caller says what it is. `lock` guards `learnt`, and is not held by the caller;
 * `changed` is told when it stops being LEARNT_PENDING. 0 or -ECANCELED. */
int learnt_claim(enum learnt *learnt, pthread_mutex_t *lock, pthread_cond_t *changed, struct task *task,
                 bool *ret_mine);

/* That an object is damaged (-EBADMSG) is what was to be learnt, and no failure: logs why, unless that is
 * what was said `before` (NULL: nothing was), and returns 0. Else returns `r`. */
int learnt_survive(int r, const char *before, struct task *task);

/* How often an object is read that never comes twice the same. */
#define LEARNT_ATTEMPTS 4

/* Reads an object and checks it; `anew`: with replica_read_anew. 0; -EBADMSG with a reason if it does not
 * hold, and `*ret_sum`, a hash of the bytes that say so (learnt_sum); or why it can't be had. Called again it
 * begins again. */
typedef int learnt_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task);

/* Makes attempts until one holds. Returns 0; -EBADMSG if the same bytes came twice: it is damaged; -EREMOTEIO
 * if they were others each time; or the attempt's errno. The reason is the last attempt's. */
int learnt_read(learnt_attempt *attempt, void *context, struct task *task);

/* A CRC-64 (ECMA, reflected) of bytes, to tell those of one attempt from those of another; it goes on from
 * `sum`, at first 0. */
uint64_t learnt_sum(uint64_t sum, const void *bytes, size_t length);

/* Nanoseconds for which an object counts as damaged. */
#define LEARNT_DAMAGE_LASTS (INT64_C(60) * 1000 * 1000 * 1000)

/* Whether an object that was found damaged at `found` (clock_now) is to be looked at again. */
bool learnt_is_over(int64_t found);
