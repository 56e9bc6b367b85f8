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
static uint64_t request_signals(const struct mount_request *request)
{
    uint64_t own = 0, shared = 0, blocked = 0;
    pid_t thread = fuse_req_ctx(request->req)->pid;
    char path[32], line[128];

    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    _cleanup_fclose_ FILE *status = thread > 0 ? fopen(path, "re") : NULL;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigPnd: %" SCNx64, &own) != 1 && sscanf(line, "ShdPnd: %" SCNx64, &shared) != 1)
            sscanf(line, "SigBlk: %" SCNx64, &blocked);
    return (own | shared) & ~blocked;
}

/* Whatever signal ends a process, its threads find SIGKILL pending (Linux, complete_signal). */
static void request_give_up(struct mount_request *request, uint64_t signals)
{
    if (signals & SIGNAL(SIGKILL))
        task_cancel(&request->task);
    else
        task_cancel_later(&request->task, GRACE);
}

/* Who only handles a signal is told EINTR, after which most ask again; but not where the signal asks it to
 * end: SQLite asks again whatever the signal was, and ^C in its shell would end nothing. */
static void request_interrupt(fuse_req_t req, void *data)
{
    struct mount_request *request = data;
    uint64_t signals = request_signals(request);

    if (signals && !(signals & ENDING))
        atomic_store(&request->asks_again, true);
    request_give_up(request, signals);
}

/* The kernel tells of no signal while it reads ahead, though the reader waits for that as well. */
static void request_probe(void *context)
{
    struct mount_request *request = context;
    uint64_t signals = request_signals(request);

    if (signals & ENDING)
        request_give_up(request, signals);
}

void request_begin(struct mount_request *request, const struct filesystem *filesystem, fuse_req_t req,
                   const char *what, const char *path, const char *name)
{
    request->req = req;
    atomic_init(&request->asks_again, false);
    task_init(&request->task, filesystem->task);
    request->probe = (struct task_probe){.ask = request_probe, .context = request};
    task_set_probe(&request->task, &request->probe);
    task_set_purpose(&request->task, "%s %s%s%s", what, path, *path && name ? "/" : "", name ? name : "");
    fuse_req_interrupt_func(req, request_interrupt, request);
}

void request_end(struct mount_request *request)
{
    fuse_req_interrupt_func(request->req, NULL, NULL);
}

/* The errno for the negative errno `r`: why the bytes can't be had, as far as the caller can make something
 * of it. EIO is damage: SQLite takes it for such, and says that the database is malformed (os_unix.c,
 * unixRead). */
static int request_errno(const struct mount_request *request, int r)
{
    switch (-r) {
    case ENOENT:
    case ENOMEM:
    case EACCES:
    case ETIMEDOUT:
    case EREMOTEIO:
        return -r;
    case ECANCELED:
        return atomic_load(&request->asks_again) ? EINTR : ECANCELED;
    default:
        return EIO;
    }
}

void request_fail(struct mount_request *request, int r, const char *what, const char *path)
{
    request_end(request);
    if (r != -ECANCELED && r != -ENOENT && r != -ENOMEM)
        log_error("%s %s: %s", what, *path ? path : ".", task_reason(&request->task, r));
    fuse_reply_err(request->req, request_errno(request, r));
}
