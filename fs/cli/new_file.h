/* A file that appears whole or not at all: written under a temporary name beside its place, synced, and
 * renamed. Knows nothing of what is written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct task;

/* Owns the temporary file until it is finished with. */
struct new_file {
    char *path;      /* where it will be */
    char *temporary; /* where it is now; NULL once it is in place */
    int fd;
};

/* Begins it, mode 0600 without what umask takes. 0, or a negative errno with a reason. */
int new_file_begin(const char *path, struct task *task, struct new_file *ret_file);

/* Appends. 0, or a negative errno with a reason (-ENOSPC: the disk is full). */
int new_file_write(struct new_file *file, const void *bytes, size_t length, struct task *task);

/* Syncs it and puts it in its place; `replace`: over what is there. 0, -EEXIST, or another negative errno
 * with a reason. */
int new_file_place(struct new_file *file, bool replace, struct task *task);

/* Removes it if it is not in its place. */
void new_file_finish(struct new_file *file);
