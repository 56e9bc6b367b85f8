/* Listing a folder store.
 *
 * A listing does not descend into folders that are symbolic links, so it ends. A link to a file counts as the
 * file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "file_store.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "request_log.h"

#define TRIES 3      /* of a folder that is being written to */
#define DEPTH_MAX 32 /* folders within folders; Litestream needs four, a tree of replicas a few more */

static void list_close_folder(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

struct file_names {
    char **names; /* folders end in '/', so that their order is that of the keys below them */
    size_t n_names, capacity;
};

static void file_names_finish(struct file_names *names)
{
    for (size_t i = 0; i < names->n_names; i++)
        free(names->names[i]);
    free(names->names);
}

static int file_compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether `wanted` is the folder itself or one that it lies in: a link there leads round in circles. */
static bool list_is_above(int folder, const struct stat *wanted)
{
    _cleanup_close_ int fd = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat here, above;

    for (;;) {
        if (fd < 0 || fstat(fd, &here) < 0)
            return false;
        if (here.st_dev == wanted->st_dev && here.st_ino == wanted->st_ino)
            return true;
        int parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = parent;
        if (fd < 0 || fstat(fd, &above) < 0 || (above.st_dev == here.st_dev && above.st_ino == here.st_ino))
            return false;
    }
}

/* What an entry counts as: S_IFREG, S_IFDIR, or 0 for what no backup holds. */
static mode_t list_entry_type(int folder, const struct dirent *entry, enum list_depth depth)
{
    struct stat status;

    if (entry->d_type == DT_REG)
        return S_IFREG;
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    _cleanup_close_ int fd = file_open_below(folder, entry->d_name, O_PATH);
    if (fd < 0 || fstat(fd, &status) < 0)
        return 0;
    if (S_ISDIR(status.st_mode)) {
        struct stat link;
        bool linked = fstatat(folder, entry->d_name, &link, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(link.st_mode);
        return linked && (depth == LIST_ALL || list_is_above(folder, &status)) ? 0 : S_IFDIR;
    }
    return S_ISREG(status.st_mode) ? S_IFREG : 0;
}

static int list_add_name(struct file_names *names, const char *name, bool is_folder)
{
    _cleanup_free_ char *copy = NULL;
    if (asprintf(&copy, "%s%s", name, is_folder ? "/" : "") < 0) {
        copy = NULL;
        return -ENOMEM;
    }
    if (ARRAY_GROW(names->names, names->capacity, names->n_names + 1) < 0)
        return -ENOMEM;
    names->names[names->n_names++] = steal_pointer(copy);
    return 0;
}

/* Reads the folder's names in the order of keys. Leaves `folder` open. */
static int list_read_names(int folder, enum list_depth depth, struct file_names *names)
{
    const struct dirent *entry;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    _cleanup_(list_close_folder) DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return -ENOMEM;
    }
    while (errno = 0, (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            !key_is_printable(entry->d_name))
            continue;
        mode_t type = list_entry_type(folder, entry, depth);
        if (type && list_add_name(names, entry->d_name, type == S_IFDIR) < 0)
            return -ENOMEM;
    }
    if (errno)
        return -errno;
    if (names->n_names)
        qsort(names->names, names->n_names, sizeof *names->names, file_compare_names);
    return 0;
}

/* The clock by which a file system dates what happens: it ticks every few milliseconds. */
static struct timespec list_folder_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now;
}

static bool list_is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* Whether it was changed between the listing's beginning and now. What a clock ahead of ours has dated (an
 * NFS server's, or this machine's before it was set) may be as old as anything. */
static bool list_came_meanwhile(struct timespec changed, struct timespec began)
{
    struct timespec now; /* not by the clock that ticks: some file systems date finer */
    clock_gettime(CLOCK_REALTIME, &now);
    return !list_is_before(changed, began) && !list_is_before(now, changed);
}

struct walk {
    const struct file_store *file;
    const struct list_request *request;
    struct task *task;
    struct listing *listing;
    struct timespec began;
    bool left_out; /* a file that came after that */
};

static bool file_walk_is_full(const struct walk *walk)
{
    return walk->request->limit &&
           walk->listing->n_objects + walk->listing->n_folders >= walk->request->limit;
}

/* Whether a key after the asked one can be `key`, or lie below it if it is a folder. */
static bool file_walk_comes_after(const char *after, const char *key)
{
    size_t length = strlen(key);
    if (!after)
        return true;
    return key[length - 1] == '/' ? strncmp(key, after, length) >= 0 : strcmp(key, after) > 0;
}

/* A file that is deleted while the folder is read was never there. One that came meanwhile is left for the
 * next listing: reading a folder may show a file and not one that came before it, and the history would have
 * a hole that it has not. */
static int file_walk_add(struct walk *walk, int folder, const char *name, const char *key)
{
    char version[FILE_VERSION_TEXT_SIZE];
    struct stat status;

    if (fstatat(folder, name, &status, 0) < 0)
        return errno == ENOENT ? 0 : file_fail(walk->file, key, "looking at it", errno, walk->task);
    if (!S_ISREG(status.st_mode))
        return 0;
    if (list_came_meanwhile(status.st_ctim, walk->began)) {
        walk->left_out = true;
        return 0;
    }
    file_format_version(&status, version);
    const struct object object = {.key = (char *)key + walk->request->root_length,
                                  .version = version,
                                  .size = (uint64_t)status.st_size,
                                  .modified = instant_of(&status.st_mtim)};
    return listing_add_object(walk->listing, &object);
}

static int file_walk_folder(struct walk *walk, int folder, const char *prefix, unsigned depth);

static int file_walk_below(struct walk *walk, int folder, const char *name, const char *key, unsigned depth)
{
    if (walk->request->depth == LIST_FOLDER)
        return listing_add_folder(walk->listing, key + walk->request->root_length);
    if (depth == DEPTH_MAX)
        return file_fail(walk->file, key, "listing it", ELOOP, walk->task);
    _cleanup_close_ int below = file_open_below(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (below < 0)
        return below == -ENOENT ? 0 : file_fail(walk->file, key, "listing it", -below, walk->task);
    return file_walk_folder(walk, below, key, depth + 1);
}

static int file_walk_folder(struct walk *walk, int folder, const char *prefix, unsigned depth)
{
    _cleanup_(file_names_finish) struct file_names names = {0};
    int r = list_read_names(folder, walk->request->depth, &names);
    if (r < 0)
        return file_fail(walk->file, prefix, "listing it", -r, walk->task);

    for (size_t i = 0; i < names.n_names && !file_walk_is_full(walk); i++) {
        const char *name = names.names[i];
        _cleanup_free_ char *key = NULL;
        if (task_cancelled(walk->task))
            return -ECANCELED;
        if (asprintf(&key, "%s%s", prefix, name) < 0) {
            key = NULL;
            return -ENOMEM;
        }
        if (!file_walk_comes_after(walk->request->after, key))
            continue;
        r = name[strlen(name) - 1] == '/' ? file_walk_below(walk, folder, name, key, depth)
                                          : file_walk_add(walk, folder, name, key);
        if (r == 0)
            r = listing_check(walk->listing, walk->file->folder, walk->task);
        if (r < 0)
            return r;
    }
    return 0;
}

static int file_walk_once(struct walk *walk)
{
    const char *prefix = walk->request->prefix;
    _cleanup_close_ int folder = file_open_key(walk->file, prefix, O_RDONLY | O_DIRECTORY);
    if (folder == -ENOENT || folder == -ENOTDIR)
        return 0;
    if (folder < 0)
        return file_fail(walk->file, prefix, "listing it", -folder, walk->task);
    return file_walk_folder(walk, folder, prefix, 0);
}

/* Of a folder that was written to just now all is seen a moment later; of one that is written to all the time
 * what was there when the listing began. */
int file_list(struct store *store, const struct list_request *request, struct task *task,
              struct listing *listing)
{
    const struct request_log log = {"list", file_store(store)->folder, request->prefix, "", clock_now(), 0};
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    int r = 0;

    atomic_fetch_add(&store->requests, 1);
    for (int tries = 0; tries < TRIES; tries++) {
        struct walk walk = {file_store(store), request, task, listing, list_folder_clock(), false};
        if (tries) {
            listing_finish(listing);
            *listing = (struct listing){0};
        }
        r = file_walk_once(&walk);
        if (r < 0 || !walk.left_out || tries + 1 == TRIES)
            break;
        nanosleep(&moment, NULL);
    }
    request_log_write(&log, r < 0 ? strerror(-r) : "done", task);
    return r;
}
