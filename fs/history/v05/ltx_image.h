/* The decoded image of an LTX file: its pages, one after the other, in the order of its index. */
#pragma once

#include "v05.h"

/* As replica_read, of the file; one that is gone is -ESTALE: the listing is out of date. */
int ltx_object_read(struct v05_generation *generation, const struct ltx_file *file, uint64_t offset,
                    size_t length, void *bytes, struct task *task);

/* The text that names this very file in the cache. The caller frees it; NULL: out of memory. */
char *ltx_identity(const struct v05_generation *generation, const struct ltx_file *file);

/* Puts the pages of a file that was just fetched whole into its image. A failure only means fetching it
 * again. */
void ltx_image_keep(struct v05_generation *generation, const struct ltx_file *file,
                    const struct ltx_header *header, const struct ltx_index *index, const uint8_t *bytes);
