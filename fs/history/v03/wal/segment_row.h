/* The segments of a generation in order: one array for all listings that follow each other. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct segment;

/* Segments in order, and what is counted along them. It only ever grows at its end, so listings that follow
 * each other share it, and each shows the part that was there when it was made. */
struct segment_row {
    atomic_uint references;
    size_t n, capacity;        /* only whoever lists looks at `n` */
    struct segment **segments; /* by index and offset; a reference each */
    int64_t *times;            /* of segment i: the latest of all objects up to it */
    uint64_t *sizes;           /* bytes of object i and all before it */
};

/* A row that begins with the first `n_kept` of `row` (NULL: none) and goes on with `more`, of
 * which it takes references: the same row where nothing else follows there and room is left, else a new one.
 * The caller unrefs it. 0 or -ENOMEM. */
int segment_row_extend(struct segment_row *row, size_t n_kept, struct segment *const *more, size_t n_more,
                       struct segment_row **ret_row);
struct segment_row *segment_row_ref(struct segment_row *row);
void segment_row_unref(struct segment_row *row); /* NULL is fine */
