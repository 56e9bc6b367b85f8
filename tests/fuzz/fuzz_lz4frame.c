/* Any bytes as an LZ4 frame: both ways in must agree wherever both come to an end. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/lz4frame.h"

#define CONTENT_MAX (64 * 1024 * 1024) /* bytes: a small input can stand for gigabytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int append(void *context, const uint8_t *bytes, size_t length)
{
    struct buffer *out = context;
    return out->size + length > CONTENT_MAX ? -1 : buffer_append(out, bytes, length);
}

/* Whether the whole frame could be decoded; `step` bytes are fed at a time. */
static bool decode_stream(const uint8_t *data, size_t size, size_t step, struct buffer *out)
{
    struct lz4_stream *stream;
    if (lz4_stream_open(&stream) < 0)
        abort();
    int r = 0;
    for (size_t at = 0; r == 0 && at < size; at += step)
        r = lz4_stream_feed(stream, data + at, size - at < step ? size - at : step, append, out);
    bool done = lz4_stream_done(stream);
    lz4_stream_close(stream);
    return r == 0 && done;
}

/* Decodes the block's first bytes from half of its data: they must be those of the whole. */
static void check_start(const struct lz4_frame *frame, const struct lz4_block *block, const uint8_t *data,
                        const uint8_t *whole, size_t whole_size)
{
    size_t length = block->size / 2, size;
    uint8_t *half = malloc(length), *out = malloc(frame->block_max);
    memcpy(half, data, length);
    if (lz4_block_decode_start(frame, block, half, length, out, whole_size, &size) < 0 || size > whole_size ||
        memcmp(out, whole, size) != 0)
        abort();
    free(half);
    free(out);
}

static bool decode_blocks(const uint8_t *data, size_t size, struct buffer *out)
{
    struct lz4_frame frame;
    struct lz4_block block;
    if (lz4_frame_parse(data, size, &frame) < 0 || !frame.independent)
        return false;
    for (size_t at = frame.header_size; size - at >= LZ4_BLOCK_HEADER_SIZE; at += block.span) {
        size_t decoded;
        if (lz4_block_parse(&frame, data + at, &block) < 0 || size - at < block.span)
            return false;
        if (block.end)
            return true;
        if (out->size > CONTENT_MAX || buffer_reserve(out, frame.block_max) < 0)
            return false;
        const uint8_t *payload = data + at + LZ4_BLOCK_HEADER_SIZE;
        /* liblz4 1.9 reads a match zero bytes back as whatever the output held before; so hold the same. */
        memset(out->data + out->size, 0, frame.block_max);
        if (lz4_block_decode(&frame, &block, payload, out->data + out->size, &decoded) < 0)
            return false;
        check_start(&frame, &block, payload, out->data + out->size, decoded);
        out->size += decoded;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer whole = {0}, bytewise = {0}, blocks = {0};
    bool by_stream = decode_stream(data, size, SIZE_MAX / 2, &whole);
    if (size < 4096 && decode_stream(data, size, 1, &bytewise) != by_stream)
        abort();
    if (decode_blocks(data, size, &blocks) && by_stream &&
        (blocks.size != whole.size || (whole.size && memcmp(blocks.data, whole.data, whole.size) != 0)))
        abort();
    buffer_finish(&whole);
    buffer_finish(&bytewise);
    buffer_finish(&blocks);
    return 0;
}
