/* The decoded image of a WAL: the pages of its frames, one after the other, without the headers between them.
 *
 * Frame n's page stands at (n - 1) * page size, whichever segment brought it, so a WAL of thousands of small
 * segments is one image, and a page is one piece of it. The image belongs to the WAL's header, whose salts
 * are its own: a frame of that WAL has one content. */
#pragma once

#include <pthread.h>

#include "litemount/array.h"
#include "versions.h"

struct cache_image;
struct segment;
struct task;
struct v03_generation;
struct wal_header;

/* The images that were read last, which stay open for the next reader. A part of a listing's frames. */
struct wal_images {
    pthread_mutex_t lock; /* guards what is below */
    struct {
        uint32_t index;            /* of the WAL */
        struct cache_image *image; /* NULL: none */
    } items[16];                   /* of a WAL at its index's remainder */
};

void wal_images_init(struct wal_images *images);
void wal_images_finish(struct wal_images *images);

/* What is read of the WALs that are replayed. Plain value; everything is borrowed. */
struct wal_reader {
    struct v03_generation *generation;
    struct wal_images *images;
    struct segment *const *segments; /* those that are replayed: sound, in order */
    size_t n_segments;
};

/* Reads `length` bytes from `offset` of the page of the frame at `at` on, and on through the pages of the
 * frames that follow it in its WAL; fetches the segments that are not there. `bytes` may be NULL, as for
 * cache_image_read. Returns the bytes read, or a negative errno with a reason. */
int64_t wal_image_read(const struct wal_reader *reader, struct wal_position at, uint32_t offset,
                       size_t length, void *bytes, struct task *task);

/* Puts the pages of a segment that was just decoded into the image. A failure only means fetching it again.
 */
void wal_image_keep(struct v03_generation *generation, uint32_t index, uint64_t offset,
                    const struct wal_header *header, const struct buffer *decoded, const struct task *task);

/* Forgets the image of that WAL: one of its segments was replaced. */
void wal_image_discard(struct v03_generation *generation, uint32_t index, const struct wal_header *header);
