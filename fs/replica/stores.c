#include "stores.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "http.h"
#include "litemount/cleanup.h"
#include "store.h"

#define ATTEMPTS_DEFAULT 5
#define DEADLINE_SECONDS_DEFAULT 30

struct stores {
    struct http *http;
    unsigned attempts;
    pthread_mutex_t lock; /* guards the list and every store's `references` */
    struct store *first;
};

int stores_open(const struct stores_options *options, struct task *task, struct stores **ret_stores)
{
    unsigned deadline =
        options && options->deadline_seconds ? options->deadline_seconds : DEADLINE_SECONDS_DEFAULT;
    _cleanup_free_ struct stores *stores = calloc(1, sizeof *stores);
    if (!stores)
        return -ENOMEM;
    stores->attempts = options && options->attempts ? options->attempts : ATTEMPTS_DEFAULT;
    int r = http_open(deadline, task, &stores->http);
    if (r < 0)
        return r;
    pthread_mutex_init(&stores->lock, NULL);
    *ret_stores = steal_pointer(stores);
    return 0;
}

void stores_close(struct stores *stores)
{
    if (!stores)
        return;
    http_close(stores->http);
    pthread_mutex_destroy(&stores->lock);
    free(stores);
}

/* Adds the store that `config` names. */
static int stores_add_locked(struct stores *stores, const struct store_ops *ops,
                             const struct replica_config *config, struct task *task, struct store **ret_store)
{
    struct replica_config copy;
    struct store *store;

    int r = replica_config_copy_store(config, &copy);
    if (r < 0)
        return r;
    r = ops->open(&copy, task, &store);
    if (r < 0) {
        replica_config_finish(&copy);
        return r;
    }
    store->ops = ops;
    store->config = copy;
    store->http = stores->http;
    store->attempts = stores->attempts;
    store->next = stores->first;
    stores->first = store;
    *ret_store = store;
    return 0;
}

/* Making a store does no I/O, so it may be done under the lock. */
int stores_acquire(struct stores *stores, const struct store_ops *ops, const struct replica_config *config,
                   struct task *task, struct store **ret_store)
{
    struct store *store;
    int r = 0;

    pthread_mutex_lock(&stores->lock);
    for (store = stores->first; store; store = store->next)
        if (replica_config_same_store(&store->config, config))
            break;
    if (!store)
        r = stores_add_locked(stores, ops, config, task, &store);
    if (r == 0) {
        store->references++;
        *ret_store = store;
    }
    pthread_mutex_unlock(&stores->lock);
    return r;
}

void stores_acquire_again(struct stores *stores, struct store *store)
{
    pthread_mutex_lock(&stores->lock);
    store->references++;
    pthread_mutex_unlock(&stores->lock);
}

void stores_release(struct stores *stores, struct store *store)
{
    struct store **link = &stores->first;

    pthread_mutex_lock(&stores->lock);
    bool last = --store->references == 0;
    if (last) {
        while (*link != store)
            link = &(*link)->next;
        *link = store->next;
    }
    pthread_mutex_unlock(&stores->lock);
    if (!last)
        return;
    struct replica_config config = store->config;
    store->ops->close(store);
    replica_config_finish(&config);
}

struct replica_stats store_counts(struct store *store)
{
    return (struct replica_stats){atomic_load(&store->requests), atomic_load(&store->retries),
                                  atomic_load(&store->bytes)};
}

void stores_stats_finish(struct stores_stats *stats)
{
    for (size_t i = 0; i < stats->n; i++)
        free(stats->items[i].url);
    free(stats->items);
    *stats = (struct stores_stats){0};
}

/* The list begins with the store that came last. */
static int stores_copy_stats_locked(const struct stores *stores, struct stores_stats *stats)
{
    size_t n = 0;
    for (const struct store *store = stores->first; store; store = store->next)
        n++;
    stats->items = calloc(n + 1, sizeof *stats->items);
    if (!stats->items)
        return -ENOMEM;
    stats->n = n;
    size_t i = n;
    for (struct store *store = stores->first; store; store = store->next) {
        stats->items[--i] = (struct store_stats){store->ops->url(store, ""), store_counts(store)};
        if (!stats->items[i].url)
            return -ENOMEM;
    }
    return 0;
}

int stores_get_stats(struct stores *stores, struct stores_stats *ret_stats)
{
    _cleanup_(stores_stats_finish) struct stores_stats stats = {0};
    pthread_mutex_lock(&stores->lock);
    int r = stores_copy_stats_locked(stores, &stats);
    pthread_mutex_unlock(&stores->lock);
    if (r < 0)
        return r;
    *ret_stats = stats;
    stats = (struct stores_stats){0};
    return 0;
}
