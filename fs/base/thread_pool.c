#include "litemount/thread_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

struct job {
    void (*work)(void *context, struct task *task);
    void *context;
};

/* The threads of a holder, and what waits for them. Guarded by the pool's lock, but for `pool`. */
struct crew {
    struct thread_pool *pool;
    const void *holder; /* who came first */
    pthread_t *threads;
    unsigned n_threads, n_idle;
    pthread_cond_t changed;
    struct job *jobs; /* a ring; NULL: nobody has this crew */
    unsigned first, waiting;
};

struct thread_pool {
    struct task task; /* parent of every job's: cancelled when the pool closes */
    unsigned most_threads, most_jobs;

    pthread_mutex_t lock; /* guards what is below */
    struct crew crews[THREAD_POOL_HOLDERS];
    bool closing;
};

/* Takes the job that has waited longest; false once the pool closes and none is left. */
static bool crew_take(struct crew *crew, struct job *ret_job)
{
    struct thread_pool *pool = crew->pool;

    pthread_mutex_lock(&pool->lock);
    crew->n_idle++;
    while (crew->waiting == 0 && !pool->closing)
        pthread_cond_wait(&crew->changed, &pool->lock);
    crew->n_idle--;
    bool taken = crew->waiting > 0;
    if (taken) {
        *ret_job = crew->jobs[crew->first];
        crew->first = (crew->first + 1) % pool->most_jobs;
        crew->waiting--;
    }
    pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void *crew_run(void *argument)
{
    struct crew *crew = argument;
    struct job job;

    while (crew_take(crew, &job)) {
        struct task task;
        task_init(&task, &crew->pool->task);
        job.work(job.context, &task);
    }
    return NULL;
}

/* The holder's crew; one that nobody has; or, where there is none left, one to share. */
static struct crew *crew_find_locked(struct thread_pool *pool, const void *holder)
{
    for (size_t i = 0; i < THREAD_POOL_HOLDERS; i++)
        if (!pool->crews[i].jobs || pool->crews[i].holder == holder)
            return &pool->crews[i];
    return &pool->crews[(uintptr_t)holder / sizeof(max_align_t) % THREAD_POOL_HOLDERS];
}

static int crew_open_locked(struct thread_pool *pool, struct crew *crew, const void *holder)
{
    _cleanup_free_ pthread_t *threads = calloc(pool->most_threads, sizeof *threads);
    _cleanup_free_ struct job *jobs = calloc(pool->most_jobs, sizeof *jobs);

    if (!threads || !jobs)
        return -ENOMEM;
    pthread_cond_init(&crew->changed, NULL);
    crew->pool = pool;
    crew->holder = holder;
    crew->threads = steal_pointer(threads);
    crew->jobs = steal_pointer(jobs);
    return 0;
}

/* Fewer threads than wanted are slower, not wrong. */
static void crew_grow_locked(struct crew *crew)
{
    if (crew->waiting >= crew->n_idle && crew->n_threads < crew->pool->most_threads &&
        pthread_create(&crew->threads[crew->n_threads], NULL, crew_run, crew) == 0)
        crew->n_threads++;
}

bool thread_pool_add(struct thread_pool *pool, const void *holder,
                     void (*work)(void *context, struct task *task), void *context)
{
    pthread_mutex_lock(&pool->lock);
    struct crew *crew = crew_find_locked(pool, holder);
    bool added = !pool->closing && (crew->jobs || crew_open_locked(pool, crew, holder) == 0) &&
                 crew->waiting < pool->most_jobs;
    if (added) {
        crew_grow_locked(crew);
        added = crew->n_threads > 0;
    }
    if (added) {
        crew->jobs[(crew->first + crew->waiting++) % pool->most_jobs] = (struct job){work, context};
        pthread_cond_signal(&crew->changed);
    }
    pthread_mutex_unlock(&pool->lock);
    return added;
}

int thread_pool_open(unsigned n_threads, unsigned n_jobs, struct thread_pool **ret_pool)
{
    struct thread_pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return -ENOMEM;
    task_init(&pool->task, NULL);
    pthread_mutex_init(&pool->lock, NULL);
    pool->most_threads = n_threads;
    pool->most_jobs = n_jobs;
    *ret_pool = pool;
    return 0;
}

static void crew_close(struct crew *crew)
{
    for (unsigned i = 0; i < crew->n_threads; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->changed);
    free(crew->threads);
    free(crew->jobs);
}

void thread_pool_close(struct thread_pool *pool)
{
    if (!pool)
        return;
    task_cancel(&pool->task);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    for (size_t i = 0; i < THREAD_POOL_HOLDERS; i++)
        if (pool->crews[i].jobs)
            pthread_cond_broadcast(&pool->crews[i].changed);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < THREAD_POOL_HOLDERS; i++)
        if (pool->crews[i].jobs)
            crew_close(&pool->crews[i]);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}
