/* The folder store: Litestream's `type: file`.
 *
 * A key is a path below the folder. There are no ETags: an object's version is its mtime and size. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_store.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "request_log.h"

#define READ_MAX (1u << 20) /* bytes between two looks whether the task was cancelled */

static bool file_is_version(const struct stat *status, const struct object *object)
{
    char version[FILE_VERSION_TEXT_SIZE];
    file_format_version(status, version);
    return strcmp(version, object->version) == 0;
}

static int file_read_range(const struct file_store *file, const char *key, int fd, uint64_t offset,
                           size_t length, uint8_t *bytes, struct task *task)
{
    while (length > 0) {
        if (task_cancelled(task))
            return -ECANCELED;
        ssize_t n = pread(fd, bytes, length < READ_MAX ? length : READ_MAX, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_fail(file, key, "reading it", errno, task);
        if (n == 0)
            return file_fail(file, key, "it became shorter while it was read", ESTALE, task);
        bytes += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return 0;
}

static int file_read_object(const struct file_store *file, const struct read_request *request,
                            struct task *task)
{
    const char *key = request->key;
    struct stat status;

    _cleanup_close_ int fd = file_open_key(file, key, O_RDONLY);
    if (fd < 0)
        return file_fail(file, key, "opening it", -fd, task);
    if (fstat(fd, &status) < 0)
        return file_fail(file, key, "looking at it", errno, task);
    if (!S_ISREG(status.st_mode) || !file_is_version(&status, request->object))
        return file_fail(file, key, "it is not the file that was listed any more", ESTALE, task);
    int r = file_read_range(file, key, fd, request->offset, request->length, request->bytes, task);
    if (r < 0)
        return r;
    if (fstat(fd, &status) < 0 || !file_is_version(&status, request->object))
        return file_fail(file, key, "it changed while it was read", ESTALE, task);
    return 0;
}

/* A file has no metadata. */
static int file_store_read(struct store *store, const struct read_request *request, struct task *task,
                           char **ret_value)
{
    const struct file_store *file = file_store(store);
    struct request_log log = {"read", file->folder, request->key, "", clock_now(), 0};
    char range[64];

    atomic_fetch_add(&store->requests, 1);
    int r = file_read_object(file, request, task);
    if (r == 0) {
        atomic_fetch_add(&store->bytes, request->length);
        log.bytes = request->length;
    }
    snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, request->offset,
             request->offset + request->length - 1);
    log.range = range;
    request_log_write(&log, r < 0 ? strerror(-r) : "done", task);
    return r;
}

static int file_store_open(const struct replica_config *config, struct task *task, struct store **ret_store)
{
    if (!config->path || config->path[0] != '/')
        return task_fail(task, EINVAL, "a file replica needs an absolute path, not '%s'",
                         config->path ? config->path : "");
    struct file_store *file = calloc(1, sizeof *file);
    if (!file)
        return -ENOMEM;
    file->folder = config->path;
    *ret_store = &file->store;
    return 0;
}

static void file_store_close(struct store *store)
{
    free(store);
}

static const char *file_store_root(const struct replica_config *config)
{
    return "";
}

static char *file_store_url(const struct store *store, const char *root)
{
    char *url;
    size_t length = strlen(root);
    int n = asprintf(&url, "file://%s%s%.*s", file_store(store)->folder, length ? "/" : "",
                     length ? (int)length - 1 : 0, root);
    return n < 0 ? NULL : url;
}

static char *file_store_above(const struct store *store)
{
    const char *folder = file_store(store)->folder, *slash = strrchr(folder, '/');
    return slash && slash[1] ? strndup(folder, slash > folder ? (size_t)(slash - folder) : 1) : NULL;
}

const struct store_ops file_store_ops = {
    .type = REPLICA_FILE,
    .open = file_store_open,
    .close = file_store_close,
    .root = file_store_root,
    .url = file_store_url,
    .above = file_store_above,
    .list = file_list,
    .read = file_store_read,
};
