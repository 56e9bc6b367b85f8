/* The decoded image of a WAL: the pages of its frames, one after the other, without the headers between them.
 *
 * Frame n's page stands at (n - 1) * page size, whichever segment brought it, so a WAL of thousands of small
 * segments is one image, and a page is one piece of it. The image belongs to the WAL's header, whose salts
 * are its own: a frame of that WAL has one content. */
#pragma once

#include "litemount/array.h"
#include "v03.h"

/* Reads `length` bytes from `offset` of the page of frame `frame` of the WAL that `segment` (sound, of the
 * listing) is in, fetching the segment that holds it if it is not there. Returns the bytes read, or a
 * negative errno with a reason. */
int64_t wal_image_read(struct v03_generation *generation, struct segment *segment, uint32_t frame,
                       uint32_t offset, size_t length, void *bytes, struct task *task);

/* Puts the pages of a segment that was just decoded into the image. A failure only means fetching it again.
 */
void wal_image_keep(struct v03_generation *generation, uint32_t index, uint64_t offset,
                    const struct wal_header *header, const struct buffer *decoded);

/* Forgets the image of that WAL: one of its segments was replaced. */
void wal_image_discard(struct v03_generation *generation, uint32_t index, const struct wal_header *header);
