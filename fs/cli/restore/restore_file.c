#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integrity/integrity.h"
#include "litemount/cleanup.h"
#include "litemount/history.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "new_file.h"
#include "output/progress.h"
#include "restore.h"
#include "rights.h"
#include "sidecars.h"

#define PIECE (1 << 20) /* bytes read at once */

static int restore_check_file(const char *path, const struct stat *info, bool force, struct task *task)
{
    if (S_ISDIR(info->st_mode))
        return task_fail(task, EISDIR, "%s: is a folder; -o must name the file to write", path);
    if (!S_ISREG(info->st_mode))
        return task_fail(task, EEXIST,
                         "%s: is not a regular file; -o must name one, or a place where nothing is yet",
                         path);
    if (info->st_size > 0 && !force)
        return task_fail(task, EEXIST, "%s: already exists; -force replaces it, -o FILE leaves it alone",
                         path);
    return 0;
}

static int restore_check_sidecars(const char *path, struct task *task)
{
    _cleanup_free_ char *sidecar = NULL;
    int r = sidecars_find(path, &sidecar);

    return r <= 0 ? r
                  : task_fail(task, EEXIST,
                              "%s: exists, so the database is in use or was not closed; -force removes it",
                              sidecar);
}

/* `*ret_info` is what stands at the path; all zeroes: nothing does. Of a link the sidecars lie beside the
 * file that it leads to. */
static int restore_look_at_place(const char *path, bool force, struct task *task, struct stat *ret_info)
{
    _cleanup_free_ char *real = realpath(path, NULL);
    int r = 0;

    *ret_info = (struct stat){0};
    if (stat(path, ret_info) == 0)
        r = restore_check_file(path, ret_info, force, task);
    else if (errno != ENOENT)
        r = task_fail(task, errno, "%s: cannot restore to it: %m", path);
    else if (lstat(path, ret_info) == 0)
        r = task_fail(task, ENOENT, "%s: is a link that leads to no file; remove it, or name where it leads",
                      path);
    return r < 0 || force ? r : restore_check_sidecars(real ? real : path, task);
}

int restore_check_place(const char *path, const struct restore_options *options, struct task *task)
{
    struct stat info;
    return restore_look_at_place(path, options->force, task, &info);
}

static int restore_copy(struct state *state, struct new_file *file, struct progress *progress,
                        struct task *task)
{
    _cleanup_free_ void *piece = malloc(PIECE);
    uint64_t size = state_size(state);
    int r = piece ? 0 : -ENOMEM;

    for (uint64_t offset = 0; offset < size && r == 0;) {
        size_t length = size - offset < PIECE ? (size_t)(size - offset) : PIECE;
        int64_t n = task_cancelled(task) ? -ECANCELED : state_read(state, offset, length, piece, task);
        if (n <= 0)
            return n < 0
                       ? (int)n
                       : task_fail(task, EIO, "the backup ends early, after %" PRIu64 " of %" PRIu64 " bytes",
                                   offset, size);
        r = new_file_write(file, piece, (size_t)n, task);
        progress_add(progress, (uint64_t)n);
        offset += (uint64_t)n;
    }
    return r;
}

static int restore_check_integrity(const struct new_file *file, enum restore_check wanted, struct task *task)
{
    enum integrity_check check = wanted == RESTORE_CHECK_FULL ? INTEGRITY_FULL : INTEGRITY_QUICK;
    _cleanup_(integrity_finish) struct integrity found = {0};

    if (wanted == RESTORE_CHECK_NONE)
        return 0;
    int r = integrity_check_file(file->temporary, check, task, &found);
    if (r == 0 && found.unchecked)
        log_warning("%s: %s", file->path, found.unchecked);
    return r < 0 || !found.wrong
               ? r
               : task_fail(task, EILSEQ, "the %s integrity check fails, so nothing was put in place: %s",
                           restore_checks[wanted], found.wrong);
}

/* What the format's own program gives a file that is new: v0.3.13 os.OpenFile(..., 0600), v0.5 os.Create. */
static mode_t restore_own_mode(const struct state *state)
{
    return strcmp(state_generation(state), LTX_GENERATION) == 0 ? 0666 : 0600;
}

/* Of a file that its place is a link to: removes the sidecars of the old one, and puts the file there. */
static int restore_place_linked(struct new_file *file, struct task *task)
{
    int r = sidecars_remove(file->path, task);
    if (r == 0)
        r = new_file_settle(file, task);
    if (r == 0)
        r = new_file_place(file, true, task);
    return r < 0 ? r : new_file_settle(file, task);
}

/* Puts the file in its place. A database and its WAL are two files, and no call replaces both: in between
 * there would be the old database without its WAL, or the new one with the WAL of the old one, which SQLite
 * would copy into it. But SQLite looks for a WAL beside the file that a link leads to. So where there are
 * sidecars the old file is replaced by a link to the new one, which leaves them to nobody, and the new one is
 * put in its place after they are gone. */
static int restore_place(struct new_file *file, const struct stat *old, bool force, struct task *task)
{
    _cleanup_free_ char *sidecar = NULL;
    int r = force ? sidecars_find(file->path, &sidecar) : restore_check_sidecars(file->path, task);

    if (r > 0) {
        r = new_file_link(file, task);
        return r < 0 ? r : restore_place_linked(file, task);
    }
    if (r == 0)
        r = new_file_place(file, old->st_mode != 0, task);
    return r < 0 ? r : new_file_settle(file, task);
}

/* Ends what a restore that was killed had begun, if `path` is a link that one left. A database with sidecars
 * may be in use: it stays where it is. */
static int restore_end_other(const char *path, struct task *task)
{
    _cleanup_(new_file_finish) struct new_file file = {0};
    _cleanup_free_ char *real = realpath(path, NULL), *sidecar = NULL;
    int r = real ? new_file_resume(real, task, &file) : 0;

    if (r <= 0)
        return r;
    r = sidecars_find(real, &sidecar);
    return r == 0 ? restore_place_linked(&file, task) : r < 0 ? r : 0;
}

int restore_write(struct state *state, const char *name, const char *path,
                  const struct restore_options *options, struct task *task)
{
    _cleanup_(new_file_finish) struct new_file file = {0};
    struct progress progress;
    struct stat old;
    int r = options->force ? restore_end_other(path, task) : 0;
    _cleanup_free_ char *real = realpath(path, NULL); /* a link stays, and leads to the new file */

    if (r == 0)
        r = restore_look_at_place(path, options->force, task, &old);
    if (r == 0)
        r = new_file_begin(real ? real : path, state_size(state), task, &file);
    if (r < 0)
        return r;
    progress_begin(&progress, name, state_size(state));
    r = restore_copy(state, &file, &progress, task);
    if (r == 0)
        r = state_check(state, task);
    progress_end(&progress);
    if (r == 0)
        r = restore_check_integrity(&file, options->integrity_check, task);
    if (r == 0)
        r = rights_give(&options->rights, &old, restore_own_mode(state), &file, task);
    return r < 0 ? r : restore_place(&file, &old, options->force, task);
}
