#include "backups.h"

#include <malloc.h>
#include <sys/resource.h>

#include "litemount/cache.h"
#include "litemount/catalog.h"
#include "litemount/config.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "litemount/thread_pool.h"

/* Of each store: one that does not answer stalls no other. */
#define DECODERS 3 /* at once: enough for the bandwidth, and little enough for the memory */
#define BLOCKS 3   /* of snapshots in memory at once: the same */

/* Of one store as many requests are under way as http.c carries at once; ten large ones fill the line. */
static const struct thread_pool_bounds thread_bounds[N_THREAD_KINDS] = {
    [THREADS_ASK] = {.each = 64, .all = 128},
    [THREADS_HELP] = {.each = 63, .all = 128}, /* and the one that they help */
    [THREADS_AHEAD] = {.each = 10, .all = 80, .waiting = 20},
};

/* Many threads that seldom do much: few heaps between them, and large buffers go back at once. */
static void backups_spare_memory(void)
{
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

/* As many open files as are allowed: a cached image is one, a connection another. */
static void backups_allow_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int backups_configure(const struct backups_options *options, struct task *task, struct backups *backups)
{
    const struct config_options config_options = {.no_expand_environment = options->no_expand_environment};

    *backups = (struct backups){0};
    slots_init(&backups->decoders, DECODERS);
    workspaces_init(&backups->blocks, BLOCKS, HISTORY_BLOCK);
    int r = config_load(options->source, &config_options, task, &backups->config);
    return r < 0 || !options->replica ? r : config_keep_replica(backups->config, options->replica, task);
}

int backups_open(const struct backups_options *options, struct task *task, struct backups *backups)
{
    const struct stores_options stores_options = {0};
    struct history_options history_options = {.refresh = options->refresh,
                                              .decoders = &backups->decoders,
                                              .blocks = &backups->blocks,
                                              .tells_of_gaps = options->tells_of_gaps};

    backups_spare_memory();
    backups_allow_files();
    int r = stores_open(&stores_options, task, &backups->stores);
    if (r == 0)
        r = cache_open(options->cache_folder, options->cache_size, task, &backups->cache);
    if (r == 0)
        r = thread_pool_open(thread_bounds, &backups->pool);
    if (r < 0)
        return r;
    history_options.cache = backups->cache;
    history_options.pool = backups->pool;
    task->pool = backups->pool;
    return catalog_open(backups->config, backups->stores, &history_options, task, &backups->catalog);
}

void backups_finish(struct backups *backups)
{
    thread_pool_close(backups->pool);
    catalog_close(backups->catalog);
    slots_finish(&backups->decoders);
    workspaces_finish(&backups->blocks);
    cache_close(backups->cache);
    stores_close(backups->stores);
    config_close(backups->config);
}
