#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "filesystem.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"

#define RECEIVE_PAUSE (10 * 1000 * 1000) /* nanoseconds, after a request could not be received */

struct worker {
    pthread_t thread;
    struct workers *workers;
    struct fuse_buf buffer; /* freed once the thread has ended */
};

/* A reader may wait for a store for long, and whoever's page is cached must not wait behind it: so there is
 * always a thread more than there are requests, until there are SERVE_WORKERS. */
struct workers {
    struct fuse_session *session;
    pthread_mutex_t lock; /* guards what is below */
    struct worker items[SERVE_WORKERS];
    size_t n, n_idle; /* those that have been started, and those of them that wait for a request */
    bool closing;     /* no more are started */
};

static void *serve_work(void *argument);

/* Starts one more, which counts as idle. Without it the others have more to do. */
static int serve_start_worker_locked(struct workers *workers)
{
    struct worker *worker = &workers->items[workers->n];

    worker->workers = workers;
    int r = pthread_create(&worker->thread, NULL, serve_work, worker);
    if (r != 0)
        return -r;
    workers->n++;
    workers->n_idle++;
    return 0;
}

static void serve_note_busy(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    if (--workers->n_idle == 0 && workers->n < SERVE_WORKERS && !workers->closing)
        serve_start_worker_locked(workers);
    pthread_mutex_unlock(&workers->lock);
}

static void serve_note_idle(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->n_idle++;
    pthread_mutex_unlock(&workers->lock);
}

/* Waits for the next request. A worker can be stopped only here; libfuse's own loop does it so. What fails
 * for want of memory, or because another worker was faster, is tried again: a worker that left would be
 * missed. */
static int serve_receive(struct worker *worker)
{
    const struct timespec moment = {.tv_nsec = RECEIVE_PAUSE};

    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    int r = fuse_session_receive_buf(worker->workers->session, &worker->buffer);
    if (r < 0 && r != -EINTR)
        nanosleep(&moment, NULL);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return r;
}

static void *serve_work(void *argument)
{
    struct worker *worker = argument;
    struct workers *workers = worker->workers;
    int r;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    do {
        r = serve_receive(worker);
        if (r > 0) {
            serve_note_busy(workers);
            fuse_session_process_buf(workers->session, &worker->buffer);
            serve_note_idle(workers);
        }
    } while (r != 0 && !fuse_session_exited(workers->session));
    return NULL;
}

/* The kernel is told to expect nothing more; who waits for a request is stopped, who answers one ends it. */
static void serve_stop_workers(struct workers *workers)
{
    pthread_mutex_lock(&workers->lock);
    workers->closing = true;
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->n; i++)
        pthread_cancel(workers->items[i].thread);
    for (size_t i = 0; i < workers->n; i++) {
        pthread_join(workers->items[i].thread, NULL);
        free(workers->items[i].buffer.mem);
    }
}

/* Waits for a signal, or for the kernel to close the connection: an unmount, or an abort. */
static int serve_wait_for_end(struct fuse_session *session, struct task *task)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    _cleanup_close_ int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = fuse_session_fd(session)}};

    if (signal_fd < 0)
        return task_fail(task, errno, "the mount cannot wait for signals: %m");
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    log_debug("the end: %s", fds[0].revents ? "a signal" : "unmounted");
    return 0;
}

int serve(struct fuse_session *session, void (*ending)(void *context), void *context, struct task *task)
{
    _cleanup_free_ struct workers *workers = calloc(1, sizeof *workers);

    if (!workers)
        return -ENOMEM;
    workers->session = session;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_mutex_lock(&workers->lock);
    int r = serve_start_worker_locked(workers);
    pthread_mutex_unlock(&workers->lock);
    if (r < 0)
        return task_fail(task, -r, "no thread that answers the kernel can be started: %s", strerror(-r));
    r = serve_wait_for_end(session, task);
    task_cancel(task);
    ending(context);
    fuse_session_exit(session);
    serve_stop_workers(workers);
    pthread_mutex_destroy(&workers->lock);
    return r;
}
