#include "inventory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"

static void inventory_close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

#define _cleanup_closedir_ _cleanup_(inventory_close_folder)

void inventory_finish(struct inventory *inventory)
{
    free(inventory->files);
    *inventory = (struct inventory){0};
}

static int inventory_open_folder(int parent, const char *name, DIR **ret_folder)
{
    _cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_folder = fdopendir(fd);
    if (!*ret_folder)
        return -errno;
    (void)steal_fd(&fd);
    return 0;
}

static uint64_t inventory_occupied(const struct stat *info)
{
    return (uint64_t)info->st_blocks * 512;
}

/* Adds a file, or nothing if it is gone already. A name too long to be ours counts, but can't be removed. */
static int inventory_add_file(struct inventory *inventory, DIR *folder, const char *parent, const char *leaf)
{
    struct stored_file file;
    struct stat info;

    if (fstatat(dirfd(folder), leaf, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    inventory->bytes += inventory_occupied(&info);
    if (snprintf(file.name, sizeof file.name, "%s/%s", parent, leaf) >= (int)sizeof file.name ||
        !S_ISREG(info.st_mode))
        return 0;
    file.used = instant_of(&info.st_mtim);
    file.bytes = inventory_occupied(&info);
    int r = ARRAY_GROW(inventory->files, inventory->files_capacity, inventory->n_files + 1);
    if (r < 0)
        return r;
    inventory->files[inventory->n_files++] = file;
    return 0;
}

static int inventory_add_folder(struct inventory *inventory, int parent, const char *name)
{
    _cleanup_closedir_ DIR *folder = NULL;
    struct dirent *entry;
    int r = inventory_open_folder(parent, name, &folder);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    while ((errno = 0, entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        r = inventory_add_file(inventory, folder, name, entry->d_name);
        if (r < 0)
            return r;
    }
    return -errno;
}

int inventory_take(int folder, struct inventory *inventory)
{
    _cleanup_closedir_ DIR *top = NULL;
    struct dirent *entry;
    struct stat info;
    int r = inventory_open_folder(folder, ".", &top);

    if (r < 0)
        return r;
    while ((errno = 0, entry = readdir(top))) {
        if (strcmp(entry->d_name, "..") == 0 ||
            fstatat(dirfd(top), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        inventory->bytes += inventory_occupied(&info);
        if (S_ISDIR(info.st_mode) && entry->d_name[0] != '.') {
            r = inventory_add_folder(inventory, dirfd(top), entry->d_name);
            if (r < 0)
                return r;
        }
    }
    return -errno;
}
