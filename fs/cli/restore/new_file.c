#include "new_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

#define MARK "litemount-new"
#define RANDOM ".XXXXXX." /* what mkstemp(3) fills in */
#define SUFFIX_LENGTH (sizeof RANDOM MARK - 1)

static int new_file_fail(const struct new_file *file, int error, const char *what, struct task *task)
{
    return task_fail(task, error, "%s: cannot %s: %s", file->path, what, strerror(error));
}

/* The folder that the file will be in. The caller frees it; NULL: no memory. */
static char *new_file_folder_of(const struct new_file *file)
{
    _cleanup_free_ char *copy = strdup(file->path);
    return copy ? strdup(dirname(copy)) : NULL;
}

/* mkdir -p. */
static int new_file_make_folders(const struct new_file *file, struct task *task)
{
    _cleanup_free_ char *folder = new_file_folder_of(file);

    if (!folder)
        return -ENOMEM;
    for (char *end = folder; end;) {
        end = strchr(end + 1, '/');
        if (end)
            *end = '\0';
        int error = mkdir(folder, 0777) < 0 ? errno : 0;
        if (error && error != EEXIST && access(folder, F_OK) < 0)
            return task_fail(task, error, "%s: cannot make the folder: %s", folder, strerror(error));
        if (end)
            *end = '/';
    }
    return 0;
}

/* How much of a file's name its temporary one begins with. */
static size_t new_file_length_kept(const char *name)
{
    size_t length = strlen(name), most = NAME_MAX - SUFFIX_LENGTH;
    return length < most ? length : most;
}

/* Whether `entry` is called as a temporary file of `name` is. */
static bool new_file_is_temporary(const char *entry, const char *name)
{
    size_t length = new_file_length_kept(name);
    return strlen(entry) == length + SUFFIX_LENGTH && memcmp(entry, name, length) == 0 &&
           entry[length] == '.' && strcmp(entry + length + strlen(RANDOM), MARK) == 0;
}

/* Nobody holds it: its writer was killed. A link was on its way to a place. */
static void new_file_remove_abandoned(int folder, const char *entry)
{
    _cleanup_close_ int fd = openat(folder, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 ? flock(fd, LOCK_EX | LOCK_NB) == 0 : errno == ELOOP)
        unlinkat(folder, entry, 0);
}

/* Files that cannot be removed do no harm. */
static void new_file_sweep(const struct new_file *file)
{
    _cleanup_free_ char *folder = new_file_folder_of(file), *copy = strdup(file->path);
    DIR *entries = folder ? opendir(folder) : NULL;
    struct dirent *entry;

    while (entries && copy && (entry = readdir(entries)))
        if (new_file_is_temporary(entry->d_name, basename(copy)))
            new_file_remove_abandoned(dirfd(entries), entry->d_name);
    if (entries)
        closedir(entries);
}

/* The caller frees it; NULL: no memory. */
static char *new_file_temporary_path(const struct new_file *file)
{
    const char *slash = strrchr(file->path, '/'), *name = slash ? slash + 1 : file->path;
    size_t length = (size_t)(name - file->path) + new_file_length_kept(name);
    char *path;

    return asprintf(&path, "%.*s" RANDOM MARK, (int)length, file->path) < 0 ? NULL : path;
}

/* Makes a temporary file, and locks it: another's sweep may have had it in between, then it has no name. */
static int new_file_make_temporary(struct new_file *file, struct task *task)
{
    struct stat info = {0};

    while (info.st_nlink == 0) {
        free(file->temporary);
        if (file->fd >= 0)
            close(file->fd);
        file->fd = -1;
        file->temporary = new_file_temporary_path(file);
        if (!file->temporary)
            return -ENOMEM;
        file->fd = mkostemps(file->temporary, strlen("." MARK), O_CLOEXEC);
        if (file->fd < 0) {
            int error = errno;
            free(steal_pointer(file->temporary));
            return new_file_fail(file, error, "create it", task);
        }
        (void)flock(file->fd, LOCK_EX); /* where there are no locks nothing is swept either */
        if (fstat(file->fd, &info) < 0)
            return new_file_fail(file, errno, "create it", task);
    }
    return 0;
}

static int new_file_set_aside(const struct new_file *file, uint64_t size, struct task *task)
{
    if (size == 0 || size > INT64_MAX || fallocate(file->fd, 0, 0, (off_t)size) == 0)
        return 0;
    if (errno == ENOSPC || errno == EFBIG || errno == EDQUOT)
        return task_fail(task, errno, "%s: no room for its %llu bytes: %m", file->path,
                         (unsigned long long)size);
    return 0;
}

int new_file_begin(const char *path, uint64_t size, struct task *task, struct new_file *ret_file)
{
    _cleanup_(new_file_finish) struct new_file file = {.path = strdup(path), .fd = -1};

    if (!file.path)
        return -ENOMEM;
    int r = new_file_make_folders(&file, task);
    if (r < 0)
        return r;
    new_file_sweep(&file);
    r = new_file_make_temporary(&file, task);
    if (r == 0)
        r = new_file_set_aside(&file, size, task);
    if (r < 0)
        return r;
    *ret_file = file;
    file = (struct new_file){0};
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
            return new_file_fail(file, errno, "write it", task);
        at += n;
        length -= (size_t)n;
    }
    return 0;
}

int new_file_place(struct new_file *file, bool replace, struct task *task)
{
    if (fsync(file->fd) < 0)
        return new_file_fail(file, errno, "write it", task);
    int r = renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, replace ? 0 : RENAME_NOREPLACE);
    if (r < 0 && errno == EINVAL && !replace) /* a file system that can't tell: a link never replaces */
        r = link(file->temporary, file->path) < 0 ? -1 : unlink(file->temporary);
    if (r < 0)
        return new_file_fail(file, errno, "put it in its place", task);
    free(steal_pointer(file->temporary));
    return 0;
}

/* How a link to the temporary file is called on its way: as that one, but with a character that mkstemp(3)
 * never takes. The caller frees it; NULL: no memory. */
static char *new_file_link_path(const char *temporary)
{
    char *path = strdup(temporary);
    if (path)
        path[strlen(path) - SUFFIX_LENGTH + 1] = '_';
    return path;
}

int new_file_link(struct new_file *file, struct task *task)
{
    _cleanup_free_ char *link = new_file_link_path(file->temporary), *copy = strdup(file->temporary);

    if (!link || !copy)
        return -ENOMEM;
    if (fsync(file->fd) < 0)
        return new_file_fail(file, errno, "write it", task);
    if (symlink(basename(copy), link) < 0)
        return new_file_fail(file, errno,
                             "replace it by a link; without -wal, -shm and -journal it needs none", task);
    if (rename(link, file->path) < 0) {
        int error = errno;
        unlink(link);
        return new_file_fail(file, error, "put it in its place", task);
    }
    file->linked = true;
    return new_file_settle(file, task);
}

/* The place that the file at `path`, an absolute one, was to be put in, if a link to it stands there. The
 * caller frees it. */
static char *new_file_linked_place(const char *path)
{
    _cleanup_free_ char *copy = strdup(path), *place = strdup(path);
    char target[NAME_MAX + 1];

    if (!copy || !place)
        return NULL;
    const char *name = basename(copy);
    size_t length = strlen(name);
    if (length <= SUFFIX_LENGTH)
        return NULL;
    place[strlen(place) - SUFFIX_LENGTH] = '\0';
    bool linked = new_file_is_temporary(name, strrchr(place, '/') + 1) &&
                  readlink(place, target, sizeof target) == (ssize_t)length &&
                  memcmp(target, name, length) == 0;
    return linked ? steal_pointer(place) : NULL;
}

int new_file_resume(const char *path, struct task *task, struct new_file *ret_file)
{
    _cleanup_(new_file_finish) struct new_file file = {
        .path = new_file_linked_place(path), .fd = -1, .linked = true};

    if (!file.path)
        return 0;
    file.temporary = strdup(path);
    file.fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (!file.temporary)
        return -ENOMEM;
    if (file.fd < 0)
        return new_file_fail(&file, errno, "end what another restore began", task);
    if (flock(file.fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return task_fail(task, EBUSY, "%s: another restore is putting a file there", file.path);
    *ret_file = file;
    file = (struct new_file){0};
    return 1;
}

int new_file_settle(const struct new_file *file, struct task *task)
{
    _cleanup_free_ char *folder = new_file_folder_of(file);
    _cleanup_close_ int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0 && (fsync(fd) == 0 || errno == EINVAL)) /* not every file system can */
        return 0;
    return new_file_fail(file, errno, "sync its folder", task);
}

void new_file_finish(struct new_file *file)
{
    if (!file->path)
        return;
    if (file->temporary && !file->linked)
        unlink(file->temporary);
    if (file->fd >= 0)
        close(file->fd);
    free(file->temporary);
    free(file->path);
}
