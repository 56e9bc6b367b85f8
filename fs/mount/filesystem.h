/* The file system that FUSE's requests work on. */
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "buffers.h"
#include "litemount/mount.h"
#include "litemount/task.h"
#include "node.h"

#define FILESYSTEM_MAX_READ (1 << 20) /* bytes asked for at once */

struct filesystem {
    struct catalog *catalog;             /* borrowed */
    const struct mount_options *options; /* borrowed */
    struct task *task;                   /* parent of every request's; borrowed */
    struct fuse_session *session;        /* borrowed */
    struct failed_files *failed;         /* borrowed */
    struct nodes nodes;
    struct buffers buffers;           /* of FILESYSTEM_MAX_READ bytes */
    atomic_uint_least64_t open_files; /* databases, and what SQLite looks for beside them */
    char *mountpoint;                 /* its real path */
    atomic_bool answers_init;         /* the next answer is the one to INIT */
    int64_t mounted_at;               /* the time of folders that have none of their own */
};

/* One request's task: cancelled with the mount, or when its caller was interrupted. */
struct mount_request {
    fuse_req_t req;
    struct task task;
    struct task_probe probe;
    atomic_bool asks_again; /* the caller was interrupted by a signal after which it may go on */
};

/* `what` is done at `path` (and `name` in it, unless that is NULL): for the log. */
void request_begin(struct mount_request *request, const struct filesystem *filesystem, fuse_req_t req,
                   const char *what, const char *path, const char *name);

/* Must come before the reply. */
void request_end(struct mount_request *request);

/* Replies that `what` at `path` failed with the negative errno `r`, and logs the reason if it is not the
 * caller's own doing. Ends the request. */
void request_fail(struct mount_request *request, int r, const char *what, const char *path);

/* The operations, for fuse_session_new; their userdata is the filesystem. */
extern const struct fuse_lowlevel_ops filesystem_operations;

/* attributes.c */
void node_attributes(const struct filesystem *filesystem, const struct node *node, struct stat *ret_stat);
void filesystem_getxattr(fuse_req_t req, fuse_ino_t number, const char *name, size_t size);
void filesystem_listxattr(fuse_req_t req, fuse_ino_t number, size_t size);

/* stats_file.c */
void stats_open(fuse_req_t req, struct fuse_file_info *file);
void stats_read(fuse_req_t req, size_t size, off_t offset, struct fuse_file_info *file);
void stats_release(struct fuse_file_info *file);

/* directory.c */
void filesystem_opendir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file);
void filesystem_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
                        struct fuse_file_info *file);
void filesystem_releasedir(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file);
