/* A file that appears whole or not at all: written under a temporary name beside its place, synced, and
 * renamed. Knows nothing of what is written.
 *
 * The temporary file is NAME.XXXXXX.litemount-new, and locked (flock) by whoever writes it. It is removed
 * unless it is put in its place; only a process that is killed leaves it, and the next one that begins a file
 * of that name removes it then, unless its place is a link to it by then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

/* Owns the temporary file until it is finished with. Plain zeroes: none. */
struct new_file {
    char *path;      /* where it will be */
    char *temporary; /* where it is now; NULL once it is in place */
    int fd;          /* open, as long as there is a path */
    bool linked;     /* its place leads to it already: the temporary file is not to be removed */
};

/* Begins it, mode 0600 without what umask takes, and makes the folders that lead there; `size` bytes are set
 * aside where the file system can. 0, or a negative errno with a reason (-ENOSPC: there is no room for it).
 */
int new_file_begin(const char *path, uint64_t size, struct task *task, struct new_file *ret_file);

/* Appends. 0, or a negative errno with a reason (-ENOSPC: the disk is full). */
int new_file_write(struct new_file *file, const void *bytes, size_t length, struct task *task);

/* Syncs it and puts it in its place; `replace`: over what is there. 0, -EEXIST, or another negative errno
 * with a reason. */
int new_file_place(struct new_file *file, bool replace, struct task *task);

/* Syncs it and puts in its place, over what is there, a link to it under its temporary name: so the place
 * leads to the new file, and files beside it whose names begin with the place's are no longer found from
 * there. new_file_place follows; until then the link stays, come what may, and is synced as well. 0, or a
 * negative errno with a reason. */
int new_file_link(struct new_file *file, struct task *task);

/* Takes over what a process that was killed after new_file_link left: `path` is where the file lies, an
 * absolute one. 1, or 0 if it isn't such a file; -EBUSY with a reason while that process lives, or another
 * negative errno. */
int new_file_resume(const char *path, struct task *task, struct new_file *ret_file);

/* Syncs its folder: what was placed there, and removed, outlives a crash. 0, or a negative errno with a
 * reason.
 */
int new_file_settle(const struct new_file *file, struct task *task);

/* Removes it if it is not in its place. */
void new_file_finish(struct new_file *file);
