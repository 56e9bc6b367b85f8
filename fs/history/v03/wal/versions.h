/* Which versions each page has: the one idea of the program, for pages that stand in WAL frames.
 *
 * A version says: this page, as of this frame, is that frame's content. Versions may be added in any order; a
 * lookup is (page, position) -> the newest version at or before the position. Twelve bytes a frame. Not
 * locked: its owner is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in a generation: a frame of a WAL. Ordered by index, then frame. */
struct wal_position {
    uint32_t index; /* of the WAL */
    uint32_t frame; /* from 1; 0: before the WAL's first frame */
};

struct version {
    uint32_t page;
    struct wal_position at;
};

/* Sorted runs, each at least twice as long as the next: adding n versions one by one costs O(n log n) in all,
 * a lookup a binary search in each of the few runs. Zero-initialise. */
struct versions {
    struct version_run {
        struct version *items; /* by page, then position */
        size_t n;
    } runs[64];
    size_t n_runs;
};

void versions_finish(struct versions *versions);

/* Adds `n` versions in any order and takes over `items` (malloc). 0 or -ENOMEM, which leaves the items out.
 */
int versions_add(struct versions *versions, struct version *items, size_t n);

/* The newest version of `page` from `first` up to and including `last`. */
bool versions_find(const struct versions *versions, uint32_t page, struct wal_position first,
                   struct wal_position last, struct wal_position *ret_at);

/* Lists up to `most` of the pages that are written behind `before`, up to and including `last`, but not in
 * their WAL before; `ret_others`: some are written there that were written before. Looks at every version.
 * Returns how many. */
size_t versions_list_new(const struct versions *versions, struct wal_position before,
                         struct wal_position last, uint32_t *pages, size_t most, bool *ret_others);

int wal_position_compare(struct wal_position a, struct wal_position b);
