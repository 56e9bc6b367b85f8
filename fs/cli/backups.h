/* What every verb stands on: the configuration, the stores, the cache, and the databases' histories. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "litemount/slots.h"
#include "litemount/workspaces.h"

struct task;

struct backups_options {
    const char *source;  /* a litestream.yml, a URL or a folder */
    const char *replica; /* only replicas of that name, or of that type without one; NULL: all */
    bool no_expand_environment;
    int64_t refresh;          /* nanoseconds that a listing counts as current */
    const char *cache_folder; /* NULL: the default */
    uint64_t cache_size;      /* bytes */
    bool tells_of_gaps;       /* see struct history_options */
};

/* In the order in which they are made. */
struct backups {
    struct config *config;
    struct stores *stores;
    struct cache *cache;
    struct slots decoders;
    struct workspaces blocks;
    struct thread_pool *pool;
    struct catalog *catalog;
};

/* Reads the configuration, for which it may wait (a pipe, a network's file system). Comes first, and either
 * way the caller finishes it. 0, or a negative errno with a reason. */
int backups_configure(const struct backups_options *options, struct task *task, struct backups *backups);

/* Starts threads: call it after the last fork, with the signals blocked that are somebody's to wait for.
 * Returns 0, or a negative errno with a reason. */
int backups_open(const struct backups_options *options, struct task *task, struct backups *backups);
void backups_finish(struct backups *backups);
