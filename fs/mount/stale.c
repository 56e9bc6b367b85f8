#include "stale.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "filesystem.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "serve.h"

#define STALE_PATIENCE (INT64_C(1000) * 1000 * 1000) /* nanoseconds; the kernel needs microseconds */

struct stale_nodes {
    struct fuse_session *session;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t added, dropped;
    uint64_t numbers[SERVE_WORKERS];      /* the i-th ever stands at i % SERVE_WORKERS */
    uint64_t n_added, n_taken, n_dropped; /* so far; one that is taken is at the kernel */
    bool late;                            /* nobody waits before the kernel lets the thread go on */
    bool ended;
};

static void *stale_work(void *argument)
{
    struct stale_nodes *stale = argument;

    pthread_mutex_lock(&stale->lock);
    while (!stale->ended) {
        if (stale->n_taken == stale->n_added) {
            pthread_cond_wait(&stale->added, &stale->lock);
            continue;
        }
        uint64_t number = stale->numbers[stale->n_taken++ % SERVE_WORKERS];
        pthread_mutex_unlock(&stale->lock);
        fuse_lowlevel_notify_inval_inode(stale->session, number, -1, 0);
        pthread_mutex_lock(&stale->lock);
        stale->n_dropped++;
        stale->late = false;
        pthread_cond_broadcast(&stale->dropped);
    }
    pthread_mutex_unlock(&stale->lock);
    return NULL;
}

/* Returns how many are dropped once this one is; 0: there is no room for it, the kernel takes none. */
static uint64_t stale_add_locked(struct stale_nodes *stale, uint64_t number)
{
    for (uint64_t i = stale->n_taken; i < stale->n_added; i++)
        if (stale->numbers[i % SERVE_WORKERS] == number)
            return i + 1;
    if (stale->n_added - stale->n_taken == SERVE_WORKERS)
        return 0;
    stale->numbers[stale->n_added++ % SERVE_WORKERS] = number;
    pthread_cond_signal(&stale->added);
    return stale->n_added;
}

void stale_nodes_drop(struct stale_nodes *stale, uint64_t number)
{
    int64_t deadline = clock_now() + STALE_PATIENCE;

    pthread_mutex_lock(&stale->lock);
    uint64_t wanted = stale_add_locked(stale, number);
    while (stale->n_dropped < wanted && !stale->late && !stale->ended) {
        task_wait(&stale->dropped, &stale->lock);
        stale->late |= stale->n_dropped < wanted && clock_now() > deadline;
    }
    pthread_mutex_unlock(&stale->lock);
}

int stale_nodes_begin(struct fuse_session *session, struct stale_nodes **ret_stale)
{
    _cleanup_free_ struct stale_nodes *stale = calloc(1, sizeof *stale);

    if (!stale)
        return -ENOMEM;
    stale->session = session;
    pthread_mutex_init(&stale->lock, NULL);
    pthread_cond_init(&stale->added, NULL);
    pthread_cond_init(&stale->dropped, NULL);
    int r = pthread_create(&stale->thread, NULL, stale_work, stale);
    if (r != 0)
        return -r;
    *ret_stale = steal_pointer(stale);
    return 0;
}

void stale_nodes_end(struct stale_nodes *stale)
{
    pthread_mutex_lock(&stale->lock);
    stale->ended = true;
    pthread_cond_broadcast(&stale->added);
    pthread_cond_broadcast(&stale->dropped);
    pthread_mutex_unlock(&stale->lock);
    pthread_join(stale->thread, NULL);
}

void stale_nodes_free(struct stale_nodes *stale)
{
    pthread_cond_destroy(&stale->dropped);
    pthread_cond_destroy(&stale->added);
    pthread_mutex_destroy(&stale->lock);
    free(stale);
}
