/* The same work on many items at once, with a bound on how many.
 *
 * Knows nothing of what the work is; threads live only as long as the call. */
#pragma once

#include <stddef.h>

struct task;

/* Calls work(context, i, task) for every i below `count`, at most `limit` at a time, on as many threads. The
 * tasks handed to the calls are children of `task`. The first failure stops further items and is returned,
 * its reason in `task`; calls already under way are cancelled and waited for. Returns 0, that failure, or
 * -ECANCELED if `task` was cancelled. With one item, or limit 1, it runs on the caller's thread. */
int parallel_each(size_t count, size_t limit, int (*work)(void *context, size_t item, struct task *task),
                  void *context, struct task *task);
