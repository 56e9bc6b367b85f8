/* Litestream keeps a level-0 file for some minutes only: by then a file of level 1 holds its TXIDs together
 * with their neighbours. So at an instant before the end of that one the history stops short of younger
 * files, and yet nothing is lost but the finer points. */
#include "coverage.h"

#include <stdlib.h>

#include "litemount/array.h"

void coverage_finish(struct coverage *coverage)
{
    free(coverage->ranges);
    *coverage = (struct coverage){0};
}

/* Files come by least TXID. */
static int coverage_add(struct coverage *coverage, const struct ltx_file *file)
{
    struct txid_range *last = coverage->n ? &coverage->ranges[coverage->n - 1] : NULL;

    if (last && file->min_txid - 1 <= last->last) {
        last->last = file->max_txid > last->last ? file->max_txid : last->last;
        return 0;
    }
    int r = ARRAY_GROW(coverage->ranges, coverage->capacity, coverage->n + 1);
    if (r == 0)
        coverage->ranges[coverage->n++] = (struct txid_range){file->min_txid, file->max_txid};
    return r;
}

int coverage_make(const struct v05_listing *listing, struct coverage *coverage)
{
    int r = 0;

    for (size_t i = 0; i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level != V05_BASE_LEVEL && file->learnt.state != LEARNT_DAMAGED)
            r = coverage_add(coverage, file);
    }
    return r;
}

bool coverage_has(const struct coverage *coverage, uint64_t txid)
{
    size_t n = ARRAY_LOWER_BOUND(coverage->n, i, coverage->ranges[i].last < txid);
    return n < coverage->n && coverage->ranges[n].first <= txid;
}
