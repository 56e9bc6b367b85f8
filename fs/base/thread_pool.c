#include "litemount/thread_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

/* Of what a kind may have: kept for holders that have next to nothing of it. */
#define KEPT(all) ((all) / 4)
#define LITTLE(each) ((each) / 8)

/* How many threads are at a holder's work. */
struct thread_share {
    const void *holder;
    unsigned running[N_THREAD_KINDS]; /* not all 0 */
};

struct thread_queue {
    struct thread_pool_work *first, **end;
};

struct thread_pool {
    struct task task;
    struct thread_pool_bounds bounds[N_THREAD_KINDS];
    unsigned most_threads;

    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t roused;
    struct thread_share *shares; /* a thread has one, so there are never more than threads */
    size_t n_shares;
    unsigned running[N_THREAD_KINDS]; /* over all holders */
    struct thread_queue queues[N_THREAD_KINDS];
    struct thread_pool_help *helps, **helps_end; /* those at the front were not looked after for longest */
    unsigned n_threads, n_idle;                  /* those that have begun nothing yet are idle too */
    bool closing;
    pthread_t threads[];
};

/* What a thread is to do. */
struct thread_duty {
    enum thread_pool_kind kind;
    const void *holder;
    struct thread_pool_work **work; /* its place in the queue; NULL: it is help */
    struct thread_pool_help *help;
};

static struct thread_share *thread_share_find_locked(struct thread_pool *pool, const void *holder)
{
    for (size_t i = 0; i < pool->n_shares; i++)
        if (pool->shares[i].holder == holder)
            return &pool->shares[i];
    return NULL;
}

static bool thread_share_has_room_locked(struct thread_pool *pool, enum thread_pool_kind kind,
                                         const void *holder)
{
    const struct thread_pool_bounds *bounds = &pool->bounds[kind];
    const struct thread_share *share = thread_share_find_locked(pool, holder);
    unsigned running = share ? share->running[kind] : 0;

    if (running >= bounds->each || pool->running[kind] >= bounds->all)
        return false;
    return pool->running[kind] < bounds->all - KEPT(bounds->all) || running <= LITTLE(bounds->each);
}

static void thread_share_take_locked(struct thread_pool *pool, enum thread_pool_kind kind, const void *holder)
{
    struct thread_share *share = thread_share_find_locked(pool, holder);

    if (!share) {
        share = &pool->shares[pool->n_shares++];
        *share = (struct thread_share){.holder = holder};
    }
    share->running[kind]++;
    pool->running[kind]++;
}

static void thread_share_give_locked(struct thread_pool *pool, enum thread_pool_kind kind, const void *holder)
{
    struct thread_share *share = thread_share_find_locked(pool, holder);
    unsigned running = 0;

    share->running[kind]--;
    pool->running[kind]--;
    for (size_t i = 0; i < N_THREAD_KINDS; i++)
        running += share->running[i];
    if (running == 0)
        *share = pool->shares[--pool->n_shares];
}

static bool thread_queue_find_locked(struct thread_pool *pool, enum thread_pool_kind kind,
                                     struct thread_duty *duty)
{
    for (struct thread_pool_work **work = &pool->queues[kind].first; *work; work = &(*work)->next)
        if (thread_share_has_room_locked(pool, kind, (*work)->holder)) {
            *duty = (struct thread_duty){.kind = kind, .holder = (*work)->holder, .work = work};
            return true;
        }
    return false;
}

static bool thread_help_find_locked(struct thread_pool *pool, struct thread_duty *duty)
{
    for (struct thread_pool_help *help = pool->helps; help; help = help->next)
        if (help->running < help->most && thread_share_has_room_locked(pool, THREADS_HELP, help->holder)) {
            *duty = (struct thread_duty){.kind = THREADS_HELP, .holder = help->holder, .help = help};
            return true;
        }
    return false;
}

static bool thread_duty_find_locked(struct thread_pool *pool, struct thread_duty *duty)
{
    return thread_queue_find_locked(pool, THREADS_ASK, duty) || thread_help_find_locked(pool, duty) ||
           thread_queue_find_locked(pool, THREADS_AHEAD, duty);
}

static struct thread_pool_work *thread_queue_unlink_locked(struct thread_queue *queue,
                                                           struct thread_pool_work **place)
{
    struct thread_pool_work *work = *place;

    *place = work->next;
    if (!*place)
        queue->end = place;
    return work;
}

static void thread_help_link_locked(struct thread_pool *pool, struct thread_pool_help *help)
{
    help->next = NULL;
    help->link = pool->helps_end;
    *pool->helps_end = help;
    pool->helps_end = &help->next;
}

static void thread_help_unlink_locked(struct thread_pool *pool, struct thread_pool_help *help)
{
    if (!help->link)
        return;
    *help->link = help->next;
    if (help->next)
        help->next->link = help->link;
    else
        pool->helps_end = help->link;
    help->link = NULL;
}

/* Called locked, and so it returns. */
static void thread_help_run_locked(struct thread_pool *pool, struct thread_pool_help *help)
{
    help->running++;
    thread_help_unlink_locked(pool, help);
    thread_help_link_locked(pool, help);
    pthread_mutex_unlock(&pool->lock);
    bool more = help->run(help->context);
    pthread_mutex_lock(&pool->lock);
    if (!more)
        thread_help_unlink_locked(pool, help);
    if (--help->running == 0)
        pthread_cond_signal(&help->ended);
}

static void thread_work_run_locked(struct thread_pool *pool, struct thread_pool_work *work)
{
    struct task task;

    pthread_mutex_unlock(&pool->lock);
    task_init(&task, &pool->task);
    task.holder = work->holder;
    work->run(work, &task);
    pthread_mutex_lock(&pool->lock);
}

static bool pool_rouse_locked(struct thread_pool *pool);

static void *pool_run(void *argument)
{
    struct thread_pool *pool = argument;
    struct thread_duty duty;

    pthread_mutex_lock(&pool->lock);
    pool->n_idle--;
    for (;;) {
        bool found = thread_duty_find_locked(pool, &duty);
        if (found)
            thread_share_take_locked(pool, duty.kind, duty.holder);
        if (found && duty.work) {
            struct thread_pool_work *work = thread_queue_unlink_locked(&pool->queues[duty.kind], duty.work);
            pool_rouse_locked(pool);
            thread_work_run_locked(pool, work);
        } else if (found) {
            pool_rouse_locked(pool);
            thread_help_run_locked(pool, duty.help);
        } else if (pool->closing) {
            break;
        } else {
            pool->n_idle++;
            pthread_cond_wait(&pool->roused, &pool->lock);
            pool->n_idle--;
        }
        if (found)
            thread_share_give_locked(pool, duty.kind, duty.holder);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are somebody else's to wait for. */
static bool pool_start_thread_locked(struct thread_pool *pool)
{
    sigset_t all, own;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &own);
    bool started = pthread_create(&pool->threads[pool->n_threads], NULL, pool_run, pool) == 0;
    pthread_sigmask(SIG_SETMASK, &own, NULL);
    pool->n_threads += started;
    pool->n_idle += started;
    return started;
}

/* Where there is something to do one thread more comes to it, which sees to it that the next one does. False:
 * it can't be had. */
static bool pool_rouse_locked(struct thread_pool *pool)
{
    struct thread_duty duty;

    if (!thread_duty_find_locked(pool, &duty))
        return true;
    if (pool->n_idle)
        pthread_cond_signal(&pool->roused);
    else if (pool->n_threads < pool->most_threads && !pool->closing)
        return pool_start_thread_locked(pool);
    return true;
}

static bool thread_queue_is_full_locked(struct thread_pool *pool, enum thread_pool_kind kind,
                                        const void *holder)
{
    unsigned waiting = 0;

    for (const struct thread_pool_work *work = pool->queues[kind].first; work; work = work->next)
        waiting += work->holder == holder;
    return pool->bounds[kind].waiting && waiting >= pool->bounds[kind].waiting;
}

bool thread_pool_add(struct thread_pool *pool, enum thread_pool_kind kind, struct thread_pool_work *work)
{
    pthread_mutex_lock(&pool->lock);
    bool added = !pool->closing && !thread_queue_is_full_locked(pool, kind, work->holder);
    if (added) {
        struct thread_pool_work **place = pool->queues[kind].end;
        work->next = NULL;
        *place = work;
        pool->queues[kind].end = &work->next;
        added = pool_rouse_locked(pool) || (kind == THREADS_AHEAD && pool->n_threads > 0);
        if (!added)
            thread_queue_unlink_locked(&pool->queues[kind], place);
    }
    pthread_mutex_unlock(&pool->lock);
    return added;
}

bool thread_pool_take_back(struct thread_pool *pool, enum thread_pool_kind kind,
                           struct thread_pool_work *work)
{
    bool found = false;

    pthread_mutex_lock(&pool->lock);
    for (struct thread_pool_work **place = &pool->queues[kind].first; *place && !found;) {
        found = *place == work;
        if (found)
            thread_queue_unlink_locked(&pool->queues[kind], place);
        else
            place = &(*place)->next;
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

void thread_pool_offer(struct thread_pool *pool, struct thread_pool_help *help)
{
    help->running = 0;
    pthread_cond_init(&help->ended, NULL);
    pthread_mutex_lock(&pool->lock);
    thread_help_link_locked(pool, help);
    pool_rouse_locked(pool);
    pthread_mutex_unlock(&pool->lock);
}

void thread_pool_withdraw(struct thread_pool *pool, struct thread_pool_help *help)
{
    pthread_mutex_lock(&pool->lock);
    thread_help_unlink_locked(pool, help);
    while (help->running)
        pthread_cond_wait(&help->ended, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
    pthread_cond_destroy(&help->ended);
}

const struct task *thread_pool_task(const struct thread_pool *pool)
{
    return &pool->task;
}

int thread_pool_open(const struct thread_pool_bounds bounds[N_THREAD_KINDS], struct thread_pool **ret_pool)
{
    unsigned most = 0;

    for (size_t i = 0; i < N_THREAD_KINDS; i++)
        most += bounds[i].all;
    _cleanup_free_ struct thread_share *shares = calloc(most, sizeof *shares);
    struct thread_pool *pool = shares ? calloc(1, sizeof *pool + most * sizeof *pool->threads) : NULL;
    if (!pool)
        return -ENOMEM;
    pool->shares = steal_pointer(shares);
    task_init(&pool->task, NULL);
    pool->task.pool = pool;
    memcpy(pool->bounds, bounds, sizeof pool->bounds);
    pool->most_threads = most;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->roused, NULL);
    for (size_t i = 0; i < N_THREAD_KINDS; i++)
        pool->queues[i].end = &pool->queues[i].first;
    pool->helps_end = &pool->helps;
    *ret_pool = pool;
    return 0;
}

void thread_pool_close(struct thread_pool *pool)
{
    if (!pool)
        return;
    task_cancel(&pool->task);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->roused);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->roused);
    pthread_mutex_destroy(&pool->lock);
    free(pool->shares);
    free(pool);
}
