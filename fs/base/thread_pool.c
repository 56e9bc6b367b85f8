#include "litemount/thread_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

struct job {
    void (*work)(void *context, struct task *task);
    void *context;
};

struct thread_pool {
    struct task task; /* parent of every job's: cancelled when the pool closes */
    pthread_t *threads;
    unsigned n_threads;

    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t changed;
    struct job *jobs; /* a ring */
    unsigned n_jobs, first, waiting;
    bool closing;
};

/* Takes the job that has waited longest; false once the pool closes and none is left. */
static bool take(struct thread_pool *pool, struct job *ret_job)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->waiting == 0 && !pool->closing)
        pthread_cond_wait(&pool->changed, &pool->lock);
    bool taken = pool->waiting > 0;
    if (taken) {
        *ret_job = pool->jobs[pool->first];
        pool->first = (pool->first + 1) % pool->n_jobs;
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void *run_jobs(void *argument)
{
    struct thread_pool *pool = argument;
    struct job job;

    while (take(pool, &job)) {
        struct task task;
        task_init(&task, &pool->task);
        job.work(job.context, &task);
    }
    return NULL;
}

int thread_pool_open(unsigned n_threads, unsigned n_jobs, struct thread_pool **ret_pool)
{
    _cleanup_free_ struct thread_pool *pool = calloc(1, sizeof *pool);
    _cleanup_free_ pthread_t *threads = calloc(n_threads, sizeof *threads);
    _cleanup_free_ struct job *jobs = calloc(n_jobs, sizeof *jobs);

    if (!pool || !threads || !jobs)
        return -ENOMEM;
    task_init(&pool->task, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    pool->n_jobs = n_jobs;
    pool->jobs = jobs;
    /* Fewer threads than wanted are slower, not wrong. */
    while (pool->n_threads < n_threads &&
           pthread_create(&threads[pool->n_threads], NULL, run_jobs, pool) == 0)
        pool->n_threads++;
    if (pool->n_threads == 0)
        return -EAGAIN;
    pool->threads = steal_pointer(threads);
    steal_pointer(jobs);
    *ret_pool = steal_pointer(pool);
    return 0;
}

void thread_pool_close(struct thread_pool *pool)
{
    if (!pool)
        return;
    task_cancel(&pool->task);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool->jobs);
    free(pool);
}

bool thread_pool_add(struct thread_pool *pool, void (*work)(void *context, struct task *task), void *context)
{
    pthread_mutex_lock(&pool->lock);
    bool room = pool->waiting < pool->n_jobs && !pool->closing;
    if (room)
        pool->jobs[(pool->first + pool->waiting++) % pool->n_jobs] = (struct job){work, context};
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    return room;
}
