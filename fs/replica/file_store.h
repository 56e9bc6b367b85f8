/* The folder store's parts: file.c has its row and reads, file_list.c lists, file_below.c opens for both. */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "store.h"

#define FILE_VERSION_TEXT_SIZE 64

struct file_store {
    struct store store; /* must stay first */
    const char *folder; /* the configuration's text */
};

static inline const struct file_store *file_store(const struct store *store)
{
    return (const struct file_store *)store;
}

/* An object's version: its mtime and size. */
void file_format_version(const struct stat *status, char text[static FILE_VERSION_TEXT_SIZE]);

/* Opens what `key` names below the folder; "" is the folder itself. A descriptor or a negative errno without
 * a reason. */
int file_open_key(const struct file_store *file, const char *key, int flags);

/* As openat, of a path below `folder`, and close-on-exec: a descriptor or a negative errno. Nothing is asked
 * of a mount of litemount's on the way, and what is in one is not there: -ENOENT. */
int file_open_below(int folder, const char *path, int flags);

/* task_fail with a sentence on `key`: `doing` failed with the positive errno `code`. */
int file_fail(const struct file_store *file, const char *key, const char *doing, int code, struct task *task);

/* As a store's list. */
int file_list(struct store *store, const struct list_request *request, struct task *task,
              struct listing *listing);
