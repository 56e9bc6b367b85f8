#include "evict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "inventory.h"

#include "litemount/cleanup.h"
#include "litemount/clock.h"

#define _cleanup_inventory_ _cleanup_(inventory_finish)

#define BATCH 16 /* a 16th of the room is freed at once, so that not every write has to look for more */

/* How long, after nothing could be removed, nobody looks again. */
#define PAUSE_NANOSECONDS INT64_C(2000000000)

static int evict_by_use(const void *a, const void *b)
{
    const struct stored_file *left = a, *right = b;
    return (left->used > right->used) - (left->used < right->used);
}

/* Whoever writes to an image holds a shared lock on it. With ours held its size stands still, and after we
 * let go whoever comes sees that it is removed. Only unlinked, never truncated: others may be reading. */
static bool evict_remove_unused(struct cache *cache, const char *name)
{
    _cleanup_close_ int fd = folder_open_file(cache->folder, name, O_RDWR);
    struct stat info;

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &info) < 0 || info.st_nlink == 0 ||
        unlinkat(cache->folder, name, 0) < 0)
        return false;
    usage_removed(&cache->usage, (uint64_t)info.st_blocks * 512);
    return true;
}

static bool evict_has_room(struct usage *usage, uint64_t bytes, uint64_t room)
{
    return bytes <= room && usage_bytes(usage) <= room - bytes;
}

/* Counts what is there and, if that is too much, removes the least recently used. */
static bool evict_clear_room(struct cache *cache, const char *keep, uint64_t bytes)
{
    struct usage *usage = &cache->usage;
    _cleanup_inventory_ struct inventory inventory = {0};
    uint64_t before;

    if (!usage_before_inventory(usage, &before) || inventory_take(cache->folder, &inventory) < 0)
        return false;
    usage_correct(usage, before, inventory.bytes);
    if (evict_has_room(usage, bytes, usage->room))
        return true;
    if (inventory.n_files)
        qsort(inventory.files, inventory.n_files, sizeof *inventory.files, evict_by_use);
    for (size_t i = 0; i < inventory.n_files; i++) {
        if (evict_has_room(usage, bytes, usage->room - usage->room / BATCH))
            break;
        if (strcmp(inventory.files[i].name, keep) != 0)
            evict_remove_unused(cache, inventory.files[i].name);
    }
    image_sweep(cache);
    return evict_has_room(usage, bytes, usage->room);
}

static void evict_make_room(struct cache *cache, const char *keep, uint64_t bytes)
{
    if (bytes > cache->usage.room || clock_now() < atomic_load(&cache->no_room_until) ||
        !usage_clear_begin(&cache->usage))
        return;
    if (!evict_clear_room(cache, keep, bytes))
        atomic_store(&cache->no_room_until, clock_now() + PAUSE_NANOSECONDS);
    usage_clear_end(&cache->usage);
}

int evict_reserve(struct cache *cache, const char *keep, uint64_t bytes)
{
    if (usage_reserve(&cache->usage, bytes) == 0)
        return 0;
    evict_make_room(cache, keep, bytes);
    return usage_reserve(&cache->usage, bytes);
}

void evict_file(struct cache *cache, const char *name)
{
    /* If somebody writes to it just now, its size is counted until the next look at what is there. */
    if (!evict_remove_unused(cache, name))
        (void)unlinkat(cache->folder, name, 0);
}
