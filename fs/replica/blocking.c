#include "blocking.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/task.h"

#define NANOSECONDS INT64_C(1000000000)
#define CLOSING_PATIENCE NANOSECONDS /* for threads whose connections were interrupted */

/* A thread and its connection. Guarded by the carrier's lock; only the thread changes `connection`, and not
 * while somebody interrupts it. */
struct blocking_lane {
    struct blocking *blocking;
    void *connection;           /* NULL: none yet */
    struct blocking_call *call; /* which runs; one reference */
    bool interrupted;           /* the call was, so the connection must go */
    bool interrupting;          /* somebody is at it, without the lock */
};

struct blocking {
    const struct blocking_ops *ops;
    void *context;
    unsigned n_lanes, deadline_seconds;

    pthread_mutex_t lock; /* guards what is below; held for moments only */
    pthread_cond_t
        changed; /* a call has come, a lane was interrupted, a thread ends, or the carrier closes */
    struct blocking_call *first, **end; /* those that wait for a lane; one reference each */
    unsigned n_waiting;
    unsigned n_idle; /* lanes whose threads wait for a call */
    unsigned n_threads;
    int64_t progress; /* the last of all calls */
    bool closing;
    unsigned references; /* of the opener, each thread, and each caller */
    struct blocking_lane lanes[];
};

int blocking_open(const struct blocking_ops *ops, void *context, unsigned n_lanes, unsigned deadline_seconds,
                  struct blocking **ret_blocking)
{
    struct blocking *blocking = calloc(1, sizeof *blocking + n_lanes * sizeof *blocking->lanes);

    if (!blocking) {
        ops->destroy(context);
        return -ENOMEM;
    }
    blocking->ops = ops;
    blocking->context = context;
    blocking->n_lanes = n_lanes;
    blocking->deadline_seconds = deadline_seconds;
    pthread_mutex_init(&blocking->lock, NULL);
    pthread_cond_init(&blocking->changed, NULL);
    blocking->end = &blocking->first;
    blocking->references = 1;
    for (unsigned i = 0; i < n_lanes; i++)
        blocking->lanes[i].blocking = blocking;
    *ret_blocking = blocking;
    return 0;
}

/* Unlocks too. */
static void blocking_unref_locked(struct blocking *blocking)
{
    bool last = --blocking->references == 0;

    pthread_mutex_unlock(&blocking->lock);
    if (!last)
        return;
    blocking->ops->destroy(blocking->context);
    pthread_cond_destroy(&blocking->changed);
    pthread_mutex_destroy(&blocking->lock);
    free(blocking);
}

void blocking_call_init(struct blocking_call *call, int (*run)(struct blocking_call *call, void *connection),
                        void (*destroy)(struct blocking_call *call))
{
    call->run = run;
    call->destroy = destroy;
    atomic_init(&call->references, 1);
    pthread_cond_init(&call->ended, NULL);
}

void blocking_call_unref(struct blocking_call *call)
{
    if (atomic_fetch_sub(&call->references, 1) > 1)
        return;
    pthread_cond_destroy(&call->ended);
    call->destroy(call);
}

bool blocking_goes_on(struct blocking_call *call)
{
    struct blocking *blocking = call->blocking;

    pthread_mutex_lock(&blocking->lock);
    call->progress = blocking->progress = clock_now();
    bool wanted = !call->abandoned;
    pthread_mutex_unlock(&blocking->lock);
    return wanted;
}

static bool blocking_is_overdue(const struct blocking *blocking, int64_t progress)
{
    return clock_now() - progress > blocking->deadline_seconds * NANOSECONDS;
}

/* Why a call was given up. */
static void blocking_tell(const struct blocking *blocking, int code,
                          char failure[static BLOCKING_FAILURE_SIZE])
{
    if (code == -ETIMEDOUT)
        snprintf(failure, BLOCKING_FAILURE_SIZE, "no answer within %u s", blocking->deadline_seconds);
    else
        snprintf(failure, BLOCKING_FAILURE_SIZE, "%s",
                 code == -EAGAIN ? "no thread can be started" : "canceled");
}

/* Has the lane's call return soon. Lets go of the lock in between. */
static void blocking_interrupt_locked(struct blocking_lane *lane)
{
    struct blocking *blocking = lane->blocking;
    void *connection = lane->connection;

    lane->interrupted = true;
    if (!connection || lane->interrupting || !blocking->ops->interrupt)
        return;
    lane->interrupting = true;
    pthread_mutex_unlock(&blocking->lock);
    blocking->ops->interrupt(connection);
    pthread_mutex_lock(&blocking->lock);
    lane->interrupting = false;
    pthread_cond_broadcast(&blocking->changed);
}

/* Whoever waits looks after the lanes that are stuck, abandoned by whom they worked for. */
static void blocking_interrupt_overdue_locked(struct blocking *blocking)
{
    for (unsigned i = 0; i < blocking->n_lanes; i++) {
        struct blocking_lane *lane = &blocking->lanes[i];
        if (lane->call && !lane->interrupted && blocking_is_overdue(blocking, lane->call->progress))
            blocking_interrupt_locked(lane);
    }
}

static int blocking_lane_connect(struct blocking_lane *lane, struct blocking_call *call)
{
    struct blocking *blocking = lane->blocking;
    void *connection = NULL;

    int r = blocking->ops->connect(blocking->context, call->failure, &connection);
    pthread_mutex_lock(&blocking->lock);
    lane->connection = r < 0 ? NULL : connection;
    pthread_mutex_unlock(&blocking->lock);
    return r < 0 ? r : blocking_goes_on(call) ? 0 : -ECANCELED;
}

static void blocking_lane_disconnect(struct blocking_lane *lane)
{
    struct blocking *blocking = lane->blocking;

    pthread_mutex_lock(&blocking->lock);
    while (lane->interrupting)
        pthread_cond_wait(&blocking->changed, &blocking->lock);
    void *connection = lane->connection;
    lane->connection = NULL;
    pthread_mutex_unlock(&blocking->lock);
    if (connection)
        blocking->ops->disconnect(connection);
}

/* Whether somebody still waits for the call, and its connection was lost by itself. */
static bool blocking_lane_may_repeat(struct blocking_lane *lane, const struct blocking_call *call)
{
    pthread_mutex_lock(&lane->blocking->lock);
    bool may = !call->abandoned && !lane->interrupted;
    pthread_mutex_unlock(&lane->blocking->lock);
    return may;
}

static int blocking_lane_serve(struct blocking_lane *lane, struct blocking_call *call)
{
    bool was_idle = lane->connection;

    int r = was_idle ? 0 : blocking_lane_connect(lane, call);
    if (r == 0)
        r = call->run(call, lane->connection);
    if (r == 0 || !call->lost || !was_idle || !blocking_lane_may_repeat(lane, call))
        return r;
    call->lost = false;
    blocking_lane_disconnect(lane);
    r = blocking_lane_connect(lane, call);
    return r < 0 ? r : call->run(call, lane->connection);
}

/* Hands the result over, and the connection on to the next call if it is of use. */
static void blocking_lane_finish(struct blocking_lane *lane, struct blocking_call *call, int result)
{
    struct blocking *blocking = lane->blocking;

    pthread_mutex_lock(&blocking->lock);
    bool of_use = !call->lost && !lane->interrupted;
    if (lane->interrupted && result < 0) {
        result = blocking->closing ? -ECANCELED : -ETIMEDOUT;
        blocking_tell(blocking, result, call->failure);
    }
    lane->call = NULL;
    lane->interrupted = false;
    call->result = result;
    call->state = BLOCKING_ENDED;
    blocking->progress = clock_now();
    pthread_cond_signal(&call->ended);
    pthread_mutex_unlock(&blocking->lock);
    blocking_call_unref(call);
    if (!of_use)
        blocking_lane_disconnect(lane);
}

/* The call that has waited longest; NULL once the carrier closes. */
static struct blocking_call *blocking_lane_take_locked(struct blocking_lane *lane)
{
    struct blocking *blocking = lane->blocking;

    blocking->n_idle++;
    while (!blocking->first && !blocking->closing)
        pthread_cond_wait(&blocking->changed, &blocking->lock);
    blocking->n_idle--;
    struct blocking_call *call = blocking->closing ? NULL : blocking->first;
    if (!call)
        return NULL;
    blocking->first = call->next;
    if (!blocking->first)
        blocking->end = &blocking->first;
    blocking->n_waiting--;
    call->state = BLOCKING_RUNS;
    call->progress = clock_now();
    lane->call = call;
    return call;
}

static void *blocking_lane_run(void *argument)
{
    struct blocking_lane *lane = argument;
    struct blocking *blocking = lane->blocking;
    struct blocking_call *call;

    pthread_mutex_lock(&blocking->lock);
    while ((call = blocking_lane_take_locked(lane))) {
        pthread_mutex_unlock(&blocking->lock);
        blocking_lane_finish(lane, call, blocking_lane_serve(lane, call));
        pthread_mutex_lock(&blocking->lock);
    }
    pthread_mutex_unlock(&blocking->lock);
    blocking_lane_disconnect(lane);
    pthread_mutex_lock(&blocking->lock);
    blocking->n_threads--;
    pthread_cond_broadcast(&blocking->changed);
    blocking_unref_locked(blocking);
    return NULL;
}

/* Lanes get their threads in order, and keep them until the carrier closes. 0, or -EAGAIN if there is none.
 */
static int blocking_add_thread_locked(struct blocking *blocking)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (blocking->closing || blocking->n_waiting <= blocking->n_idle ||
        blocking->n_threads == blocking->n_lanes)
        return 0;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool started =
        pthread_create(&thread, &attributes, blocking_lane_run, &blocking->lanes[blocking->n_threads]) == 0;
    pthread_attr_destroy(&attributes);
    blocking->n_threads += started;
    blocking->references += started;
    return blocking->n_threads > 0 ? 0 : -EAGAIN;
}

/* Takes a call that still waits out of the row, and leaves one that runs to itself. */
static void blocking_abandon_locked(struct blocking *blocking, struct blocking_call *call)
{
    struct blocking_call **link = &blocking->first;

    call->abandoned = true;
    if (call->state != BLOCKING_WAITS)
        return;
    while (*link != call)
        link = &(*link)->next;
    *link = call->next;
    if (!call->next)
        blocking->end = link;
    blocking->n_waiting--;
    blocking_call_unref(call); /* the caller has another */
}

/* -ETIMEDOUT, -ECANCELED, or 0: the call goes on. */
static int blocking_look(const struct blocking *blocking, const struct blocking_call *call,
                         const struct task *task)
{
    int64_t progress = call->progress;

    if (call->state == BLOCKING_WAITS && blocking->progress > progress)
        progress = blocking->progress;
    if (blocking->closing || task_cancelled(task))
        return -ECANCELED;
    return blocking_is_overdue(blocking, progress) ? -ETIMEDOUT : 0;
}

static int blocking_wait_locked(struct blocking *blocking, struct blocking_call *call, struct task *task)
{
    int r = 0;

    while (r == 0 && call->state != BLOCKING_ENDED) {
        blocking_interrupt_overdue_locked(blocking);
        if (call->state != BLOCKING_ENDED && (r = blocking_look(blocking, call, task)) == 0)
            task_wait(&call->ended, &blocking->lock);
    }
    return r;
}

int blocking_run(struct blocking *blocking, struct blocking_call *call, struct task *task,
                 char failure[static BLOCKING_FAILURE_SIZE])
{
    pthread_mutex_lock(&blocking->lock);
    blocking->references++;
    call->blocking = blocking;
    call->progress = clock_now();
    atomic_fetch_add(&call->references, 1);
    *blocking->end = call;
    blocking->end = &call->next;
    blocking->n_waiting++;
    pthread_cond_broadcast(&blocking->changed);
    int r = blocking_add_thread_locked(blocking);
    if (r == 0)
        r = blocking_wait_locked(blocking, call, task);
    if (r < 0) {
        blocking_abandon_locked(blocking, call);
        blocking_tell(blocking, r, failure);
    } else {
        snprintf(failure, BLOCKING_FAILURE_SIZE, "%s", call->failure);
        r = call->result;
    }
    blocking_unref_locked(blocking);
    return r;
}

void blocking_close(struct blocking *blocking)
{
    if (!blocking)
        return;
    pthread_mutex_lock(&blocking->lock);
    blocking->closing = true;
    pthread_cond_broadcast(&blocking->changed);
    for (unsigned i = 0; i < blocking->n_lanes; i++)
        if (blocking->lanes[i].call)
            blocking_interrupt_locked(&blocking->lanes[i]);
    int64_t until = clock_now() + CLOSING_PATIENCE;
    while (blocking->n_threads > 0 && clock_now() < until)
        task_wait(&blocking->changed, &blocking->lock);
    blocking_unref_locked(blocking);
}
