/* The LZ4 frame format, as Litestream v0.3 wraps it around every snapshot and WAL segment.
 *
 * Two ways in. By block: parse the frame header, hop from one four-byte block header to the next, decode any
 * block on its own; it works where blocks are independent. By stream: feed the frame from its start and take
 * what comes out; it works for every frame that liblz4 reads, and checks every checksum that the frame
 * carries. Pure: bytes in, bytes out; what follows the frame's end is ignored, as Litestream ignores it.
 * Source: github.com/lz4/lz4, doc/lz4_Frame_format.md, version 1.6.3. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LZ4_FRAME_HEADER_MIN 7  /* bytes */
#define LZ4_FRAME_HEADER_MAX 19 /* bytes, with content size and dictionary id */
#define LZ4_BLOCK_HEADER_SIZE 4 /* bytes */

struct lz4_frame {
    bool independent;      /* blocks decode without the blocks before them */
    bool block_checksum;   /* four bytes behind every block's data */
    bool content_checksum; /* four bytes behind the end mark: XXH32 of the decoded whole */
    bool has_content_size;
    uint64_t content_size; /* decoded bytes of the whole, if has_content_size */
    uint32_t block_max;    /* most bytes that a block decodes to: 64 KiB, 256 KiB, 1 MiB or 4 MiB */
    uint32_t header_size;  /* bytes from the frame's start to its first block header */
};

struct lz4_block {
    bool end;      /* the end mark: no block follows */
    bool raw;      /* data is stored, not compressed */
    uint32_t size; /* bytes of data behind the block header, without the block checksum */
    uint32_t span; /* bytes from this block header to the next one */
};

/* The bytes of a frame from its end mark on. */
uint32_t lz4_frame_tail(const struct lz4_frame *frame);

/* Reads a frame header from the first `length` bytes of an object (give LZ4_FRAME_HEADER_MAX, or all there
 * is). Returns 0, or -EBADMSG: not an LZ4 frame, cut, a version or flag we do not know, a header checksum
 * that fails, or a dictionary id (Litestream uses none). */
int lz4_frame_parse(const void *bytes, size_t length, struct lz4_frame *ret_frame);

/* Reads a block header. Returns 0, or -EBADMSG for a size above the frame's block_max. */
int lz4_block_parse(const struct lz4_frame *frame, const uint8_t bytes[static LZ4_BLOCK_HEADER_SIZE],
                    struct lz4_block *ret_block);

/* Decodes the data behind a block header of an independent-block frame into `out`, which has room for
 * frame->block_max bytes. `data` holds block->size bytes and, if the frame has them, the four of the block
 * checksum, which is checked. Returns 0 and the decoded bytes' count, or -EBADMSG. */
int lz4_block_decode(const struct lz4_frame *frame, const struct lz4_block *block, const uint8_t *data,
                     uint8_t *out, size_t *ret_size);

/* Decodes the beginning of an independent block from the first `length` bytes of its data, until `wanted`
 * bytes are there or the block ends; `out` has room for `wanted` bytes. Returns 0 and the decoded bytes'
 * count, or -EBADMSG. A count below `wanted` from less than the whole data means that more of it is needed:
 * damage in data that is cut may look the same. The block checksum is not checked. */
int lz4_block_decode_start(const struct lz4_frame *frame, const struct lz4_block *block, const uint8_t *data,
                           size_t length, uint8_t *out, size_t wanted, size_t *ret_size);

#define LZ4_LOOK_SIZE (64 << 10) /* bytes that a block decodes to at least, unless it is the last */

/* The bytes of an object that a look at a place takes to be as sure as it can be. */
#define LZ4_LOOK_DATA (LZ4_LOOK_SIZE + 1024)

/* Whether it looks as if a block of an independent-block frame, not its last one, began at `bytes`: a header
 * stands there, and what follows decodes, as far as `length` bytes tell. A hint: other content may look the
 * same. */
bool lz4_block_looks(const struct lz4_frame *frame, const uint8_t *bytes, size_t length,
                     uint8_t scratch[static LZ4_LOOK_SIZE]);

/* The first place below `limit` in `length` bytes that looks so; `limit` if none does. */
size_t lz4_block_search(const struct lz4_frame *frame, const uint8_t *bytes, size_t length, size_t limit,
                        uint8_t scratch[static LZ4_LOOK_SIZE]);

/* A frame being decoded from its start. */
struct lz4_stream;

/* Takes decoded bytes, in order. Returns 0, or a negative errno, which ends the decoding. */
typedef int lz4_sink(void *context, const uint8_t *bytes, size_t length);

/* 0 or -ENOMEM. The caller closes it. */
int lz4_stream_open(struct lz4_stream **ret_stream);
void lz4_stream_close(struct lz4_stream *stream); /* NULL is fine */

/* Feeds the next `length` bytes of the object; what they decode to goes to `sink` in pieces of at most 256
 * KiB, some of it perhaps only with the bytes that follow. Returns 0, -EBADMSG if they are no valid frame or
 * a checksum fails, -ENOMEM, or the sink's errno. */
int lz4_stream_feed(struct lz4_stream *stream, const uint8_t *bytes, size_t length, lz4_sink *sink,
                    void *context);

/* Whether the frame's end, its content checksum included, has been reached and holds. An object that ends
 * before is cut. */
bool lz4_stream_done(const struct lz4_stream *stream);

/* The checksum of a frame's decoded content, which stands in the four bytes behind the end mark,
 * little-endian: for whoever decoded the blocks out of order. */
struct lz4_checksum;

int lz4_checksum_open(struct lz4_checksum **ret_checksum); /* 0 or -ENOMEM; the caller closes it */
void lz4_checksum_close(struct lz4_checksum *checksum);    /* NULL is fine */
void lz4_checksum_add(struct lz4_checksum *checksum, const void *bytes, size_t length);
uint32_t lz4_checksum_value(const struct lz4_checksum *checksum);
