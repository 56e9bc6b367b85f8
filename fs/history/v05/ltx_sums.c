#include "ltx_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "litemount/cleanup.h"

#define KIND "sums"

static size_t sums_size(size_t n)
{
    return (n + 1) * sizeof(uint64_t);
}

static void sums_recall(struct ltx_sums *sums, struct cache *cache, const char *identity)
{
    if (cache_map_fact(cache, identity, KIND, &sums->map) < 0)
        return;
    if (sums->map.length != sums->n * sizeof(uint64_t)) {
        cache_map_finish(&sums->map);
        return;
    }
    atomic_store(&sums->kept, (const uint64_t *)(const void *)sums->map.bytes);
    atomic_store(&sums->verdict, LTX_HOLDS);
}

/* Most of the room is never touched where a file is read here and there only. */
struct ltx_sums *ltx_sums_open(struct cache *cache, const char *identity, size_t n)
{
    _cleanup_free_ struct ltx_sums *sums = calloc(1, sizeof *sums);

    if (!sums)
        return NULL;
    sums->pages = mmap(NULL, sums_size(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sums->pages == MAP_FAILED)
        return NULL;
    sums->n = n;
    pthread_mutex_init(&sums->lock, NULL);
    pthread_cond_init(&sums->settled, NULL);
    sums_recall(sums, cache, identity);
    return steal_pointer(sums);
}

void ltx_sums_close(struct ltx_sums *sums)
{
    if (!sums)
        return;
    munmap(sums->pages, sums_size(sums->n));
    cache_map_finish(&sums->map);
    pthread_cond_destroy(&sums->settled);
    pthread_mutex_destroy(&sums->lock);
    free(sums->failure);
    free(sums);
}

int ltx_sums_note(struct ltx_sums *sums, size_t entry, uint64_t sum)
{
    const uint64_t *kept = atomic_load(&sums->kept);
    uint64_t known = kept ? kept[entry] : 0;

    if (!known && atomic_compare_exchange_strong(&sums->pages[entry], &known, sum)) {
        kept = atomic_load(&sums->kept); /* it was forgotten for being kept */
        known = kept ? kept[entry] : sum;
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
    const uint64_t *kept = atomic_load(&sums->kept);
    return kept ? kept[entry] : atomic_load(&sums->pages[entry]);
}

void ltx_sums_keep(struct ltx_sums *sums, struct cache *cache, const char *identity)
{
    size_t length = sums->n * sizeof(uint64_t);

    cache_put_fact(cache, identity, KIND, (const void *)sums->pages, length);
    if (cache_map_fact(cache, identity, KIND, &sums->map) < 0)
        return;
    if (sums->map.length != length) {
        cache_map_finish(&sums->map);
        return;
    }
    atomic_store(&sums->kept, (const uint64_t *)(const void *)sums->map.bytes);
    (void)madvise(sums->pages, sums_size(sums->n), MADV_DONTNEED);
}

void ltx_sums_drop(struct cache *cache, const char *identity)
{
    cache_drop_fact(cache, identity, KIND);
}
