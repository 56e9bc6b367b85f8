/* The mount: a catalog shown as a read-only file system, from the mount to the unmount.
 *
 * The only module that knows FUSE. Names become places in a tree, reads become reads of states. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct buffer;
struct catalog;
struct task;

struct mount_options {
    const char *mountpoint; /* an existing folder; absolute */
    const char *source;     /* shown as the file system's name in /proc/mounts: no secrets */
    int64_t refresh;        /* nanoseconds that a name may stay cached */
    uid_t uid;              /* owner of everything */
    gid_t gid;
    bool has_umask;
    mode_t umask; /* with has_umask: modes are 0444 and 0555 without these bits; else 0400 and 0500 */
    bool allow_other, allow_root;
    bool debug; /* FUSE's own trace of every request, on standard error */
    /* Appends lines of text to what `.litemount/stats` says, whenever it is opened, on any thread. 0 or
     * -ENOMEM. */
    int (*stats)(void *context, struct buffer *text);
    void *stats_context; /* borrowed */
};

/* Whether `mountpoint` can be mounted on: it is a folder, and nothing of FUSE is mounted there, neither alive
 * nor left over from a program that is gone. 0, or a negative errno with a reason that says what would help.
 */
int mount_check_point(const char *mountpoint, struct task *task);

/* Mounts, calls `ready` (may be NULL) once the file system stands, and serves until it is unmounted or
 * SIGINT, SIGTERM or SIGHUP comes; then unmounts. `task` is the parent of every request and is cancelled at
 * the end. These signals must be blocked in all threads of the process. 0, or a negative errno with a reason.
 */
int mount_run(struct catalog *catalog, const struct mount_options *options, void (*ready)(void *context),
              void *context, struct task *task);
