#include "mount_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"

static bool mount_place_is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* Whether `path` is the folder or lies below it, wherever links and bind mounts lead. */
static bool mount_place_is_within(const char *path, const struct stat *folder)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat here, above;

    if (fd < 0 || fstat(fd, &here) < 0)
        return false;
    for (;;) {
        if (mount_place_is_same(&here, folder))
            return true;
        int parent = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0 || fstat(parent, &above) < 0 || mount_place_is_same(&above, &here)) {
            if (parent >= 0)
                close(parent);
            return false;
        }
        close(fd);
        fd = parent;
        here = above;
    }
}

/* Whether the way to `path`, which need not be there yet, leads through the folder. */
static bool mount_place_leads_through(const char *path, const struct stat *folder)
{
    _cleanup_free_ char *part = strdup(path);

    for (char *end = part ? part + strlen(part) : NULL; end && end > part; end = strrchr(part, '/')) {
        *end = '\0';
        if (*part && mount_place_is_within(part, folder))
            return true;
    }
    return false;
}

static int mount_place_check_source(const char *mountpoint, const struct stat *mounted, const char *source,
                                    struct task *task)
{
    struct stat folder;
    bool exists = stat(source, &folder) == 0;

    if (exists && mount_place_is_same(&folder, mounted))
        return task_fail(task, EINVAL,
                         "%s: cannot mount here: backups are read from this folder, and the mount would hide "
                         "them; mount on another one",
                         mountpoint);
    if (exists && mount_place_is_within(mountpoint, &folder))
        return task_fail(task, EINVAL,
                         "%s: cannot mount here: it lies within %s, where backups are looked for; mount on a "
                         "folder elsewhere",
                         mountpoint, source);
    if (mount_place_leads_through(source, mounted))
        return task_fail(task, EINVAL,
                         "%s: cannot mount here: backups are read from %s below it, and the mount would hide "
                         "them; mount on another folder",
                         mountpoint, source);
    return 0;
}

int mount_place_check(const char *mountpoint, const struct config *config, const struct cache *cache,
                      struct task *task)
{
    struct stat mounted, kept;

    if (stat(mountpoint, &mounted) < 0)
        return task_fail(task, errno, "%s: cannot mount here: %s", mountpoint, strerror(errno));
    for (size_t i = 0; i < config->n_databases; i++) {
        const struct database_config *database = &config->databases[i];
        for (size_t j = 0; j < database->n_replicas; j++) {
            const struct replica_config *replica = &database->replicas[j];
            if (replica->type != REPLICA_FILE || replica->problem)
                continue;
            int r = mount_place_check_source(mountpoint, &mounted, replica->path, task);
            if (r < 0)
                return r;
        }
    }
    if (cache_folder(cache) >= 0 && fstat(cache_folder(cache), &kept) == 0 &&
        mount_place_is_within(mountpoint, &kept))
        return task_fail(task, EINVAL,
                         "%s: cannot mount here: it lies within the cache; mount on a folder elsewhere",
                         mountpoint);
    return 0;
}
