/* Opening what lies below a folder, and what is said of it.
 *
 * What stands in the folder is data: a key that would lead out of it is refused. No step is taken into a
 * mount of litemount's: no backup is there, and to ask it may be to ask ourselves, or one that is stopped,
 * and to wait for ever. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file_store.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"

#define LINKS_MAX 40 /* the kernel's own limit */

/* Whether a line of mountinfo(5) is of a litemount on that device. */
static bool below_is_litemount_line(const char *line, dev_t device)
{
    unsigned high, low;
    const char *type = strstr(line, " - ");

    return type && strncmp(type + 3, "fuse.litemount ", strlen("fuse.litemount ")) == 0 &&
           sscanf(line, "%*u %*u %u:%u ", &high, &low) == 2 && makedev(high, low) == device;
}

/* Such a device has no driver, and so no major number: nothing is to be read for another disk. Without /proc
 * it is not known, and everything is read. */
static int below_is_litemount(dev_t device, bool *ret_is)
{
    _cleanup_free_ char *line = NULL;
    size_t size = 0;

    *ret_is = false;
    if (major(device) != 0)
        return 0;
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    if (!table)
        return errno == ENOENT ? 0 : -errno;
    while (!*ret_is && getline(&line, &size, table) > 0)
        *ret_is = below_is_litemount_line(line, device);
    return 0;
}

/* The device, which the kernel tells of every file system without asking whoever serves it: nothing else is
 * wanted to be known, and nothing fresh. */
static int below_get_device(int fd, dev_t *ret_device)
{
    struct statx found;

    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &found) < 0)
        return -errno;
    *ret_device = makedev(found.stx_dev_major, found.stx_dev_minor);
    return 0;
}

struct below_way {
    int at; /* O_PATH: as far as it has come */
    dev_t device;
    char *rest; /* the names from there */
    unsigned links;
};

static void below_finish(struct below_way *way)
{
    close_descriptor(&way->at);
    free(way->rest);
}

/* Goes on from `*fd`, which is taken. */
static int below_move(struct below_way *way, int *fd)
{
    close_descriptor(&way->at);
    way->at = steal_fd(fd);
    return way->at < 0 ? -errno : below_get_device(way->at, &way->device);
}

/* Puts what a link holds in its place. */
static int below_follow(struct below_way *way, const char *target, const char *behind)
{
    char *rest;

    if (++way->links > LINKS_MAX)
        return -ELOOP;
    if (asprintf(&rest, "%s/%s", target, behind) < 0)
        return -ENOMEM;
    free(way->rest);
    way->rest = rest;
    if (*target != '/')
        return 0;
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return below_move(way, &root);
}

/* Opens the way's next name, as O_PATH: a link is not followed. */
static int below_look(const struct below_way *way, const char *name, int *ret_fd)
{
    _cleanup_close_ int fd = openat(way->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool litemount = false;
    dev_t device;
    int r = fd < 0 ? -errno : below_get_device(fd, &device);

    if (r == 0 && device != way->device)
        r = below_is_litemount(device, &litemount);
    if (r == 0 && litemount)
        r = -ENOENT;
    if (r == 0)
        *ret_fd = steal_fd(&fd);
    return r;
}

/* Takes the next name's step; `*ret_fd` is no more negative when it was the last. */
static int below_step(struct below_way *way, int flags, int *ret_fd)
{
    const char *begin = way->rest + strspn(way->rest, "/");
    size_t length = strcspn(begin, "/");
    const char *behind = begin + length + strspn(begin + length, "/");
    _cleanup_free_ char *name = length ? strndup(begin, length) : strdup(".");
    _cleanup_close_ int next = -1;
    char target[PATH_MAX];

    int r = name ? below_look(way, name, &next) : -ENOMEM;
    if (r < 0)
        return r;
    ssize_t n = *behind || !(flags & O_NOFOLLOW) ? readlinkat(next, "", target, sizeof target - 1) : -1;
    if (n > 0) {
        target[n] = '\0';
        return below_follow(way, target, behind);
    }
    if (!*behind) {
        *ret_fd = openat(way->at, name, flags | O_NOFOLLOW | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
    }
    memmove(way->rest, behind, strlen(behind) + 1);
    return below_move(way, &next);
}

/* Looks at each name on the way, and at the links, which the kernel would follow through anything. */
static int below_walk(int folder, const char *path, int flags)
{
    _cleanup_(below_finish) struct below_way way = {.at = -1, .rest = strdup(path)};
    int here = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1, r = below_move(&way, &here);

    if (!way.rest)
        return -ENOMEM;
    while (r == 0 && fd < 0)
        r = below_step(&way, flags, &fd);
    return r < 0 ? r : fd;
}

/* The kernel opens what lies on the folder's own file system at one go. Old ones, and filters of system
 * calls, don't know how. */
int file_open_below(int folder, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV};
    long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);

    if (fd >= 0)
        return (int)fd;
    return errno == EXDEV || errno == ENOSYS || errno == EPERM ? below_walk(folder, path, flags) : -errno;
}

/* Whether the key names something below the folder: every part is a real name. */
static bool file_key_stays_inside(const char *key)
{
    while (*key) {
        size_t length = strcspn(key, "/");
        if (length == 0 || (length == 1 && key[0] == '.') || (length == 2 && memcmp(key, "..", 2) == 0))
            return false;
        key += length + (key[length] == '/');
    }
    return true;
}

int file_fail(const struct file_store *file, const char *key, const char *doing, int code, struct task *task)
{
    const char *hint = code == EACCES || code == EPERM
                           ? "; whoever runs this needs to read what Litestream wrote there"
                           : "";
    if (code == EPERM)
        code = EACCES;
    bool told = code == EACCES || code == ENOENT || code == ESTALE || code == ETIMEDOUT || code == ENOMEM;
    return task_fail(task, told ? code : EREMOTEIO, "%s/%s: %s: %s%s", file->folder, key, doing,
                     strerror(code), hint);
}

int file_open_key(const struct file_store *file, const char *key, int flags)
{
    _cleanup_close_ int folder = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    if (!*key)
        return steal_fd(&folder);
    if (!file_key_stays_inside(key))
        return -ENOENT;
    /* Without O_NONBLOCK the open of a named pipe would wait for a writer. */
    return file_open_below(folder, key, flags | O_NONBLOCK | O_NOCTTY);
}

void file_format_version(const struct stat *status, char text[static FILE_VERSION_TEXT_SIZE])
{
    snprintf(text, FILE_VERSION_TEXT_SIZE, "%" PRId64 "-%" PRIu64, instant_of(&status->st_mtim),
             (uint64_t)status->st_size);
}
