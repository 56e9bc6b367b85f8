/* The threads that answer the kernel. */
#pragma once

#include <fuse_lowlevel.h>

struct task;

/* Answers the session's requests on many threads until the file system is unmounted, or SIGINT, SIGTERM or
 * SIGHUP comes (blocked in all threads). Then cancels `task`, so that no request keeps it waiting for a
 * store, and returns once all threads have ended: 0 or a negative errno. */
int serve(struct fuse_session *session, struct task *task);
