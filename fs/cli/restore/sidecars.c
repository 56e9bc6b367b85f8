#include "sidecars.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
enum { SUFFIXES = sizeof suffixes / sizeof *suffixes };

/* The caller frees it; NULL: no memory. */
static char *sidecar_path(const char *database, const char *suffix)
{
    char *path;
    return asprintf(&path, "%s%s", database, suffix) < 0 ? NULL : path;
}

int sidecars_find(const char *database, char **ret_sidecar)
{
    for (size_t i = 0; i < SUFFIXES; i++) {
        _cleanup_free_ char *sidecar = sidecar_path(database, suffixes[i]);
        struct stat info;
        if (!sidecar)
            return -ENOMEM;
        if (lstat(sidecar, &info) == 0) {
            *ret_sidecar = steal_pointer(sidecar);
            return 1;
        }
    }
    return 0;
}

int sidecars_remove(const char *database, struct task *task)
{
    for (size_t i = 0; i < SUFFIXES; i++) {
        _cleanup_free_ char *sidecar = sidecar_path(database, suffixes[i]);
        if (!sidecar)
            return -ENOMEM;
        if (unlink(sidecar) < 0 && errno != ENOENT)
            return task_fail(task, errno,
                             "%s: does not belong to the database that was restored; remove it: %m", sidecar);
    }
    return 0;
}
