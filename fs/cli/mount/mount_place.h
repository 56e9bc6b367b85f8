/* Where the mount may stand: not where a look at a source, or at the cache, would ask the mount itself, and
 * whoever asked would wait for itself for ever. */
#pragma once

struct cache;
struct config;
struct task;

/* 0, or -EINVAL with a reason if the mount point is a folder that backups are read from, lies within one, or
 * has one below it. */
int mount_place_check(const char *mountpoint, const struct config *config, const struct cache *cache,
                      struct task *task);
