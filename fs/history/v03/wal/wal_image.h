/* The decoded image of a WAL: the pages of its frames, one after the other, without the headers between them.
 *
 * Frame n's page stands at (n - 1) * page size, whichever segment brought it, so a WAL of thousands of small
 * segments is one image, and a page is one piece of it. The image belongs to the WAL's header, whose salts
 * are its own: a frame of that WAL has one content. */
#pragma once

#include "litemount/array.h"
#include "versions.h"

struct cache_image;
struct segment;
struct task;
struct v03_generation;
struct wal_header;

/* Reads pages of the WALs that are replayed, and holds the images open from one to the next. */
struct wal_reader {
    struct v03_generation *generation; /* borrowed, like the segments */
    struct segment *const *segments;   /* those that are replayed: sound, in order */
    size_t n_segments;
    struct wal_reader_image {
        struct cache_image *image;
        struct segment *const *segments; /* of this WAL */
        size_t n_segments;
    } images[16]; /* of a WAL at its index's remainder; zero-initialise */
};

void wal_reader_finish(struct wal_reader *reader);

/* Reads `length` bytes from `offset` of the page of the frame at `at` on, and on through the pages of the
 * frames that follow it in its WAL; fetches the segments that are not there. `bytes` may be NULL, as for
 * cache_image_read. Returns the bytes read, or a negative errno with a reason. */
int64_t wal_reader_read(struct wal_reader *reader, struct wal_position at, uint32_t offset, size_t length,
                        void *bytes, struct task *task);

/* Puts the pages of a segment that was just decoded into the image. A failure only means fetching it again.
 */
void wal_image_keep(struct v03_generation *generation, uint32_t index, uint64_t offset,
                    const struct wal_header *header, const struct buffer *decoded, const struct task *task);

/* Forgets the image of that WAL: one of its segments was replaced. */
void wal_image_discard(struct v03_generation *generation, uint32_t index, const struct wal_header *header);
