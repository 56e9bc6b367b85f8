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

/* Whether the thread is about to die: whatever signal ends a process, its threads find SIGKILL pending
 * (Linux, complete_signal). proc(5) says how the line reads. False if the thread can't be seen from here. */
static bool is_dying(pid_t thread)
{
    char path[32], line[128];
    uint64_t pending = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);
    _cleanup_fclose_ FILE *status = thread > 0 ? fopen(path, "re") : NULL;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigPnd: %" SCNx64, &pending) == 1)
            break;
    return pending >> (SIGKILL - 1) & 1;
}

static void interrupt(fuse_req_t request, void *data)
{
    struct errand *errand = data;
    if (is_dying(fuse_req_ctx(request)->pid))
        task_cancel(&errand->task);
    else
        task_cancel_later(&errand->task, GRACE);
}

void errand_begin(struct errand *errand, const struct filesystem *filesystem, fuse_req_t request,
                  const char *what, const char *path, const char *name)
{
    errand->request = request;
    task_init(&errand->task, filesystem->task);
    task_set_purpose(&errand->task, "%s %s%s%s", what, path, *path && name ? "/" : "", name ? name : "");
    fuse_req_interrupt_func(request, interrupt, errand);
}

void errand_end(struct errand *errand)
{
    fuse_req_interrupt_func(errand->request, NULL, NULL);
}

void errand_fail(struct errand *errand, int r, const char *what, const char *path)
{
    errand_end(errand);
    if (r == -ECANCELED)
        r = -EINTR;
    else if (r != -ENOENT && r != -ENOMEM)
        log_error("%s %s: %s", what, *path ? path : ".", task_reason(&errand->task, r));
    /* Whatever is wrong with a store, a reader can only be told that the bytes can't be had. */
    if (r != -ENOENT && r != -EINTR && r != -ENOMEM)
        r = -EIO;
    fuse_reply_err(errand->request, -r);
}
