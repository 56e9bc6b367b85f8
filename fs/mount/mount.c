#include "litemount/mount.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "device.h"
#include "failed.h"
#include "filesystem.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "serve.h"

#define FUSE_SUPER_MAGIC 0x65735546 /* Linux, include/uapi/linux/magic.h */

/* Whether the folder is the root of a file system, and that is one of FUSE. */
static bool mount_is_mounted(const char *mountpoint, const struct stat *folder,
                             const struct statfs *filesystem)
{
    _cleanup_free_ char *above = NULL;
    struct stat parent;

    if (filesystem->f_type != FUSE_SUPER_MAGIC || asprintf(&above, "%s/..", mountpoint) < 0)
        return false;
    return stat(above, &parent) == 0 && parent.st_dev != folder->st_dev;
}

/* statfs is never answered from what the kernel remembers, so it comes first: a stat may still succeed on the
 * root of a file system whose program is gone. */
int mount_check_point(const char *mountpoint, struct task *task)
{
    struct statfs filesystem;
    struct stat folder;

    if (statfs(mountpoint, &filesystem) < 0 && (errno == ENOTCONN || errno == ECONNABORTED))
        return task_fail(
            task, ENOTCONN,
            "%s: a file system is left over here whose program is gone; remove it with: fusermount3 -u %s",
            mountpoint, mountpoint);
    if (statfs(mountpoint, &filesystem) < 0 || stat(mountpoint, &folder) < 0)
        return task_fail(task, errno, "%s: cannot mount here: %s%s", mountpoint, strerror(errno),
                         errno == ENOENT ? "; make the folder first" : "");
    if (!S_ISDIR(folder.st_mode))
        return task_fail(task, ENOTDIR, "%s: cannot mount here: not a folder; name an existing one",
                         mountpoint);
    if (mount_is_mounted(mountpoint, &folder, &filesystem))
        return task_fail(task, EBUSY,
                         "%s: busy: something is mounted here already; unmount it with: fusermount3 -u %s",
                         mountpoint, mountpoint);
    return 0;
}

static void mount_free_arguments(struct fuse_args *arguments)
{
    fuse_opt_free_args(arguments);
}

/* Adds `-o NAME=VALUE`, a comma or backslash in the value quoted as libfuse wants it. */
static int mount_add_option(struct fuse_args *arguments, const char *name, const char *value)
{
    _cleanup_free_ char *quoted = malloc(strlen(value) * 2 + 1), *option = NULL;
    size_t n = 0;

    if (!quoted)
        return -1;
    for (; *value; value++) {
        if (*value == ',' || *value == '\\')
            quoted[n++] = '\\';
        quoted[n++] = *value;
    }
    quoted[n] = '\0';
    if (asprintf(&option, "-o%s=%s", name, quoted) < 0)
        return -1;
    return fuse_opt_add_arg(arguments, option);
}

static int mount_write_arguments(const struct mount_options *options, struct fuse_args *arguments)
{
    static const char fixed[] = "-oro,nosuid,nodev,default_permissions,subtype=litemount";
    char max_read[16];
    snprintf(max_read, sizeof max_read, "%d", FILESYSTEM_MAX_READ);
    int r = fuse_opt_add_arg(arguments, "litemount") | fuse_opt_add_arg(arguments, fixed) |
            mount_add_option(arguments, "max_read", max_read) |
            mount_add_option(arguments, "fsname", options->source);

    if (r == 0 && options->allow_other)
        r = fuse_opt_add_arg(arguments, "-oallow_other");
    if (r == 0 && options->allow_root)
        r = fuse_opt_add_arg(arguments, "-oallow_root");
    if (r == 0 && options->debug)
        r = fuse_opt_add_arg(arguments, "-odebug");
    return r < 0 ? -ENOMEM : 0;
}

static void mount_log_fuse(enum fuse_log_level level, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_write(level <= FUSE_LOG_ERR       ? LOG_LEVEL_ERROR
              : level == FUSE_LOG_WARNING ? LOG_LEVEL_WARNING
                                          : LOG_LEVEL_DEBUG,
              "%s", line);
}

static void mount_close_session(struct fuse_session **session)
{
    if (*session)
        fuse_session_destroy(*session);
}

static void mount_unmount_session(struct fuse_session **session)
{
    if (*session)
        fuse_session_unmount(*session);
}

static void mount_finish_filesystem(struct filesystem *filesystem)
{
    nodes_finish(&filesystem->nodes);
    free(filesystem->mountpoint);
    buffers_finish(&filesystem->buffers);
}

static int mount_explain_refusal(const char *mountpoint, struct task *task)
{
    if (getuid() != 0 && access("/dev/fuse", R_OK | W_OK) == 0 && !getpwuid(getuid()))
        return task_fail(
            task, EIO,
            "%s: cannot mount here; fusermount3 asks for the name of user %u, and /etc/passwd has "
            "none: add a line for it, or mount as root with uid=%u",
            mountpoint, (unsigned)getuid(), (unsigned)getuid());
    return task_fail(task, EIO, "%s: cannot mount here; is /dev/fuse there, and may you use it?", mountpoint);
}

int mount_run(struct catalog *catalog, const struct mount_options *options, void (*ready)(void *context),
              void *context, struct task *task)
{
    _cleanup_(mount_free_arguments) struct fuse_args arguments = FUSE_ARGS_INIT(0, NULL);
    _cleanup_(mount_finish_filesystem) struct filesystem filesystem = {
        .catalog = catalog, .options = options, .task = task, .mounted_at = instant_now()};
    _cleanup_(mount_close_session) struct fuse_session *session = NULL;
    _cleanup_(mount_unmount_session) struct fuse_session *mounted = NULL;
    _cleanup_(failed_files_free) struct failed_files *failed = NULL;
    int r;

    buffers_init(&filesystem.buffers, FILESYSTEM_MAX_READ);
    filesystem.mountpoint = realpath(options->mountpoint, NULL);
    if (!filesystem.mountpoint)
        return task_fail(task, errno, "%s: cannot mount here: %m", options->mountpoint);
    if (nodes_init(&filesystem.nodes) < 0 || mount_write_arguments(options, &arguments) < 0)
        return -ENOMEM;
    fuse_set_log_func(mount_log_fuse);
    session = fuse_session_new(&arguments, &filesystem_operations, sizeof filesystem_operations, &filesystem);
    if (!session)
        return task_fail(task, EINVAL,
                         "%s: cannot mount here: libfuse %s does not take the mount options; the line before "
                         "this one names the one it refuses, and another version of libfuse3 may take it",
                         options->mountpoint, fuse_pkgversion());
    if (fuse_session_mount(session, options->mountpoint) < 0)
        return mount_explain_refusal(options->mountpoint, task);
    mounted = session;
    if ((r = device_take_over(session)) < 0)
        return task_fail(task, -r,
                         "%s: cannot mount here: libfuse %s does not let its device be read for it: %s",
                         options->mountpoint, fuse_pkgversion(), strerror(-r));
    filesystem.session = session;
    if ((r = failed_files_begin(&filesystem, &failed)) < 0)
        return task_fail(task, -r, "%s: cannot mount here: no thread can be started: %s", options->mountpoint,
                         strerror(-r));
    filesystem.failed = failed;
    if (ready)
        ready(context);
    return serve(session, failed_files_end, failed, task);
}
