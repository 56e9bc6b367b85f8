/* What `.litemount/stats` says of the parts that a mount is made of. */
#pragma once

struct buffer;
struct cache;
struct stores;

/* Where the numbers come from; borrowed. */
struct mount_stats {
    struct stores *stores;
    struct cache *cache;
};

/* Appends the lines (mount_stats.c says which); `context` is a struct mount_stats. 0 or -ENOMEM. */
int mount_stats_write(void *context, struct buffer *text);
