/* A few threads for work that nobody waits for. Knows nothing of what the work is. */
#pragma once

#include <stdbool.h>

struct task;

struct thread_pool;

/* Starts `n_threads` threads; `n_jobs` may wait for one to become free. Returns 0, -ENOMEM or -EAGAIN. The
 * caller closes it. */
int thread_pool_open(unsigned n_threads, unsigned n_jobs, struct thread_pool **ret_pool);

/* Cancels what is under way and waits for it; what waits is run with a cancelled task. NULL is fine. */
void thread_pool_close(struct thread_pool *pool);

/* Runs work(context, task) as soon as a thread is free, in the order of the calls, exactly once: in any case
 * it must release what `context` owns. Any thread may call it. False: too many wait already, nothing is run.
 */
bool thread_pool_add(struct thread_pool *pool, void (*work)(void *context, struct task *task), void *context);
