/* What the checksum over a large file is computed from: a sum for each of its pages, taken as the page comes,
 * in whatever order. Once they hold together they are kept in the cache, and each page that is fetched again
 * later is compared with its own. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litemount/cache.h"

/* LTX_FAILED is final, and so is LTX_HOLDS: what does not agree with it is not taken. */
enum ltx_verdict { LTX_UNKNOWN, LTX_SUMMING, LTX_HOLDS, LTX_FAILED };

struct ltx_sums {
    size_t n;                 /* pages of the file */
    _Atomic uint64_t *pages;  /* 0: not known; n of them */
    atomic_size_t n_noted;    /* pages whose sum was noted */
    atomic_bool contradicted; /* a page came twice, and came different */
    atomic_size_t missing;    /* every page before this one was there when it was looked for */
    _Atomic enum ltx_verdict verdict;

    pthread_mutex_t lock;   /* held while `verdict` or `contradicted` is set */
    pthread_cond_t settled; /* it is LTX_SUMMING no more */

    /* Set before it is LTX_FAILED; never change after that. */
    char *failure;
    uint64_t came, told; /* the checksum of what was read, and the one that the file tells */
};

/* Of the file that `identity` names. The caller closes it; NULL: out of memory. */
struct ltx_sums *ltx_sums_open(struct cache *cache, const char *identity, size_t n);
void ltx_sums_close(struct ltx_sums *sums); /* NULL is fine */

/* Notes the sum of a page that is about to be put. 0; or -EBADMSG: it is known to be another. */
int ltx_sums_note(struct ltx_sums *sums, size_t entry, uint64_t sum);

/* Of a page; 0: not known. */
uint64_t ltx_sums_get(const struct ltx_sums *sums, size_t entry);

/* Keeps them, all known. */
void ltx_sums_keep(const struct ltx_sums *sums, struct cache *cache, const char *identity);

/* Forgets that they were kept. */
void ltx_sums_drop(struct cache *cache, const char *identity);
