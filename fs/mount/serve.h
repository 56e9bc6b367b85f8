/* The threads that answer the kernel. */
#pragma once

struct fuse_session;
struct task;

#define SERVE_WORKERS 256 /* at most */

/* Answers the session's requests on as many threads as there are requests at once until the file system is
 * unmounted, or SIGINT, SIGTERM or SIGHUP comes (blocked in all threads). Then cancels `task`, so that no
 * request keeps it waiting for a store, calls `ending` while requests are still answered, and returns once
 * all threads have ended: 0 or a negative errno. */
int serve(struct fuse_session *session, void (*ending)(void *context), void *context, struct task *task);
