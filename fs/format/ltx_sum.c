#include <isa-l/crc64.h>

#include "ltx_parts.h"

#define PREFIX_MOST 10 /* bytes: page number, flags, size */

static void add(struct ltx_sum *sum, const uint8_t *bytes, size_t length)
{
    sum->checksum = crc64_iso_refl(sum->checksum, bytes, length);
}

void ltx_sum_begin(struct ltx_sum *sum, const uint8_t start[static LTX_HEADER_SIZE + LTX_PAGE_HEADER_SIZE])
{
    const uint8_t *frame = start + LTX_HEADER_SIZE;

    *sum = (struct ltx_sum){.flags = {frame[4], frame[5]}, .prefix = ltx_page_prefix_size(frame)};
    add(sum, start, LTX_HEADER_SIZE);
}

static void write_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

void ltx_sum_add(struct ltx_sum *sum, const struct ltx_page *place, const uint8_t *page, size_t page_size)
{
    uint8_t prefix[PREFIX_MOST] = {[4] = sum->flags[0], [5] = sum->flags[1]};

    write_u32(prefix, place->number);
    write_u32(prefix + LTX_PAGE_HEADER_SIZE, place->size - (uint32_t)sum->prefix);
    add(sum, prefix, sum->prefix);
    add(sum, page, page_size);
}

bool ltx_sum_holds(struct ltx_sum *sum, const uint8_t *end, size_t length)
{
    if (length < LTX_PAGE_HEADER_SIZE + LTX_INDEX_SIZE_MIN + LTX_INDEX_TAIL_SIZE)
        return false;
    add(sum, end, length - sizeof sum->checksum);
    return ltx_read_u64(end + length - sizeof sum->checksum) == (sum->checksum | LTX_CHECKSUM_SET);
}
