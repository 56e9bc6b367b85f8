#include "versions.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

int wal_position_compare(struct wal_position a, struct wal_position b)
{
    if (a.index != b.index)
        return a.index < b.index ? -1 : 1;
    return (a.frame > b.frame) - (a.frame < b.frame);
}

static int version_compare(const void *left, const void *right)
{
    const struct version *a = left, *b = right;
    if (a->page != b->page)
        return a->page < b->page ? -1 : 1;
    return wal_position_compare(a->at, b->at);
}

void versions_finish(struct versions *versions)
{
    for (size_t i = 0; i < versions->n_runs; i++)
        free(versions->runs[i].items);
    *versions = (struct versions){0};
}

/* Merges the last two runs into one. */
static int versions_merge_last(struct versions *versions)
{
    struct version_run *a = &versions->runs[versions->n_runs - 2], *b = a + 1;
    struct version *merged = reallocarray(NULL, a->n + b->n, sizeof *merged);
    size_t i = 0, j = 0, n = 0;

    if (!merged)
        return -ENOMEM;
    while (i < a->n && j < b->n)
        merged[n++] = version_compare(&a->items[i], &b->items[j]) <= 0 ? a->items[i++] : b->items[j++];
    while (i < a->n)
        merged[n++] = a->items[i++];
    while (j < b->n)
        merged[n++] = b->items[j++];
    free(a->items);
    free(b->items);
    *a = (struct version_run){merged, n};
    versions->n_runs--;
    return 0;
}

int versions_add(struct versions *versions, struct version *items, size_t n)
{
    _cleanup_free_ struct version *owned = items;

    if (n == 0)
        return 0;
    qsort(owned, n, sizeof *owned, version_compare);
    /* Lengths at least halve from run to run, so 64 runs hold more than memory does; merging makes room for
     * this. */
    if (versions->n_runs == sizeof versions->runs / sizeof *versions->runs)
        return -ENOMEM;
    versions->runs[versions->n_runs++] = (struct version_run){steal_pointer(owned), n};
    while (versions->n_runs > 1) {
        const struct version_run *last = &versions->runs[versions->n_runs - 1];
        if (last[-1].n >= 2 * last->n)
            break;
        /* A failed merge only leaves the runs shorter than they might be. */
        if (versions_merge_last(versions) < 0)
            break;
    }
    return 0;
}

/* The last item at or before `wanted`, or NULL. */
static const struct version *versions_find_last(const struct version_run *run, const struct version *wanted)
{
    size_t n = ARRAY_LOWER_BOUND(run->n, i, version_compare(&run->items[i], wanted) <= 0);
    return n ? &run->items[n - 1] : NULL;
}

bool versions_find(const struct versions *versions, uint32_t page, struct wal_position first,
                   struct wal_position last, struct wal_position *ret_at)
{
    const struct version wanted = {page, last};
    const struct version *best = NULL;

    for (size_t i = 0; i < versions->n_runs; i++) {
        const struct version *found = versions_find_last(&versions->runs[i], &wanted);
        if (found && found->page == page && wal_position_compare(found->at, first) >= 0 &&
            (!best || wal_position_compare(found->at, best->at) > 0))
            best = found;
    }
    if (!best)
        return false;
    *ret_at = best->at;
    return true;
}

size_t versions_list_new(const struct versions *versions, struct wal_position before,
                         struct wal_position last, uint32_t *pages, size_t most, bool *ret_others)
{
    const struct wal_position first = {before.index, 0};
    struct wal_position at;
    size_t n = 0;

    *ret_others = false;
    for (size_t i = 0; i < versions->n_runs; i++) {
        const struct version_run *run = &versions->runs[i];
        for (size_t j = 0; j < run->n && n < most; j++) {
            const struct version *version = &run->items[j];
            if (wal_position_compare(version->at, before) <= 0 || wal_position_compare(version->at, last) > 0)
                continue;
            if (versions_find(versions, version->page, first, before, &at))
                *ret_others = true;
            else
                pages[n++] = version->page;
        }
    }
    return n;
}
