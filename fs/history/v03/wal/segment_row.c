/* The segments of a generation in order: one array for all listings that follow each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "segment.h"
#include "segment_row.h"

struct segment_row *segment_row_ref(struct segment_row *row)
{
    atomic_fetch_add(&row->references, 1);
    return row;
}

void segment_row_unref(struct segment_row *row)
{
    if (!row || atomic_fetch_sub(&row->references, 1) != 1)
        return;
    for (size_t i = 0; i < row->n; i++)
        segment_unref(row->segments[i]);
    free(row->segments);
    free(row->times);
    free(row->sizes);
    free(row);
}

static void unref_row(struct segment_row **row)
{
    segment_row_unref(*row);
}

static int make(size_t capacity, struct segment_row **ret_row)
{
    _cleanup_(unref_row) struct segment_row *row = calloc(1, sizeof *row);

    if (!row)
        return -ENOMEM;
    atomic_init(&row->references, 1);
    row->capacity = capacity;
    row->segments = calloc(capacity, sizeof *row->segments);
    row->times = calloc(capacity, sizeof *row->times);
    row->sizes = calloc(capacity, sizeof *row->sizes);
    if (!row->segments || !row->times || !row->sizes)
        return -ENOMEM;
    *ret_row = steal_pointer(row);
    return 0;
}

/* Appends; there is room. Listings that share the row look at nothing behind their own part. */
static void append(struct segment_row *row, struct segment *const *segments, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct object *object = &segments[i]->object;
        int64_t latest = row->n ? row->times[row->n - 1] : INT64_MIN;
        row->segments[row->n] = segment_ref(segments[i]);
        row->times[row->n] = object->modified > latest ? object->modified : latest;
        row->sizes[row->n] = object->size + (row->n ? row->sizes[row->n - 1] : 0);
        row->n++;
    }
}

int segment_row_extend(struct segment_row *row, size_t n_kept, struct segment *const *more, size_t n_more,
                       struct segment_row **ret_row)
{
    struct segment_row *extended;
    size_t n = n_kept + n_more;

    if (row && row->n == n_kept && n <= row->capacity) {
        extended = segment_row_ref(row);
    } else {
        int r = make(n + n / 4 + 16, &extended); /* so that growing costs little a segment */
        if (r < 0)
            return r;
        if (n_kept)
            append(extended, row->segments, n_kept);
    }
    append(extended, more, n_more);
    *ret_row = extended;
    return 0;
}
