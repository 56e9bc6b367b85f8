/* A file that appears whole or not at all: written under a temporary name beside its place, synced, and
 * renamed. Knows nothing of what is written.
 *
 * The temporary file is NAME.XXXXXX.litemount-new, and locked (flock) by whoever writes it. It is removed
 * unless it is put in its place; only a process that is killed leaves it, and the next one that begins a file
 * of that name removes it then. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

/* Owns the temporary file until it is finished with. Plain zeroes: none. */
struct new_file {
    char *path;      /* where it will be */
    char *temporary; /* where it is now; NULL once it is in place */
    int fd;          /* open for writing, as long as there is a path */
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

/* Syncs its folder: what was placed there, and removed, outlives a crash. 0, or a negative errno with a
 * reason.
 */
int new_file_settle(const struct new_file *file, struct task *task);

/* Removes it if it is not in its place. */
void new_file_finish(struct new_file *file);
