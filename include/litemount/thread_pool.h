/* The threads of the process that work for whoever has much to do, and for nobody in particular: one pool,
 * bounded. Knows nothing of what the work is.
 *
 * Work may wait for work that waits for work, to any depth, and must end with two threads, or none. So nobody
 * waits for a thread to become free: who has many pieces of work to do (litemount/parallel.h) does them
 * itself, one after the other, and whatever thread is idle helps. Only two kinds of work need a thread of
 * their own: what is asked of several stores at once, for one of them may be silent, and what is read ahead,
 * which nobody waits for. Neither waits for more of its own kind, so the threads that are kept for it come
 * free.
 *
 * Each holder (what the work may have to wait for: a store that never answers) has a share of the threads, so
 * that no work waits behind another holder's. Of each kind a part is kept for those who come later. Threads
 * start when there is work for them, with all signals blocked, and stay until the pool is closed. All calls
 * are safe from any thread. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct task;

struct thread_pool;

/* What its threads are for, the most urgent first. */
enum thread_pool_kind {
    THREADS_ASK,   /* what is asked of several stores at once */
    THREADS_HELP,  /* pieces of work that somebody else does too */
    THREADS_AHEAD, /* what nobody waits for */
    N_THREAD_KINDS
};

struct thread_pool_bounds {
    unsigned each, all; /* threads for one holder's work of a kind, and for everybody's */
    unsigned waiting;   /* pieces of a holder's work that may wait for one; 0: any number */
};

/* `bounds`: by kind. Starts nothing. 0 or -ENOMEM. The caller closes it. */
int thread_pool_open(const struct thread_pool_bounds bounds[N_THREAD_KINDS], struct thread_pool **ret_pool);

/* Cancels what was added and waits for it; what waits for a thread is run with a cancelled task. NULL is
 * fine. */
void thread_pool_close(struct thread_pool *pool);

/* The parent of the tasks that `work` below is given: cancelled when the pool closes. */
const struct task *thread_pool_task(const struct thread_pool *pool);

/* Work that needs a thread of its own. It belongs to whoever adds it, and is the pool's until it begins. */
struct thread_pool_work {
    void (*run)(struct thread_pool_work *work, struct task *task); /* the last that the pool does with it */
    const void *holder;

    struct thread_pool_work *next; /* the pool's */
};

/* Runs work->run as soon as there is a thread for it, in the order of the calls of each holder and kind,
 * exactly once: in any case it must release what the work owns. False, and nothing is run: no thread can be
 * had, or too much of the holder's waits already. */
bool thread_pool_add(struct thread_pool *pool, enum thread_pool_kind kind, struct thread_pool_work *work);

/* Takes back work that has not begun: false if it has. */
bool thread_pool_take_back(struct thread_pool *pool, enum thread_pool_kind kind,
                           struct thread_pool_work *work);

/* Many pieces of work of which the pool's threads do some. The fields above the line are the owner's. */
struct thread_pool_help {
    bool (*run)(void *context); /* does one piece, from any thread; false: none is left to begin */
    void *context;
    const void *holder;
    unsigned most; /* threads at once */

    struct thread_pool_help *next, **link; /* the pool's; `link` NULL: no more threads come */
    unsigned running;
    pthread_cond_t ended;
};

/* Lets the pool's threads help until the offer is withdrawn, which waits for those that are at it. */
void thread_pool_offer(struct thread_pool *pool, struct thread_pool_help *help);
void thread_pool_withdraw(struct thread_pool *pool, struct thread_pool_help *help);
