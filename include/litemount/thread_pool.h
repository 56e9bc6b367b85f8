/* A few threads for work that nobody waits for. Knows nothing of what the work is.
 *
 * Each holder (whatever the work may have to wait for: a store that never answers) has threads of its own, so
 * that no work waits behind another holder's. */
#pragma once

#include <stdbool.h>

struct task;

struct thread_pool;

#define THREAD_POOL_HOLDERS 8 /* more than so many share their threads with others */

/* `n_threads` threads for each holder, which start when there is work for them; `n_jobs` of each may wait for
 * one to become free. Returns 0 or -ENOMEM. The caller closes it. */
int thread_pool_open(unsigned n_threads, unsigned n_jobs, struct thread_pool **ret_pool);

/* Cancels what is under way and waits for it; what waits is run with a cancelled task. NULL is fine. */
void thread_pool_close(struct thread_pool *pool);

/* Runs work(context, task) as soon as a thread of the holder's is free, in the order of the calls, exactly
 * once: in any case it must release what `context` owns. Any thread may call it. False: too many wait
 * already, or no thread can be had; nothing is run. */
bool thread_pool_add(struct thread_pool *pool, const void *holder,
                     void (*work)(void *context, struct task *task), void *context);
