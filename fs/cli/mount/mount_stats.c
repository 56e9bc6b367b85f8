/* The lines, `name value` each, in this order; counted since the mount:
 *
 *     requests retries bytes                   of all stores together: sent, sent again, bytes of bodies
 *     cache-hits cache-misses                  pieces that were there, or had to be made
 *     cache-bytes cache-limit                  occupied on disk by all who share the cache, and the most
 *     store.N.url                              each store, N from 1 in the order of first use: without
 * secrets store.N.requests store.N.retries store.N.bytes
 */
#include "mount_stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"

static int mount_stats_add_number(struct buffer *text, const char *name, uint64_t value)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s %" PRIu64 "\n", name, value);
    return buffer_append(text, line, (size_t)length);
}

static int mount_stats_add_counts(struct buffer *text, const char *prefix, const struct replica_stats *counts)
{
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {{"requests", counts->requests}, {"retries", counts->retries}, {"bytes", counts->bytes}};
    char name[48];
    int r = 0;

    for (size_t i = 0; i < sizeof lines / sizeof *lines && r == 0; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, lines[i].name);
        r = mount_stats_add_number(text, name, lines[i].value);
    }
    return r;
}

static int mount_stats_add_store(struct buffer *text, size_t number, const struct store_stats *store)
{
    _cleanup_free_ char *line = NULL;
    char prefix[32];

    snprintf(prefix, sizeof prefix, "store.%zu.", number);
    if (asprintf(&line, "%surl %s\n", prefix, store->url) < 0) {
        line = NULL;
        return -ENOMEM;
    }
    int r = buffer_append(text, line, strlen(line));
    return r < 0 ? r : mount_stats_add_counts(text, prefix, &store->counts);
}

static int mount_stats_add_cache(struct buffer *text, struct cache *cache)
{
    struct cache_stats stats;
    cache_get_stats(cache, &stats);
    int r = mount_stats_add_number(text, "cache-hits", stats.hits);
    if (r == 0)
        r = mount_stats_add_number(text, "cache-misses", stats.misses);
    if (r == 0)
        r = mount_stats_add_number(text, "cache-bytes", stats.bytes);
    return r < 0 ? r : mount_stats_add_number(text, "cache-limit", stats.limit);
}

int mount_stats_write(void *context, struct buffer *text)
{
    const struct mount_stats *source = context;
    _cleanup_(stores_stats_finish) struct stores_stats stores = {0};
    struct replica_stats sum = {0};
    int r = stores_get_stats(source->stores, &stores);

    for (size_t i = 0; i < stores.n; i++) {
        sum.requests += stores.items[i].counts.requests;
        sum.retries += stores.items[i].counts.retries;
        sum.bytes += stores.items[i].counts.bytes;
    }
    if (r == 0)
        r = mount_stats_add_counts(text, "", &sum);
    if (r == 0)
        r = mount_stats_add_cache(text, source->cache);
    for (size_t i = 0; i < stores.n && r == 0; i++)
        r = mount_stats_add_store(text, i + 1, &stores.items[i]);
    return r;
}
