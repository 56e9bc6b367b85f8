#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "image.h"

#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"

#define PATIENCE (INT64_C(15) * 1000000000) /* nanoseconds: half of what a store has to answer at all */

/* That the user's own folder can't be had (a container without a home) is no failure. */
static int cache_open_folder(const char *path, struct task *task, int *ret_folder)
{
    int r = folder_open(path, task, ret_folder);
    if (r == 0 || r == -ENOMEM || path)
        return r;
    log_warning("%s; reading without a cache", task_reason(task, r));
    task_forgive(task);
    *ret_folder = -1;
    return 0;
}

/* A share of the files that the process may have open: stores need the others. */
static size_t cache_most_files(void)
{
    struct rlimit limit;
    bool is_low = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < IMAGE_OPEN_FILES;
    return is_low ? (size_t)limit.rlim_cur / 4 : IMAGE_OPEN_FILES;
}

int cache_open(const char *folder, uint64_t limit, struct task *task, struct cache **ret_cache)
{
    _cleanup_free_ struct cache *cache = calloc(1, sizeof *cache);
    int r;

    if (!cache)
        return -ENOMEM;
    cache->limit = limit;
    cache->patience = PATIENCE;
    cache->most_files = cache_most_files();
    r = cache_open_folder(folder, task, &cache->folder);
    if (r < 0)
        return r;
    r = usage_open(&cache->usage, cache->folder, limit, task);
    if (r < 0) {
        if (cache->folder >= 0)
            close(cache->folder);
        return r;
    }
    atomic_init(&cache->hits, 0);
    atomic_init(&cache->misses, 0);
    atomic_init(&cache->reads_through, false);
    atomic_init(&cache->temporaries, 0);
    atomic_init(&cache->no_room_until, INT64_MIN);
    atomic_init(&cache->swept, 0);
    recent_init(&cache->recent);
    pthread_mutex_init(&cache->lock, NULL);
    TAILQ_INIT(&cache->order);
    *ret_cache = steal_pointer(cache);
    return 0;
}

int cache_folder(const struct cache *cache)
{
    return cache->folder;
}

void cache_close(struct cache *cache)
{
    if (!cache)
        return;
    image_finish_all(cache);
    recent_finish(&cache->recent);
    usage_finish(&cache->usage);
    if (cache->folder >= 0)
        close(cache->folder);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

void cache_get_stats(struct cache *cache, struct cache_stats *ret_stats)
{
    *ret_stats = (struct cache_stats){
        .hits = atomic_load(&cache->hits),
        .misses = atomic_load(&cache->misses),
        .bytes = usage_bytes(&cache->usage),
        .limit = cache->limit,
    };
}
