/* The decoded image of an LTX file: its pages, one after the other, in the order of its table. */
#pragma once

#include "v05.h"

struct ltx_found;

/* Puts those pages into the image whose frames lie in the file's first `length` bytes, which were just
 * fetched. A failure only means fetching them again. */
void ltx_image_keep(const struct ltx_file *file, const struct ltx_found *found, const uint8_t *bytes,
                    size_t length, const struct task *task);

/* Of a sound file: reads `length` bytes from `offset` of the image, or (`bytes` NULL) makes sure that the
 * cache has them, as far as it takes any. Returns the bytes read, or a negative errno with a reason. Does not
 * look whether all of the file is right: see ltx_verdict_read. */
int64_t ltx_image_fetch(const struct ltx_file *file, uint64_t offset, size_t length, void *bytes,
                        struct task *task);

/* Whether an end of the entries [first, end) is missing in the cache. */
bool ltx_image_misses(const struct ltx_file *file, size_t first, size_t end);

/* Whether it costs less to read on from entry `end` to `next` than to ask for that one again. */
bool ltx_image_joins(const struct ltx_file *file, size_t end, size_t next);
