#include "litemount/lz4frame.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>

#include "litemount/cleanup.h"
#include "lz4_scan.h"

#define PIECE_SIZE (256 * 1024) /* bytes: stays in a core's own cache on the way to the sink */

struct lz4_stream {
    LZ4F_dctx *decoder;
    uint8_t header[LZ4_FRAME_HEADER_MAX]; /* gathered here until it is whole, then checked, then decoded */
    size_t header_size;                   /* bytes gathered */
    bool header_checked;
    struct lz4_frame frame; /* what it told */
    struct lz4_scan scan;
    bool done;
    int error; /* what ended the decoding early, and what every later feed answers */
    uint8_t piece[PIECE_SIZE];
};

int lz4_stream_open(struct lz4_stream **ret_stream)
{
    _cleanup_free_ struct lz4_stream *stream = malloc(sizeof *stream);
    if (!stream)
        return -ENOMEM;
    /* The piece is left as it is: a stream that is never fed shall not cost its memory. */
    memset(stream, 0, offsetof(struct lz4_stream, piece));
    if (LZ4F_isError(LZ4F_createDecompressionContext(&stream->decoder, LZ4F_VERSION)))
        return -ENOMEM;
    *ret_stream = steal_pointer(stream);
    return 0;
}

void lz4_stream_close(struct lz4_stream *stream)
{
    if (!stream)
        return;
    LZ4F_freeDecompressionContext(stream->decoder);
    free(stream);
}

bool lz4_stream_done(const struct lz4_stream *stream)
{
    return stream->done;
}

/* A lack of memory must not look like damage. The shared liblz4 tells them apart by name only. */
static int lz4_decoder_error(size_t code)
{
    return strcmp(LZ4F_getErrorName(code), "ERROR_allocation_failed") == 0 ? -ENOMEM : -EBADMSG;
}

/* Gives `length` bytes to the decoder, and what it makes of them to the sink. What does not fit into one
 * piece comes with the next, at the latest when the decoder is given the end mark: it takes nothing before it
 * is empty. */
static int lz4_decode(struct lz4_stream *stream, const uint8_t *bytes, size_t length, lz4_sink *sink,
                      void *context)
{
    while (length && !stream->done) {
        size_t taken = length, made = sizeof stream->piece;
        size_t hint = LZ4F_decompress(stream->decoder, stream->piece, &made, bytes, &taken, NULL);
        if (LZ4F_isError(hint))
            return lz4_decoder_error(hint);
        bytes += taken;
        length -= taken;
        int r = made ? sink(context, stream->piece, made) : 0;
        if (r < 0)
            return r;
        stream->done = hint == 0;
    }
    return 0;
}

/* Moves bytes from the input to the header until that has `size`. */
static void lz4_gather(struct lz4_stream *stream, const uint8_t **bytes, size_t *length, size_t size)
{
    size_t missing = stream->header_size < size ? size - stream->header_size : 0;
    size_t part = *length < missing ? *length : missing;
    memcpy(stream->header + stream->header_size, *bytes, part);
    stream->header_size += part;
    *bytes += part;
    *length -= part;
}

/* Takes the frame header. liblz4 would also accept what no Litestream object is: a frame to be skipped, or
 * one that needs a dictionary, which it would decode to wrong bytes. So our own parser judges the header
 * first. */
static int lz4_take_header(struct lz4_stream *stream, const uint8_t **bytes, size_t *length)
{
    lz4_gather(stream, bytes, length, LZ4_FRAME_HEADER_MIN);
    if (stream->header_size < LZ4_FRAME_HEADER_MIN)
        return 0;
    size_t size = LZ4F_headerSize(stream->header, stream->header_size);
    if (LZ4F_isError(size))
        return -EBADMSG;
    lz4_gather(stream, bytes, length, size);
    if (stream->header_size < size)
        return 0;

    int r = lz4_frame_parse(stream->header, stream->header_size, &stream->frame);
    stream->header_checked = r == 0;
    lz4_scan_init(&stream->scan, &stream->frame);
    return r < 0 ? r : lz4_decode(stream, stream->header, stream->header_size, NULL, NULL);
}

static int lz4_feed(struct lz4_stream *stream, const uint8_t *bytes, size_t length, lz4_sink *sink,
                    void *context)
{
    if (length && !stream->header_checked) {
        int r = lz4_take_header(stream, &bytes, &length);
        if (r < 0)
            return r;
    }
    int r = stream->header_checked ? lz4_scan_feed(&stream->scan, bytes, length) : 0;
    return r < 0 ? r : lz4_decode(stream, bytes, length, sink, context);
}

int lz4_stream_feed(struct lz4_stream *stream, const uint8_t *bytes, size_t length, lz4_sink *sink,
                    void *context)
{
    if (stream->error == 0)
        stream->error = lz4_feed(stream, bytes, length, sink, context);
    return stream->error;
}
