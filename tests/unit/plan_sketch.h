/* Listings of LTX files that a test makes by hand, for the tests of plans. Include cmocka's headers before.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "v05/v05.h"

#define MAX_FILES 10
#define NO_LIMIT UINT64_MAX

/* A file: its number in a case's lists is its place here. The listing puts them in its own order. */
struct sketch {
    unsigned level;
    uint64_t min_txid, max_txid;
    int64_t time;
    bool damaged;
};

struct made_listing {
    struct ltx_file storage[MAX_FILES];
    struct ltx_file *files[MAX_FILES];
    struct v05_listing listing;
};

static inline int by_min_txid_and_level(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    if (a->min_txid != b->min_txid)
        return a->min_txid < b->min_txid ? -1 : 1;
    if (a->max_txid != b->max_txid)
        return a->max_txid < b->max_txid ? -1 : 1;
    return a->level < b->level ? -1 : a->level > b->level;
}

static inline void make_listing(const struct sketch *sketches, struct made_listing *made)
{
    size_t n = 0;

    memset(made, 0, sizeof *made);
    for (; n < MAX_FILES && sketches[n].max_txid; n++) {
        const struct sketch *sketch = &sketches[n];
        struct ltx_file *file = made->files[n] = &made->storage[n];
        file->level = sketch->level;
        file->min_txid = sketch->min_txid;
        file->max_txid = sketch->max_txid;
        file->time = sketch->time;
        file->learnt.state = sketch->damaged ? LEARNT_DAMAGED : LEARNT_NOTHING;
    }
    qsort(made->files, n, sizeof(struct ltx_file *), by_min_txid_and_level);
    made->listing = (struct v05_listing){.files = made->files, .n_files = n};
}
