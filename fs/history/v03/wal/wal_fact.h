/* What was learnt of a WAL's segments, as one fact in the cache: so that thousands of segments are a few
 * files, and a later mount fetches none of them to know what is in them. */
#pragma once

#include <stdbool.h>

#include "litemount/array.h"

struct object;
struct wal_segment;

/* Appends a record of one segment: of this very version of its object. 0 or -ENOMEM. */
int wal_fact_add(struct buffer *records, const struct object *object, uint64_t offset,
                 const struct wal_segment *found);

/* Reads the record at `*at` and moves on to the next. Returns 1, and a segment for the caller to finish;
 * `*ret_object` points into the buffer. 0: no (usable) record is left. */
int wal_fact_next(const struct buffer *records, size_t *at, uint64_t *ret_offset, const char **ret_object,
                  struct wal_segment *ret_found);

/* Appends those of the records that are of segments which `records` has none of. 0 or -ENOMEM. */
int wal_fact_merge(struct buffer *records, const struct buffer *others);

/* Whether a record is of this very version of the object. */
bool wal_fact_is_of(const char *recorded, const struct object *object);
