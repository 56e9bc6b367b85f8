#define FUSE_USE_VERSION 312
#include "serve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"

/* So many readers may wait for a store at once before one whose page is cached has to wait for them. */
#define WORKERS 64

struct worker {
    pthread_t thread;
    struct fuse_session *session;
    struct fuse_buf buffer; /* freed once the thread has ended */
};

/* A worker can be stopped only while it waits for the next request; libfuse's own loop does it so. */
static void *work(void *argument)
{
    struct worker *worker = argument;
    int r;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    do {
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        r = fuse_session_receive_buf(worker->session, &worker->buffer);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
        if (r > 0)
            fuse_session_process_buf(worker->session, &worker->buffer);
    } while ((r > 0 || r == -EINTR) && !fuse_session_exited(worker->session));
    return NULL;
}

/* Waits for a signal, or for the kernel to close the connection: an unmount, or an abort. */
static int wait_for_end(struct fuse_session *session, struct task *task)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    _cleanup_close_ int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = fuse_session_fd(session)}};

    if (signal_fd < 0)
        return task_fail(task, errno, "cannot wait for signals");
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    log_debug("the end: %s", fds[0].revents ? "a signal" : "unmounted");
    return 0;
}

int serve(struct fuse_session *session, struct task *task)
{
    _cleanup_free_ struct worker *workers = calloc(WORKERS, sizeof *workers);
    size_t n = 0;
    int r = workers ? 0 : -ENOMEM;

    for (; r == 0 && n < WORKERS; n++) {
        workers[n].session = session;
        if (pthread_create(&workers[n].thread, NULL, work, &workers[n]) != 0)
            break;
    }
    if (n == 0)
        return task_fail(task, ENOMEM, "no thread can be started");
    r = wait_for_end(session, task);
    task_cancel(task);
    fuse_session_exit(session);
    for (size_t i = 0; i < n; i++)
        pthread_cancel(workers[i].thread);
    for (size_t i = 0; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        free(workers[i].buffer.mem);
    }
    return r;
}
