/* The same work on many items at once, with a bound on how many.
 *
 * The caller's thread does the items one after the other, and idle threads of its task's pool (thread_pool.h)
 * help. So it goes on, if slowly, where no thread is idle; work may call this again, to any depth; and a task
 * without a pool is done by the caller alone. Knows nothing of what the work is. */
#pragma once

#include <stddef.h>

struct task;

/* Calls work(context, i, task) for every i below `count`, at most `limit` at a time. The tasks handed to the
 * calls are children of `task`, and the helping threads of its holder's share. The first failure stops
 * further items and is returned, its reason in `task`; calls already under way are cancelled and waited for.
 * Returns 0, that failure, or -ECANCELED if `task` was cancelled. */
int parallel_each(size_t count, size_t limit, int (*work)(void *context, size_t item, struct task *task),
                  void *context, struct task *task);

/* As parallel_each, where items may have to wait for different holders: those of each are done by threads of
 * that holder's share, at most `limit` of each at a time. `holder` tells an item's; it may be NULL. Or
 * -ENOMEM. */
int parallel_each_holder(size_t count, size_t limit, const void *(*holder)(void *context, size_t item),
                         int (*work)(void *context, size_t item, struct task *task), void *context,
                         struct task *task);
