#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "filesystem.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"

/* The kernel interrupts for every signal, and a reader that only handles one (a profiler's, a timer's) does
 * not expect its read to fail: so the request gets as long to finish as somebody who pressed ^C will wait. */
#define GRACE (2 * INSTANT_SECOND)

#define SIGNAL(number) (UINT64_C(1) << ((number)-1))
#define ENDING (SIGNAL(SIGINT) | SIGNAL(SIGTERM) | SIGNAL(SIGHUP) | SIGNAL(SIGQUIT) | SIGNAL(SIGKILL))

/* The signals that the caller will find when it goes on, as proc(5) shows them: its thread's own, and those
 * of its process that it does not block. 0 if it can't be seen from here. */
static uint64_t errand_signals(const struct errand *errand)
{
    uint64_t own = 0, shared = 0, blocked = 0;
    pid_t thread = fuse_req_ctx(errand->request)->pid;
    char path[32], line[128];

    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    _cleanup_fclose_ FILE *status = thread > 0 ? fopen(path, "re") : NULL;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigPnd: %" SCNx64, &own) != 1 && sscanf(line, "ShdPnd: %" SCNx64, &shared) != 1)
            sscanf(line, "SigBlk: %" SCNx64, &blocked);
    return (own | shared) & ~blocked;
}

/* Whatever signal ends a process, its threads find SIGKILL pending (Linux, complete_signal). */
static void errand_give_up(struct errand *errand, uint64_t signals)
{
    if (signals & SIGNAL(SIGKILL))
        task_cancel(&errand->task);
    else
        task_cancel_later(&errand->task, GRACE);
}

/* Who only handles a signal is told EINTR, after which most ask again; but not where the signal asks it to
 * end: SQLite asks again whatever the signal was, and ^C in its shell would end nothing. */
static void errand_interrupt(fuse_req_t request, void *data)
{
    struct errand *errand = data;
    uint64_t signals = errand_signals(errand);

    if (signals && !(signals & ENDING))
        atomic_store(&errand->asks_again, true);
    errand_give_up(errand, signals);
}

/* The kernel tells of no signal while it reads ahead, though the reader waits for that as well. */
static void errand_probe(void *context)
{
    struct errand *errand = context;
    uint64_t signals = errand_signals(errand);

    if (signals & ENDING)
        errand_give_up(errand, signals);
}

void errand_begin(struct errand *errand, const struct filesystem *filesystem, fuse_req_t request,
                  const char *what, const char *path, const char *name)
{
    errand->request = request;
    atomic_init(&errand->asks_again, false);
    task_init(&errand->task, filesystem->task);
    errand->probe = (struct task_probe){.ask = errand_probe, .context = errand};
    task_set_probe(&errand->task, &errand->probe);
    task_set_purpose(&errand->task, "%s %s%s%s", what, path, *path && name ? "/" : "", name ? name : "");
    fuse_req_interrupt_func(request, errand_interrupt, errand);
}

void errand_end(struct errand *errand)
{
    fuse_req_interrupt_func(errand->request, NULL, NULL);
}

/* The errno for the negative errno `r`: why the bytes can't be had, as far as the caller can make something
 * of it. EIO is damage: SQLite takes it for such, and says that the database is malformed (os_unix.c,
 * unixRead). */
static int errand_errno(const struct errand *errand, int r)
{
    switch (-r) {
    case ENOENT:
    case ENOMEM:
    case EACCES:
    case ETIMEDOUT:
    case EREMOTEIO:
        return -r;
    case ECANCELED:
        return atomic_load(&errand->asks_again) ? EINTR : ECANCELED;
    default:
        return EIO;
    }
}

void errand_fail(struct errand *errand, int r, const char *what, const char *path)
{
    errand_end(errand);
    if (r != -ECANCELED && r != -ENOENT && r != -ENOMEM)
        log_error("%s %s: %s", what, *path ? path : ".", task_reason(&errand->task, r));
    fuse_reply_err(errand->request, errand_errno(errand, r));
}
