/* The folder store: Litestream's `type: file`.
 *
 * A key is a path below the folder. What stands in the folder is data: a key that would lead out of it is
 * refused, and a listing does not descend into folders that are symbolic links, so it ends. A link to a file
 * counts as the file. There are no ETags: an object's version is its mtime and size. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "store.h"

#define DEPTH_MAX 32        /* folders within folders; Litestream needs four, a tree of replicas a few more */
#define READ_MAX (1u << 20) /* bytes between two looks whether the task was cancelled */
#define VERSION_TEXT_SIZE 64

struct file_store {
    struct store store; /* must stay first */
    char *folder;
};

static const struct file_store *file_store(const struct store *store)
{
    return (const struct file_store *)store;
}

static void close_folder(DIR **stream)
{
    if (*stream)
        closedir(*stream);
}

/* --- what a file says of itself --- */

static int64_t modified_time(const struct stat *status)
{
    int64_t instant;
    if (__builtin_mul_overflow((int64_t)status->st_mtim.tv_sec, INSTANT_SECOND, &instant) ||
        __builtin_add_overflow(instant, status->st_mtim.tv_nsec, &instant))
        return status->st_mtim.tv_sec < 0 ? INT64_MIN : INSTANT_MAX;
    return instant;
}

static void format_version(const struct stat *status, char text[static VERSION_TEXT_SIZE])
{
    snprintf(text, VERSION_TEXT_SIZE, "%" PRId64 "-%" PRIu64, modified_time(status),
             (uint64_t)status->st_size);
}

static bool is_version(const struct stat *status, const struct object *object)
{
    char version[VERSION_TEXT_SIZE];
    format_version(status, version);
    return strcmp(version, object->version) == 0;
}

/* --- keys --- */

/* Whether the key names something below the folder: every part is a real name. */
static bool key_stays_inside(const char *key)
{
    while (*key) {
        size_t length = strcspn(key, "/");
        if (length == 0 || (length == 1 && key[0] == '.') || (length == 2 && memcmp(key, "..", 2) == 0))
            return false;
        key += length + (key[length] == '/');
    }
    return true;
}

static int fail(const struct file_store *file, const char *key, const char *doing, int code,
                struct task *task)
{
    const char *hint = code == EACCES || code == EPERM
                           ? "; whoever runs this needs to read what Litestream wrote there"
                           : "";
    if (code == EPERM)
        code = EACCES;
    if (code != EACCES && code != ENOENT && code != ESTALE && code != ENOMEM)
        return task_fail(task, EIO, "%s/%s: %s: %s", file->folder, key, doing, strerror(code));
    return task_fail(task, code, "%s/%s: %s: %s%s", file->folder, key, doing, strerror(code), hint);
}

/* Opens what `key` names below the folder; "" is the folder itself. A descriptor or a negative errno without
 * a reason. */
static int open_key(const struct file_store *file, const char *key, int flags)
{
    _cleanup_close_ int folder = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -errno;
    if (!*key)
        return steal_fd(&folder);
    if (!key_stays_inside(key))
        return -ENOENT;
    /* Without O_NONBLOCK the open of a named pipe would wait for a writer. */
    int fd = openat(folder, key, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

/* --- listing --- */

struct names {
    char **names; /* folders end in '/', so that their order is that of the keys below them */
    size_t n_names, capacity;
};

static void names_finish(struct names *names)
{
    for (size_t i = 0; i < names->n_names; i++)
        free(names->names[i]);
    free(names->names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether `wanted` is the folder itself or one that it lies in: a link there leads round in circles. */
static bool is_above(int folder, const struct stat *wanted)
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
static mode_t entry_type(int folder, const struct dirent *entry, enum list_depth depth)
{
    struct stat status;

    if (entry->d_type == DT_REG)
        return S_IFREG;
    if (entry->d_type == DT_DIR)
        return S_IFDIR;
    if (fstatat(folder, entry->d_name, &status, 0) < 0)
        return 0;
    if (S_ISDIR(status.st_mode)) {
        struct stat link;
        bool linked = fstatat(folder, entry->d_name, &link, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(link.st_mode);
        return linked && (depth == LIST_ALL || is_above(folder, &status)) ? 0 : S_IFDIR;
    }
    return S_ISREG(status.st_mode) ? S_IFREG : 0;
}

static int add_name(struct names *names, const char *name, bool is_folder)
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
static int read_names(int folder, enum list_depth depth, struct names *names)
{
    const struct dirent *entry;
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    _cleanup_(close_folder) DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return -ENOMEM;
    }
    while (errno = 0, (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            !key_is_tellable(entry->d_name))
            continue;
        mode_t type = entry_type(folder, entry, depth);
        if (type && add_name(names, entry->d_name, type == S_IFDIR) < 0)
            return -ENOMEM;
    }
    if (errno)
        return -errno;
    if (names->n_names)
        qsort(names->names, names->n_names, sizeof *names->names, compare_names);
    return 0;
}

struct walk {
    const struct file_store *file;
    const struct list_request *request;
    struct task *task;
    struct listing *listing;
};

static bool walk_is_full(const struct walk *walk)
{
    return walk->request->limit &&
           walk->listing->n_objects + walk->listing->n_folders >= walk->request->limit;
}

/* Whether a key after the asked one can be `key`, or lie below it if it is a folder. */
static bool comes_after(const char *after, const char *key)
{
    size_t length = strlen(key);
    if (!after)
        return true;
    return key[length - 1] == '/' ? strncmp(key, after, length) >= 0 : strcmp(key, after) > 0;
}

/* A file that is deleted while the folder is read was never there. */
static int add_file(struct walk *walk, int folder, const char *name, const char *key)
{
    char version[VERSION_TEXT_SIZE];
    struct stat status;

    if (fstatat(folder, name, &status, 0) < 0)
        return errno == ENOENT ? 0 : fail(walk->file, key, "looking at it", errno, walk->task);
    if (!S_ISREG(status.st_mode))
        return 0;
    format_version(&status, version);
    return listing_add_object(walk->listing, key + walk->request->root_length, version,
                              (uint64_t)status.st_size, modified_time(&status));
}

static int walk_folder(struct walk *walk, int folder, const char *prefix, unsigned depth);

static int walk_below(struct walk *walk, int folder, const char *name, const char *key, unsigned depth)
{
    if (walk->request->depth == LIST_FOLDER)
        return listing_add_folder(walk->listing, key + walk->request->root_length);
    if (depth == DEPTH_MAX)
        return fail(walk->file, key, "listing it", ELOOP, walk->task);
    _cleanup_close_ int below = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (below < 0)
        return errno == ENOENT ? 0 : fail(walk->file, key, "listing it", errno, walk->task);
    return walk_folder(walk, below, key, depth + 1);
}

static int walk_folder(struct walk *walk, int folder, const char *prefix, unsigned depth)
{
    _cleanup_(names_finish) struct names names = {0};
    int r = read_names(folder, walk->request->depth, &names);
    if (r < 0)
        return fail(walk->file, prefix, "listing it", -r, walk->task);

    for (size_t i = 0; i < names.n_names && !walk_is_full(walk); i++) {
        const char *name = names.names[i];
        _cleanup_free_ char *key = NULL;
        if (task_cancelled(walk->task))
            return -ECANCELED;
        if (asprintf(&key, "%s%s", prefix, name) < 0) {
            key = NULL;
            return -ENOMEM;
        }
        if (!comes_after(walk->request->after, key))
            continue;
        r = name[strlen(name) - 1] == '/' ? walk_below(walk, folder, name, key, depth)
                                          : add_file(walk, folder, name, key);
        if (r < 0)
            return r;
    }
    return 0;
}

static int file_list(struct store *store, const struct list_request *request, struct task *task,
                     struct listing *listing)
{
    struct walk walk = {file_store(store), request, task, listing};

    atomic_fetch_add(&store->requests, 1);
    log_debug("file: list %s/%s", walk.file->folder, request->prefix);
    _cleanup_close_ int folder = open_key(walk.file, request->prefix, O_RDONLY | O_DIRECTORY);
    if (folder == -ENOENT || folder == -ENOTDIR)
        return 0;
    if (folder < 0)
        return fail(walk.file, request->prefix, "listing it", -folder, task);
    return walk_folder(&walk, folder, request->prefix, 0);
}

/* --- reading --- */

static int read_range(const struct file_store *file, const char *key, int fd, uint64_t offset, size_t length,
                      uint8_t *bytes, struct task *task)
{
    while (length > 0) {
        if (task_cancelled(task))
            return -ECANCELED;
        ssize_t n = pread(fd, bytes, length < READ_MAX ? length : READ_MAX, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(file, key, "reading it", errno, task);
        if (n == 0)
            return fail(file, key, "it became shorter while it was read", ESTALE, task);
        bytes += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return 0;
}

static int file_read(struct store *store, const char *key, const struct object *object, uint64_t offset,
                     size_t length, void *bytes, struct task *task)
{
    const struct file_store *file = file_store(store);
    struct stat status;

    atomic_fetch_add(&store->requests, 1);
    log_debug("file: read %s/%s, %zu bytes from %" PRIu64, file->folder, key, length, offset);
    _cleanup_close_ int fd = open_key(file, key, O_RDONLY);
    if (fd < 0)
        return fail(file, key, "opening it", -fd, task);
    if (fstat(fd, &status) < 0)
        return fail(file, key, "looking at it", errno, task);
    if (!S_ISREG(status.st_mode) || !is_version(&status, object))
        return fail(file, key, "it is not the file that was listed any more", ESTALE, task);
    int r = read_range(file, key, fd, offset, length, bytes, task);
    if (r < 0)
        return r;
    if (fstat(fd, &status) < 0 || !is_version(&status, object))
        return fail(file, key, "it changed while it was read", ESTALE, task);
    atomic_fetch_add(&store->bytes, length);
    return 0;
}

/* --- the store --- */

static int file_open(const struct replica_config *config, struct task *task, struct store **ret_store)
{
    if (!config->path || config->path[0] != '/')
        return task_fail(task, EINVAL, "a file replica needs an absolute path, not '%s'",
                         config->path ? config->path : "");
    _cleanup_free_ struct file_store *file = calloc(1, sizeof *file);
    if (!file || !(file->folder = strdup(config->path)))
        return -ENOMEM;
    *ret_store = &steal_pointer(file)->store;
    return 0;
}

static void file_close(struct store *store)
{
    struct file_store *file = (struct file_store *)store;
    free(file->folder);
    free(file);
}

static bool file_serves(const struct store *store, const struct replica_config *config)
{
    return config->path && strcmp(file_store(store)->folder, config->path) == 0;
}

static const char *file_root(const struct replica_config *config)
{
    return "";
}

static char *file_url(const struct store *store, const char *root)
{
    char *url;
    size_t length = strlen(root);
    int n = asprintf(&url, "file://%s%s%.*s", file_store(store)->folder, length ? "/" : "",
                     length ? (int)length - 1 : 0, root);
    return n < 0 ? NULL : url;
}

const struct store_ops file_store_ops = {
    .open = file_open,
    .close = file_close,
    .serves = file_serves,
    .root = file_root,
    .url = file_url,
    .list = file_list,
    .read = file_read,
};
