#include "ltx_sums.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

#define KIND "sums"
#define FACT_VERSION 1

/* Those that were kept; NULL: none that fit. */
static void *sums_recall(struct cache *cache, const char *identity, size_t n)
{
    _cleanup_(buffer_finish) struct buffer fact = {0};

    if (cache_get_fact(cache, identity, KIND, FACT_VERSION, &fact) < 0 || fact.size != n * sizeof(uint64_t))
        return NULL;
    return steal_pointer(fact.data);
}

/* Most of the room is never touched where a file is read here and there only. */
struct ltx_sums *ltx_sums_open(struct cache *cache, const char *identity, size_t n)
{
    _cleanup_free_ struct ltx_sums *sums = calloc(1, sizeof *sums);

    if (!sums)
        return NULL;
    sums->pages = sums_recall(cache, identity, n);
    atomic_init(&sums->verdict, sums->pages ? LTX_HOLDS : LTX_UNKNOWN);
    if (!sums->pages)
        sums->pages = calloc(n + 1, sizeof *sums->pages);
    if (!sums->pages)
        return NULL;
    sums->n = n;
    pthread_mutex_init(&sums->lock, NULL);
    pthread_cond_init(&sums->settled, NULL);
    return steal_pointer(sums);
}

void ltx_sums_close(struct ltx_sums *sums)
{
    if (!sums)
        return;
    free((void *)sums->pages);
    pthread_cond_destroy(&sums->settled);
    pthread_mutex_destroy(&sums->lock);
    free(sums->failure);
    free(sums);
}

int ltx_sums_note(struct ltx_sums *sums, size_t entry, uint64_t sum)
{
    uint64_t known = atomic_load(&sums->pages[entry]);

    if (!known && atomic_compare_exchange_strong(&sums->pages[entry], &known, sum)) {
        atomic_fetch_add(&sums->n_noted, 1);
        return 0;
    }
    if (known == sum)
        return 0;
    /* Under the lock, so that nobody says that they hold and means this one too. */
    pthread_mutex_lock(&sums->lock);
    bool holds = atomic_load(&sums->verdict) == LTX_HOLDS;
    if (!holds)
        atomic_store(&sums->contradicted, true);
    pthread_mutex_unlock(&sums->lock);
    return holds ? -EBADMSG : 0;
}

uint64_t ltx_sums_get(const struct ltx_sums *sums, size_t entry)
{
    return atomic_load(&sums->pages[entry]);
}

void ltx_sums_keep(const struct ltx_sums *sums, struct cache *cache, const char *identity)
{
    cache_put_fact(cache, identity, KIND, FACT_VERSION, (const void *)sums->pages,
                   sums->n * sizeof *sums->pages);
}

void ltx_sums_drop(struct cache *cache, const char *identity)
{
    cache_drop_fact(cache, identity, KIND);
}
