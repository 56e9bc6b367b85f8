/* A CRC of several parts follows from the CRCs of the parts: what came before is shifted by as many zero
 * bytes as a part is long, and the part's own is added. Shifting by a given length is linear, so it is a
 * table: that of the frames, which are all of one length once they are decoded, is made once. */
#include <isa-l/crc64.h>
#include <string.h>

#include "ltx_parts.h"

#define PREFIX_MOST 10 /* bytes: page number, flags, size */
#define VARINT_MOST 10 /* bytes */

/* isa-l's takes and gives the complement of the sum; this one goes on from the sum as it is, at first 0. */
static uint64_t ltx_plain_sum(uint64_t sum, const uint8_t *bytes, size_t length)
{
    return ~crc64_iso_refl(~sum, bytes, length);
}

static void ltx_add(struct ltx_sum *sum, const uint8_t *bytes, size_t length)
{
    sum->checksum = crc64_iso_refl(sum->checksum, bytes, length);
}

static void ltx_write_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void ltx_write_u64(uint8_t *bytes, uint64_t value)
{
    ltx_write_u32(bytes, (uint32_t)(value >> 32));
    ltx_write_u32(bytes + 4, (uint32_t)value);
}

/* What each byte of a sum becomes when as many zero bytes follow as a decoded frame has. */
static void ltx_make_shift(struct ltx_sum *sum)
{
    static const uint8_t zeros[PREFIX_MOST + 65536];

    for (unsigned byte = 0; byte < 8; byte++) {
        sum->shift[byte][0] = 0;
        for (unsigned bit = 0; bit < 8; bit++) {
            uint64_t shifted =
                ltx_plain_sum(UINT64_C(1) << (8 * byte + bit), zeros, sum->prefix + sum->page_size);
            for (unsigned rest = 0; rest < 1u << bit; rest++)
                sum->shift[byte][1u << bit | rest] = shifted ^ sum->shift[byte][rest];
        }
    }
}

void ltx_sum_begin(struct ltx_sum *sum, const uint8_t start[static LTX_START_SIZE], size_t page_size)
{
    const uint8_t *frame = start + LTX_HEADER_SIZE;

    sum->checksum = sum->index_size = 0;
    memcpy(sum->flags, frame + 4, sizeof sum->flags);
    sum->prefix = ltx_page_prefix_size(frame);
    sum->page_size = page_size;
    ltx_make_shift(sum);
    ltx_add(sum, start, LTX_HEADER_SIZE);
}

uint64_t ltx_frame_sum(const uint8_t *frame, const uint8_t *page, size_t page_size)
{
    return ltx_plain_sum(ltx_plain_sum(0, frame, ltx_page_prefix_size(frame)), page, page_size);
}

uint64_t ltx_page_sum(const struct ltx_sum *sum, const struct ltx_page *place, const uint8_t *page)
{
    uint8_t prefix[PREFIX_MOST] = {[4] = sum->flags[0], [5] = sum->flags[1]};

    ltx_write_u32(prefix, place->number);
    ltx_write_u32(prefix + LTX_PAGE_HEADER_SIZE, place->size - (uint32_t)sum->prefix);
    return ltx_plain_sum(ltx_plain_sum(0, prefix, sum->prefix), page, sum->page_size);
}

void ltx_sum_add(struct ltx_sum *sum, uint64_t page_sum)
{
    uint64_t before = ~sum->checksum, shifted = 0;

    for (unsigned byte = 0; byte < 8; byte++)
        shifted ^= sum->shift[byte][before >> 8 * byte & 0xff];
    sum->checksum = ~(shifted ^ page_sum);
}

void ltx_sum_begin_index(struct ltx_sum *sum)
{
    static const uint8_t end[LTX_PAGE_HEADER_SIZE];
    ltx_add(sum, end, sizeof end);
}

static size_t ltx_write_varint(uint8_t *bytes, uint64_t value)
{
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return n;
}

void ltx_sum_add_entry(struct ltx_sum *sum, const struct ltx_page *place)
{
    uint8_t bytes[3 * VARINT_MOST];
    size_t n = ltx_write_varint(bytes, place->number);

    n += ltx_write_varint(bytes + n, place->offset);
    n += ltx_write_varint(bytes + n, place->size);
    ltx_add(sum, bytes, n);
    sum->index_size += n;
}

uint64_t ltx_sum_end(struct ltx_sum *sum, uint64_t post_apply_checksum)
{
    uint8_t bytes[1 + 8 + 8] = {0}; /* the entries' end mark, their size, and the database's checksum */

    ltx_write_u64(bytes + 1, sum->index_size + 1);
    ltx_write_u64(bytes + 9, post_apply_checksum);
    ltx_add(sum, bytes, sizeof bytes);
    return sum->checksum | LTX_CHECKSUM_SET;
}
