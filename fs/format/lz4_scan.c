#include "lz4_scan.h"

#include <errno.h>
#include <string.h>

void lz4_scan_init(struct lz4_scan *scan, const struct lz4_frame *frame)
{
    *scan = (struct lz4_scan){.frame = frame};
}

/* The next byte of a block's sequences: a token, more of the literals' length, the literals (skipped), an
 * offset, more of the match's length. The last sequence ends with its literals. */
static bool scan_byte(struct lz4_scan *scan, uint8_t byte)
{
    switch (scan->state) {
    case SCAN_TOKEN:
        scan->token = byte;
        scan->literals = byte >> 4;
        scan->state = byte >> 4 == 15 ? SCAN_LITERAL_LENGTH : SCAN_OFFSET_LOW;
        return true;
    case SCAN_LITERAL_LENGTH:
        scan->literals += byte;
        scan->state = byte == 255 ? SCAN_LITERAL_LENGTH : SCAN_OFFSET_LOW;
        return true;
    case SCAN_OFFSET_LOW:
        scan->offset_low = byte;
        scan->state = SCAN_OFFSET_HIGH;
        return true;
    case SCAN_OFFSET_HIGH:
        scan->state = (scan->token & 15) == 15 ? SCAN_MATCH_LENGTH : SCAN_TOKEN;
        return byte || scan->offset_low;
    case SCAN_MATCH_LENGTH:
        scan->state = byte == 255 ? SCAN_MATCH_LENGTH : SCAN_TOKEN;
        return true;
    }
    return false;
}

/* Takes bytes of a block's data, at most as many as are left of it. Literals can't be skipped before their
 * length is known. */
static bool scan_data(struct lz4_scan *scan, const uint8_t *bytes, size_t length)
{
    scan->data_left -= length;
    while (length) {
        if (scan->literals && scan->state != SCAN_LITERAL_LENGTH) {
            size_t part = scan->literals < length ? scan->literals : length;
            scan->literals -= part;
            bytes += part;
            length -= part;
        } else {
            length--;
            if (!scan_byte(scan, *bytes++))
                return false;
        }
    }
    return true;
}

/* A block header is there. */
static int scan_begin(struct lz4_scan *scan)
{
    struct lz4_block block;

    if (lz4_block_parse(scan->frame, scan->header, &block) < 0)
        return -EBADMSG;
    scan->header_size = 0;
    scan->state = SCAN_TOKEN;
    scan->literals = 0;
    scan->ended = block.end;
    scan->data_left = block.raw ? 0 : block.size;
    scan->behind = block.span - LZ4_BLOCK_HEADER_SIZE - scan->data_left;
    return 0;
}

/* Takes some of the bytes. Returns how many, or -EBADMSG. */
static int64_t scan_part(struct lz4_scan *scan, const uint8_t *bytes, size_t length)
{
    size_t missing = sizeof scan->header - scan->header_size;

    if (scan->data_left) {
        length = length < scan->data_left ? length : scan->data_left;
        return scan_data(scan, bytes, length) ? (int64_t)length : -EBADMSG;
    }
    if (scan->behind) {
        length = length < scan->behind ? length : scan->behind;
        scan->behind -= length;
        return (int64_t)length;
    }
    length = length < missing ? length : missing;
    memcpy(scan->header + scan->header_size, bytes, length);
    scan->header_size += length;
    if (scan->header_size == sizeof scan->header && scan_begin(scan) < 0)
        return -EBADMSG;
    return (int64_t)length;
}

int lz4_scan_feed(struct lz4_scan *scan, const uint8_t *bytes, size_t length)
{
    while (length && !scan->ended) {
        int64_t n = scan_part(scan, bytes, length);
        if (n < 0)
            return (int)n;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}
