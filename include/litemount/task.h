/* A task is one thing that somebody is waiting for: a read on the mount, a lookup, a verb on the command
 * line.
 *
 * Every call that can block or fail for an outside reason takes the task it works for. Through it the call
 * learns that nobody waits any more (an interrupted read, an unmount), and leaves behind one sentence that
 * says why it failed. The errno travels by return value; the sentence is logged or printed once, by whoever
 * owns the task. For the log it also carries why it exists and what it is at. Knows nothing of FUSE, of
 * networks, or of what the work is. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct thread_pool;

#define TASK_REASON_SIZE 512
#define TASK_PURPOSE_SIZE 256
#define TASK_STEP_SIZE 128

/* Asks whether the task is still wanted, where nobody would bring the news. Belongs to whoever sets it. */
struct task_probe {
    void (*ask)(void *context); /* may cancel the task; on any thread that works for it */
    void *context;
    atomic_int_least64_t next; /* when to ask next, by the clock that is never set: nanoseconds */
};

struct task {
    const struct task *parent; /* cancelled with it; borrowed, may be NULL */
    struct thread_pool *pool;  /* whose threads help with it; borrowed, NULL: none do */
    const void *holder;        /* of whose share they are (thread_pool.h): a store; NULL: of nobody's */
    atomic_bool cancelled;     /* set from any thread */
    atomic_int_least64_t
        patience;             /* when it will be, by the clock that is never set: nanoseconds; 0: never */
    struct task_probe *probe; /* borrowed; NULL: none */
    char reason[TASK_REASON_SIZE]; /* of the first failure, "" while there is none; only the task's own thread
                                      touches it */
    char purpose[TASK_PURPOSE_SIZE], step[TASK_STEP_SIZE]; /* likewise: "" at first, and without debugging */
};

/* A task that is cancelled when `parent` (may be NULL, must outlive it) is, with its pool and holder. Owns
 * nothing: needs no finish. */
void task_init(struct task *task, const struct task *parent);

/* Tells the task's threads to give up; they answer within a tenth of a second. Any thread may call it. */
void task_cancel(struct task *task);

/* Gives the task `nanoseconds` more before it counts as cancelled. Any thread may call it; the first call
 * counts. */
void task_cancel_later(struct task *task, int64_t nanoseconds);

/* Has the probe asked about once a second for as long as the task's threads wait. */
void task_set_probe(struct task *task, struct task_probe *probe);

/* Whether the task or one of its parents was cancelled. */
bool task_cancelled(const struct task *task);

/* Waits on `condition` for a moment (a twentieth of a second at most), so that a caller's loop looks at its
 * task in between. As pthread_cond_wait, it may return early. */
void task_wait(pthread_cond_t *condition, pthread_mutex_t *lock);

/* Notes why the task fails, unless a reason is noted already, and returns -code. `code` is a positive errno.
 * `task` may be NULL. Control characters that text from outside brings into the sentence become '?'. Never
 * put a secret into it. */
int task_fail(struct task *task, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For the log at debug level, where a request to a store tells why it was sent; nothing is written at
 * another. The purpose is what somebody waits for ("read latest/app.db"); the step what is done for it now
 * ("page index of KEY"). What a task does not say itself is its parent's; so a parent must not go on while
 * its children work. */
void task_set_purpose(struct task *task, const char *format, ...) __attribute__((format(printf, 2, 3)));
void task_set_step(struct task *task, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "STEP, to PURPOSE", or what there is of it. */
void task_describe(const struct task *task, char *text, size_t size);

/* Forgets the reason: what failed was survived (a second replica answered). */
void task_forgive(struct task *task);

/* The sentence of the first failure, else strerror of `code`. `code` may be negative. Never NULL. */
const char *task_reason(const struct task *task, int code);
