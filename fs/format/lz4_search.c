/* Finding a block's beginning in the middle of a frame, which has no index.
 *
 * A header's four bytes say little, but a block that depends on none before it can't refer to what lies
 * before its own beginning. Random data, taken for a block, does so within a few bytes; so a place that
 * decodes for 64 KiB is rarely anything else. Where the database itself holds LZ4 frames it may well be. */
#include <lz4.h>

#include "litemount/lz4frame.h"

#define TOKEN_ROOM 16 /* bytes that a sequence may take besides its literals, at least */

/* How many bytes `length` bytes of data decode to at least, if the block goes on behind them: literals, which
 * take a byte more for every 255. */
static size_t lz4_surely_decoded(size_t length)
{
    size_t size = length > TOKEN_ROOM ? (length - TOKEN_ROOM) / 256 * 255 : 0;
    return size < LZ4_LOOK_SIZE ? size : LZ4_LOOK_SIZE;
}

bool lz4_block_looks(const struct lz4_frame *frame, const uint8_t *bytes, size_t length,
                     uint8_t scratch[static LZ4_LOOK_SIZE])
{
    struct lz4_block block, next;

    if (length < LZ4_BLOCK_HEADER_SIZE || lz4_block_parse(frame, bytes, &block) < 0 || block.end)
        return false;
    if (length >= block.span + LZ4_BLOCK_HEADER_SIZE && lz4_block_parse(frame, bytes + block.span, &next) < 0)
        return false;
    if (block.raw || block.size == frame->block_max)
        return block.raw && block.size == frame->block_max; /* what does not shrink is stored, whole */
    size_t given = length - LZ4_BLOCK_HEADER_SIZE;
    size_t wanted = given >= block.size ? LZ4_LOOK_SIZE : lz4_surely_decoded(given);
    if (given > block.size)
        given = block.size;
    return LZ4_decompress_safe_partial((const char *)bytes + LZ4_BLOCK_HEADER_SIZE, (char *)scratch,
                                       (int)given, (int)wanted, (int)wanted) == (int)wanted;
}

size_t lz4_block_search(const struct lz4_frame *frame, const uint8_t *bytes, size_t length, size_t limit,
                        uint8_t scratch[static LZ4_LOOK_SIZE])
{
    size_t end = length < LZ4_BLOCK_HEADER_SIZE ? 0 : length - LZ4_BLOCK_HEADER_SIZE + 1;

    for (size_t at = 0; at < limit && at < end; at++)
        /* Most places are no header by their last byte: sizes have 23 bits, and one bit says raw. */
        if ((bytes[at + 3] & 0x7f) == 0 && lz4_block_looks(frame, bytes + at, length - at, scratch))
            return at;
    return limit;
}
