/* Calls that block, run for callers that must not: the carrier of stores whose libraries know no other kind
 * (an SSH session, a NATS client). Private to fs/replica; knows no library and no store.
 *
 * Each store opens a carrier of its own, so that one that hangs stalls nobody else. A carrier has a bounded
 * number of *lanes*: a thread and the connection that it alone uses, both made when there is a call for them.
 * Calls are run in the order in which they come. A caller waits for the end of its call, for its task, or for
 * the deadline, and leaves a twentieth of a second after the first of them at the latest. It never waits for
 * the library.
 *
 * A call that nobody waits for any more is *abandoned*. It works in memory of its own (struct blocking_call
 * is the first field of a larger struct on the heap), never in its caller's, so that it may go on; whoever
 * lets go of the call last destroys it. Its lane takes other calls again once the library returns. To that
 * end the connection of a call that made no progress until the deadline is interrupted, and closed
 * afterwards, for nobody knows what it is still in the middle of. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct blocking;
struct task;

#define BLOCKING_FAILURE_SIZE 384 /* bytes of a sentence with its NUL */

/* What a library does for a lane. `context` is the carrier's. All but `interrupt` and `destroy` run on the
 * lane's thread and may block. */
struct blocking_ops {
    /* Makes a connection. 0, or a negative errno with the reason in `failure`. */
    int (*connect)(void *context, char failure[static BLOCKING_FAILURE_SIZE], void **ret_connection);
    void (*disconnect)(void *connection);
    /* Makes what blocks on the connection return soon (by shutting down its socket). Any thread calls it,
     * while the lane's may be within the library; must not block. NULL: the library has limits of its own. */
    void (*interrupt)(void *connection);
    void (*destroy)(void *context); /* by the last who needed it, perhaps long after blocking_close */
};

struct blocking_call {
    /* Does the work on the lane's thread. 0, or a negative errno with the reason in `failure`; sets `lost`
     * where the connection is of no use any more. Must bear to be run twice: a connection that is lost, and
     * was not made for this call, had been closed by the server while it was idle; it is replaced once. */
    int (*run)(struct blocking_call *call, void *connection);
    void (*destroy)(struct blocking_call *call); /* frees all of it */
    char failure[BLOCKING_FAILURE_SIZE];
    bool lost;

    /* The carrier's; guarded by its lock. */
    struct blocking *blocking;
    struct blocking_call *next;
    enum { BLOCKING_WAITS, BLOCKING_RUNS, BLOCKING_ENDED } state;
    bool abandoned;
    pthread_cond_t ended;
    int64_t progress; /* when the last came: nanoseconds by the clock that is never set */
    int result;
    atomic_uint references;
};

/* `n_lanes` and `deadline_seconds` are not 0. 0 or -ENOMEM. In either case `context` is the carrier's from
 * here on. */
int blocking_open(const struct blocking_ops *ops, void *context, unsigned n_lanes, unsigned deadline_seconds,
                  struct blocking **ret_blocking);

/* Ends what waits or runs with -ECANCELED, interrupts all connections, and gives the threads a second to end.
 * A library that does not return by then is left behind, with what it needs. NULL is fine. */
void blocking_close(struct blocking *blocking);

/* Makes a call that is zero but for what `run` needs ready for one blocking_run. The caller lets go of it by
 * blocking_call_unref in any case, or destroys it by that alone. */
void blocking_call_init(struct blocking_call *call, int (*run)(struct blocking_call *call, void *connection),
                        void (*destroy)(struct blocking_call *call));
void blocking_call_unref(struct blocking_call *call);

/* Runs the call and returns what it returns. Or, with a reason in `failure` but with no look at what the call
 * holds, which is not the caller's to read then: -ETIMEDOUT (no progress for so many seconds, of the call or,
 * while it waits for a lane, of all that are before it), -ECANCELED (the task was cancelled, or the carrier
 * closed), -EAGAIN (no thread can be had). */
int blocking_run(struct blocking *blocking, struct blocking_call *call, struct task *task,
                 char failure[static BLOCKING_FAILURE_SIZE]);

/* For `run`, between two steps of a long work: tells that the last one was answered, with which the deadline
 * begins anew. False: nobody waits any more, so `run` can return whatever it likes. */
bool blocking_goes_on(struct blocking_call *call);
