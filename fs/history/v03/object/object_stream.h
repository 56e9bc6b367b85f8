/* A v0.3 object decoded from its start to its end: fetched whole if it is small, else window by window; every
 * checksum of its frame is checked. */
#pragma once

#include "generation/object.h"
#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/lz4frame.h"
#include "litemount/replica.h"

struct v03_generation;

#define V03_PIECE (64 << 10) /* bytes: the cache's piece of an image */

/* Bytes: an object up to this is checked whole before any of it is used. */
#define V03_WHOLE_OBJECT (1 << 20)

/* One attempt to read an object (learnt.h). Plain value, everything is borrowed. */
struct object_stream {
    struct v03_generation *generation;
    const struct object *object;
    bool anew;    /* past every cache */
    uint64_t sum; /* of the bytes that came: see learnt_sum */
};

/* Gives what the object decodes to, in order, to `sink`. Returns 0 once the frame's end holds; -EBADMSG with
 * a reason if the object is damaged; the sink's errno; or object_source_read's. */
int object_decode(struct object_stream *stream, lz4_sink *sink, void *context, struct task *task);

/* The same in two steps, of an object of up to V03_WHOLE_OBJECT: so that it can be decoded more than once.
 * `plain` is for the caller to finish. */
int object_fetch(struct object_stream *stream, struct buffer *plain, struct task *task);
int object_decode_fetched(const struct object_stream *stream, const struct buffer *plain, lz4_sink *sink,
                          void *context, struct task *task);

/* The beginning of what is decoded, and how much it is in all. Zero-initialise but for `most`; finish the
 * start. */
struct overview {
    struct buffer start;
    size_t most; /* bytes to keep of the start */
    uint64_t size;
};

int overview_sink(void *overview, const uint8_t *bytes, size_t length); /* an lz4_sink */

/* Turns a stream of decoded bytes into the cache's pieces. Zero-initialise but for `fill`. */
struct piece_writer {
    struct cache_fill *fill;
    struct buffer pending;
    uint64_t offset; /* of the pending bytes, in the image */
};

int piece_writer_sink(void *writer, const uint8_t *bytes, size_t length); /* an lz4_sink */
int piece_writer_end(struct piece_writer *writer); /* what is pending is the image's end */
void piece_writer_finish(struct piece_writer *writer);
