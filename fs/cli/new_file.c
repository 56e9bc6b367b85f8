#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

static int fail(const struct new_file *file, int error, const char *what, struct task *task)
{
    return task_fail(task, error, "%s: cannot %s: %s", file->path, what, strerror(error));
}

int new_file_begin(const char *path, struct task *task, struct new_file *ret_file)
{
    _cleanup_(new_file_finish) struct new_file file = {.path = strdup(path), .fd = -1};

    if (!file.path || asprintf(&file.temporary, "%s.XXXXXX.tmp", path) < 0)
        return -ENOMEM;
    file.fd = mkostemps(file.temporary, strlen(".tmp"), O_CLOEXEC);
    if (file.fd < 0) {
        int error = errno;
        free(file.temporary);
        file.temporary = NULL;
        return fail(&file, error, "create it", task);
    }
    *ret_file = file;
    file = (struct new_file){.fd = -1};
    return 0;
}

int new_file_write(struct new_file *file, const void *bytes, size_t length, struct task *task)
{
    const char *at = bytes;
    while (length) {
        ssize_t n = write(file->fd, at, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, errno, "write it", task);
        at += n;
        length -= (size_t)n;
    }
    return 0;
}

/* The name is on disk when its folder is. */
static int sync_folder(const struct new_file *file)
{
    _cleanup_free_ char *copy = strdup(file->path);
    _cleanup_close_ int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int new_file_place(struct new_file *file, bool replace, struct task *task)
{
    if (fsync(file->fd) < 0)
        return fail(file, errno, "write it", task);
    int r = renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, replace ? 0 : RENAME_NOREPLACE);
    if (r < 0 && errno == EINVAL && !replace) /* a file system that can't tell: a link never replaces */
        r = link(file->temporary, file->path) < 0 ? -1 : unlink(file->temporary);
    if (r < 0)
        return fail(file, errno, "put it in its place", task);
    free(file->temporary);
    file->temporary = NULL;
    r = sync_folder(file);
    return r < 0 ? fail(file, -r, "sync its folder", task) : 0;
}

void new_file_finish(struct new_file *file)
{
    if (file->temporary)
        unlink(file->temporary);
    if (file->fd >= 0)
        close(file->fd);
    free(file->temporary);
    free(file->path);
}
