#include "litemount/parallel.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

struct job {
    int (*work)(void *context, size_t item, struct task *task);
    void *context;
    size_t count;
    atomic_size_t next;   /* first item that nobody took yet */
    struct task *task;    /* the caller's; its reason is guarded by `lock` while threads run */
    struct task children; /* parent of every worker's task: cancelled at the first failure */
    pthread_mutex_t lock; /* guards failure */
    int failure;
};

static void note_failure(struct job *job, int code, const struct task *worker)
{
    pthread_mutex_lock(&job->lock);
    if (job->failure == 0) {
        job->failure = code;
        task_fail(job->task, -code, "%s", task_reason(worker, code));
    }
    pthread_mutex_unlock(&job->lock);
    task_cancel(&job->children);
}

static void *run_items(void *argument)
{
    struct job *job = argument;
    struct task task;
    size_t item;

    while (!task_cancelled(&job->children) && (item = atomic_fetch_add(&job->next, 1)) < job->count) {
        task_init(&task, &job->children);
        int r = job->work(job->context, item, &task);
        if (r < 0)
            note_failure(job, r, &task);
    }
    return NULL;
}

int parallel_each(size_t count, size_t limit, int (*work)(void *context, size_t item, struct task *task),
                  void *context, struct task *task)
{
    struct job job = {.work = work, .context = context, .count = count, .task = task};
    size_t wanted = (count < limit ? count : limit), started = 0;
    _cleanup_free_ pthread_t *threads = NULL;

    atomic_init(&job.next, 0);
    task_init(&job.children, task);
    pthread_mutex_init(&job.lock, NULL);
    if (wanted > 1)
        threads = calloc(wanted - 1, sizeof *threads);
    /* The caller's thread works too, so fewer threads than wanted are slower, not wrong. */
    while (threads && started < wanted - 1 && pthread_create(&threads[started], NULL, run_items, &job) == 0)
        started++;
    run_items(&job);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&job.lock);
    if (job.failure == 0 && task_cancelled(task))
        return -ECANCELED;
    return job.failure;
}
