#include "litemount/parallel.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "litemount/thread_pool.h"

/* A call, while it lasts. */
struct parallel {
    int (*work)(void *context, size_t item, struct task *task);
    void *context;
    struct task *task;    /* the caller's; its reason is guarded by `lock` while others help */
    struct task children; /* parent of every item's task: cancelled at the first failure */
    pthread_mutex_t lock; /* guards failure */
    int failure;
};

/* The items of one holder. */
struct parallel_group {
    struct parallel *parallel;
    const void *holder;
    size_t *items;        /* NULL: those from 0 on */
    size_t count, filled; /* how many they are; while they are told apart, how many were found */
    atomic_size_t next;   /* the first that nobody has begun */
    struct thread_pool_help help;
};

static void parallel_fail(struct parallel *parallel, int code, const struct task *item)
{
    pthread_mutex_lock(&parallel->lock);
    if (parallel->failure == 0) {
        parallel->failure = code;
        task_fail(parallel->task, -code, "%s", task_reason(item, code));
    }
    pthread_mutex_unlock(&parallel->lock);
    task_cancel(&parallel->children);
}

/* Does the next item. False: there is none. */
static bool parallel_group_step(void *context)
{
    struct parallel_group *group = context;
    struct parallel *parallel = group->parallel;
    struct task task;
    size_t next;

    if (task_cancelled(&parallel->children) || (next = atomic_fetch_add(&group->next, 1)) >= group->count)
        return false;
    task_init(&task, &parallel->children);
    task.holder = group->holder;
    int r = parallel->work(parallel->context, group->items ? group->items[next] : next, &task);
    if (r < 0)
        parallel_fail(parallel, r, &task);
    return true;
}

/* Begins with what others may do meanwhile; the caller's thread is to be one of the `limit`, at the first
 * group now, at each of the others later. */
static void parallel_group_offer(struct parallel_group *group, size_t limit, bool is_first)
{
    size_t others = group->count - is_first, most = others < limit - 1 ? others : limit - 1;

    group->help = (struct thread_pool_help){
        .run = parallel_group_step, .context = group, .holder = group->holder, .most = (unsigned)most};
    thread_pool_offer(group->parallel->task->pool, &group->help);
}

/* Each group has an item at least. */
static int parallel_run(struct parallel *parallel, struct parallel_group *groups, size_t n, size_t limit)
{
    bool helped = parallel->task->pool && limit > 1 && (n > 1 || groups->count > 1);

    task_init(&parallel->children, parallel->task);
    pthread_mutex_init(&parallel->lock, NULL);
    for (size_t i = 0; i < n && helped; i++)
        parallel_group_offer(&groups[i], limit, i == 0);
    for (size_t i = 0; i < n; i++)
        while (parallel_group_step(&groups[i]))
            ;
    for (size_t i = 0; i < n && helped; i++)
        thread_pool_withdraw(parallel->task->pool, &groups[i].help);
    pthread_mutex_destroy(&parallel->lock);
    if (parallel->failure == 0 && task_cancelled(parallel->task))
        return -ECANCELED;
    return parallel->failure;
}

int parallel_each(size_t count, size_t limit, int (*work)(void *context, size_t item, struct task *task),
                  void *context, struct task *task)
{
    struct parallel parallel = {.work = work, .context = context, .task = task};
    struct parallel_group group = {.parallel = &parallel, .holder = task->holder, .count = count};

    return parallel_run(&parallel, &group, 1, limit);
}

static struct parallel_group *parallel_group_find(struct parallel_group *groups, size_t *n,
                                                  const void *holder)
{
    size_t i = 0;

    while (i < *n && groups[i].holder != holder)
        i++;
    if (i == *n)
        groups[(*n)++] = (struct parallel_group){.holder = holder};
    return &groups[i];
}

/* In the order in which the holders come first, so that the caller begins with the first item. */
int parallel_each_holder(size_t count, size_t limit, const void *(*holder)(void *context, size_t item),
                         int (*work)(void *context, size_t item, struct task *task), void *context,
                         struct task *task)
{
    struct parallel parallel = {.work = work, .context = context, .task = task};
    _cleanup_free_ struct parallel_group *groups = calloc(count + 1, sizeof *groups);
    _cleanup_free_ size_t *items = calloc(2 * count + 1, sizeof *items);
    size_t *numbers = items + count, n = 0; /* of each item's group */

    if (!groups || !items)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct parallel_group *group = parallel_group_find(groups, &n, holder(context, i));
        numbers[i] = (size_t)(group - groups);
        group->count++;
    }
    for (size_t i = 0, first = 0; i < n; first += groups[i++].count) {
        groups[i].parallel = &parallel;
        groups[i].items = items + first;
    }
    for (size_t i = 0; i < count; i++) {
        struct parallel_group *group = &groups[numbers[i]];
        group->items[group->filled++] = i;
    }
    return parallel_run(&parallel, groups, n, limit);
}
