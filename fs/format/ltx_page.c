/* A page frame: page number u32, flags u16, both big-endian, and the page in one of two encodings. With flag
 * 0x1 a big-endian u32 follows, and as many bytes of an LZ4 block. Without it, as Litestream wrote before
 * 0.5.16, an LZ4 frame follows and no size: where it ends is found by going from block to block. A header of
 * six zeros ends the pages. Source: github.com/superfly/ltx, decoder.go. */
#include <errno.h>
#include <string.h>

#include <lz4.h>
#include <lz4frame.h>

#include "litemount/cleanup.h"
#include "litemount/lz4frame.h"
#include "ltx_parts.h"

#define FLAG_SIZE 0x1 /* a size and an LZ4 block follow */
#define SIZE_FIELD 4  /* bytes */
#define CONTENT_CHECKSUM_SIZE 4

static uint16_t ltx_read_flags(const uint8_t *frame)
{
    return (uint16_t)(frame[4] << 8 | frame[5]);
}

bool ltx_page_is_end(const uint8_t frame[static LTX_PAGE_HEADER_SIZE])
{
    return ltx_read_u32(frame) == 0 && ltx_read_flags(frame) == 0;
}

size_t ltx_page_prefix_size(const uint8_t frame[static LTX_PAGE_HEADER_SIZE])
{
    return LTX_PAGE_HEADER_SIZE + (ltx_read_flags(frame) & FLAG_SIZE ? SIZE_FIELD : 0);
}

/* As ltx_page_span, of an LZ4 frame whose header was read. */
static int ltx_lz4_blocks_span(const struct lz4_frame *frame, const uint8_t *bytes, size_t length,
                               size_t *ret_span)
{
    struct lz4_block block = {0};
    size_t span = frame->header_size, known = span;
    while (!block.end) {
        known = span + LZ4_BLOCK_HEADER_SIZE;
        if (length < known)
            break;
        if (lz4_block_parse(frame, bytes + span, &block) < 0)
            return -EBADMSG;
        span += block.span;
        known = span + (frame->content_checksum ? CONTENT_CHECKSUM_SIZE : 0);
    }
    *ret_span = known;
    return 0;
}

/* As ltx_page_span, of an LZ4 frame. */
static int ltx_lz4_frame_span(const uint8_t *bytes, size_t length, size_t *ret_span)
{
    struct lz4_frame frame;
    size_t header_size = LZ4_FRAME_HEADER_MIN;
    if (length >= header_size) {
        header_size = LZ4F_headerSize(bytes, length);
        if (LZ4F_isError(header_size))
            return -EBADMSG;
    }
    if (length < header_size) {
        *ret_span = header_size;
        return 0;
    }
    int r = lz4_frame_parse(bytes, length, &frame);
    return r < 0 ? r : ltx_lz4_blocks_span(&frame, bytes, length, ret_span);
}

int ltx_page_span(const uint8_t *frame, size_t length, size_t *ret_span)
{
    size_t prefix = LTX_PAGE_HEADER_SIZE, data;
    if (length >= prefix) {
        if (ltx_read_flags(frame) & ~FLAG_SIZE || (ltx_read_u32(frame) == 0 && ltx_read_flags(frame) != 0))
            return -EBADMSG;
        prefix = ltx_page_prefix_size(frame);
    }
    if (length < prefix || ltx_page_is_end(frame)) {
        *ret_span = prefix;
        return 0;
    }
    if (prefix > LTX_PAGE_HEADER_SIZE)
        data = ltx_read_u32(frame + LTX_PAGE_HEADER_SIZE);
    else if (ltx_lz4_frame_span(frame + prefix, length - prefix, &data) < 0)
        return -EBADMSG;
    if (data > LTX_PAGE_FRAME_MAX - prefix)
        return -EBADMSG;
    *ret_span = prefix + data;
    return 0;
}

/* A page that is being put together. */
struct partial_page {
    uint8_t *page; /* borrowed */
    size_t size;   /* bytes of it that are missing */
};

static int ltx_fill(void *context, const uint8_t *bytes, size_t length)
{
    struct partial_page *partial = context;
    if (length > partial->size)
        return -EBADMSG;
    memcpy(partial->page, bytes, length);
    partial->page += length;
    partial->size -= length;
    return 0;
}

static void ltx_close_stream_of(struct lz4_stream **stream)
{
    lz4_stream_close(*stream);
}

static int ltx_decode_frame(const uint8_t *data, size_t length, uint32_t page_size, uint8_t *page)
{
    _cleanup_(ltx_close_stream_of) struct lz4_stream *stream = NULL;
    struct partial_page partial = {page, page_size};
    int r = lz4_stream_open(&stream);
    if (r < 0)
        return r;
    r = lz4_stream_feed(stream, data, length, ltx_fill, &partial);
    if (r < 0)
        return r;
    return lz4_stream_done(stream) && partial.size == 0 ? 0 : -EBADMSG;
}

static int ltx_decode_block(const uint8_t *data, size_t length, uint32_t page_size, uint8_t *page)
{
    /* liblz4 1.9 takes a match zero bytes back for what the room held before: no other page may show there.
     */
    memset(page, 0, page_size);
    int size = LZ4_decompress_safe((const char *)data, (char *)page, (int)length, (int)page_size);
    return size == (int)page_size ? 0 : -EBADMSG;
}

int ltx_page_decode(const uint8_t *frame, size_t length, uint32_t page_size, uint32_t *ret_number,
                    uint8_t *page)
{
    size_t span;
    int r = ltx_page_span(frame, length, &span);
    if (r < 0)
        return r;
    if (span != length)
        return -EBADMSG;

    size_t prefix = ltx_page_prefix_size(frame);
    if (prefix > LTX_PAGE_HEADER_SIZE)
        r = ltx_decode_block(frame + prefix, length - prefix, page_size, page);
    else
        r = ltx_decode_frame(frame + prefix, length - prefix, page_size, page);
    if (r < 0)
        return r;
    *ret_number = ltx_read_u32(frame);
    return 0;
}
