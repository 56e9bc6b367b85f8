/* The decoded image of an LTX file: its pages, one after the other, in the order of its table. */
#pragma once

#include "v05.h"

struct ltx_found;

/* As replica_read, or (`anew`) replica_read_anew, of the file; one that is gone is -ESTALE: the listing is
 * out of date. */
int ltx_object_read(const struct ltx_file *file, bool anew, uint64_t offset, size_t length, void *bytes,
                    struct task *task);

/* The same of its first bytes. `ret_time` is set to the metadata that tells its time, or NULL, and freed by
 * the caller. */
int ltx_object_read_start(const struct ltx_file *file, size_t length, void *bytes, struct task *task,
                          char **ret_time);

/* The text that names this very file in the cache. The caller frees it; NULL: out of memory. */
char *ltx_identity(const struct ltx_file *file);

/* Puts those pages into the image whose frames lie in the file's first `length` bytes, which were just
 * fetched. A failure only means fetching them again. */
void ltx_image_keep(const struct ltx_file *file, const struct ltx_found *found, const uint8_t *bytes,
                    size_t length, const struct task *task);

/* Of a sound file: reads `length` bytes from `offset` of the image, or (`bytes` NULL) makes sure that the
 * cache has them, as far as it takes any. Returns the bytes read, or a negative errno with a reason: -EIO if
 * the file has failed (ltx_verdict.h), perhaps by what was read now. */
int64_t ltx_image_read(const struct ltx_file *file, uint64_t offset, size_t length, void *bytes,
                       struct task *task);

/* The same, and does not look whether all of the file is right. */
int64_t ltx_image_fetch(const struct ltx_file *file, uint64_t offset, size_t length, void *bytes,
                        struct task *task);

/* Whether an end of the entries [first, end) is missing in the cache. */
bool ltx_image_misses(const struct ltx_file *file, size_t first, size_t end);

/* Whether it costs less to read on from entry `end` to `next` than to ask for that one again. */
bool ltx_image_joins(const struct ltx_file *file, size_t end, size_t next);
