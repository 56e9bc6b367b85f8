/* The header, all integers big-endian:
 *
 *     magic "LTX1" | flags u32 | page size u32 | commit u32 | min TXID u64 | max TXID u64 | timestamp i64
 *     pre-apply checksum u64 | WAL offset i64 | WAL size i64 | salt u32[2] | node id u64 | 20 unused bytes
 *
 * The end of a file: the index's entries, the u64 of how many bytes they take, and the trailer: post-apply
 * checksum u64, file checksum u64. */
#include "litemount/ltx.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "ltx_parts.h"

#define MAGIC "LTX1"
#define PAGE_SIZE_MIN 512
#define PAGE_SIZE_MAX 65536

uint32_t ltx_read_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

uint64_t ltx_read_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return be64toh(value);
}

static bool ltx_is_page_size(uint32_t size)
{
    return size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

/* Nothing stands before the first transaction, and nothing is told where no checksums are kept. */
static bool ltx_pre_apply_checksum_fits(const struct ltx_header *header)
{
    if (header->min_txid == 1 || header->flags & LTX_FLAG_NO_CHECKSUM)
        return header->pre_apply_checksum == 0;
    return header->pre_apply_checksum & LTX_CHECKSUM_SET;
}

/* Offset 0 of a WAL is its header: no transaction begins there, so it means that there was no WAL. */
static bool ltx_wal_position_fits(const struct ltx_header *header)
{
    if (header->wal_offset == 0)
        return header->wal_size == 0 && header->salt[0] == 0 && header->salt[1] == 0;
    return header->wal_offset <= INT64_MAX && header->wal_size <= INT64_MAX;
}

int ltx_header_parse(const uint8_t bytes[static LTX_HEADER_SIZE], struct ltx_header *ret_header)
{
    struct ltx_header header = {
        .flags = ltx_read_u32(bytes + 4),
        .page_size = ltx_read_u32(bytes + 8),
        .commit = ltx_read_u32(bytes + 12),
        .min_txid = ltx_read_u64(bytes + 16),
        .max_txid = ltx_read_u64(bytes + 24),
        .timestamp = (int64_t)ltx_read_u64(bytes + 32),
        .pre_apply_checksum = ltx_read_u64(bytes + 40),
        .wal_offset = ltx_read_u64(bytes + 48),
        .wal_size = ltx_read_u64(bytes + 56),
        .salt = {ltx_read_u32(bytes + 64), ltx_read_u32(bytes + 68)},
    };

    if (memcmp(bytes, MAGIC, strlen(MAGIC)) != 0 || header.flags & ~LTX_FLAG_NO_CHECKSUM ||
        !ltx_is_page_size(header.page_size))
        return -EBADMSG;
    if (header.min_txid == 0 || header.max_txid < header.min_txid)
        return -EBADMSG;
    if (!ltx_pre_apply_checksum_fits(&header) || !ltx_wal_position_fits(&header))
        return -EBADMSG;
    *ret_header = header;
    return 0;
}

void ltx_trailer_parse(const uint8_t bytes[static LTX_TRAILER_SIZE], struct ltx_trailer *ret_trailer)
{
    *ret_trailer = (struct ltx_trailer){ltx_read_u64(bytes), ltx_read_u64(bytes + 8)};
}

int ltx_index_locate(const uint8_t *tail, size_t length, uint64_t file_size, uint64_t *ret_offset,
                     uint64_t *ret_size)
{
    if (length < LTX_INDEX_TAIL_SIZE || length > file_size || file_size < LTX_FILE_SIZE_MIN)
        return -EBADMSG;
    uint64_t size = ltx_read_u64(tail + length - LTX_INDEX_TAIL_SIZE);
    if (size == 0 || size > file_size - (LTX_FILE_SIZE_MIN - LTX_INDEX_SIZE_MIN))
        return -EBADMSG;
    *ret_offset = file_size - LTX_INDEX_TAIL_SIZE - size;
    *ret_size = size;
    return 0;
}
