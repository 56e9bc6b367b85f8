/* The frame header (LZ4 frame format 1.6.3, "Frame Descriptor"), all integers little-endian:
 *
 *     magic u32 | FLG u8 | BD u8 | content size u64, if FLG says so | header checksum u8
 *
 * FLG, high to low: version (2 bits), independent blocks, block checksum, content size, content checksum, one
 * reserved bit, dictionary id. BD: one reserved bit, block maximum size (3 bits), four reserved bits. Blocks
 * follow, each a u32 (highest bit: stored as it is; the rest: bytes of data), the data, and its checksum if
 * FLG says so; a u32 of zero ends them. */
#include "litemount/lz4frame.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <lz4.h>
#include <xxhash.h>

#define FRAME_MAGIC UINT32_C(0x184D2204)
#define CHECKSUM_SIZE 4 /* bytes, behind a block or the end mark */

#define FLAGS_VERSION_MASK 0xc0
#define FLAGS_VERSION 0x40
#define FLAGS_INDEPENDENT 0x20
#define FLAGS_BLOCK_CHECKSUM 0x10
#define FLAGS_CONTENT_SIZE 0x08
#define FLAGS_CONTENT_CHECKSUM 0x04
#define FLAGS_RESERVED 0x02
#define FLAGS_DICTIONARY 0x01

#define BLOCK_MAX_SHIFT 4
#define BLOCK_MAX_RESERVED 0x8f
#define BLOCK_MAX_SMALLEST 4 /* 64 KiB; each step up is four times as much, 7 is 4 MiB */

#define BLOCK_RAW UINT32_C(0x80000000)

static uint32_t lz4_read_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

static uint64_t lz4_read_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return le64toh(value);
}

/* The second byte of the checksum over everything between the magic and the checksum itself. */
static bool lz4_header_checksum_holds(const uint8_t *header, size_t size)
{
    uint32_t hash = XXH32(header + sizeof(uint32_t), size - sizeof(uint32_t) - 1, 0);
    return header[size - 1] == (uint8_t)(hash >> 8);
}

uint32_t lz4_frame_tail(const struct lz4_frame *frame)
{
    return LZ4_BLOCK_HEADER_SIZE + (frame->content_checksum ? CHECKSUM_SIZE : 0);
}

int lz4_frame_parse(const void *bytes, size_t length, struct lz4_frame *ret_frame)
{
    const uint8_t *header = bytes;
    if (length < LZ4_FRAME_HEADER_MIN || lz4_read_u32(header) != FRAME_MAGIC)
        return -EBADMSG;

    uint8_t flags = header[4], block_max = header[5];
    if ((flags & FLAGS_VERSION_MASK) != FLAGS_VERSION || flags & (FLAGS_RESERVED | FLAGS_DICTIONARY))
        return -EBADMSG;
    if (block_max & BLOCK_MAX_RESERVED || block_max >> BLOCK_MAX_SHIFT < BLOCK_MAX_SMALLEST)
        return -EBADMSG;

    bool has_content_size = flags & FLAGS_CONTENT_SIZE;
    uint32_t size = LZ4_FRAME_HEADER_MIN + (has_content_size ? sizeof(uint64_t) : 0);
    if (length < size || !lz4_header_checksum_holds(header, size))
        return -EBADMSG;

    *ret_frame = (struct lz4_frame){
        .independent = flags & FLAGS_INDEPENDENT,
        .block_checksum = flags & FLAGS_BLOCK_CHECKSUM,
        .content_checksum = flags & FLAGS_CONTENT_CHECKSUM,
        .has_content_size = has_content_size,
        .content_size = has_content_size ? lz4_read_u64(header + 6) : 0,
        .block_max = UINT32_C(65536) << 2 * ((block_max >> BLOCK_MAX_SHIFT) - BLOCK_MAX_SMALLEST),
        .header_size = size,
    };
    return 0;
}

int lz4_block_parse(const struct lz4_frame *frame, const uint8_t bytes[static LZ4_BLOCK_HEADER_SIZE],
                    struct lz4_block *ret_block)
{
    uint32_t word = lz4_read_u32(bytes);
    uint32_t size = word & ~BLOCK_RAW;
    if (size > frame->block_max)
        return -EBADMSG;
    if (word == 0) {
        *ret_block = (struct lz4_block){.end = true, .span = LZ4_BLOCK_HEADER_SIZE};
        return 0;
    }
    *ret_block = (struct lz4_block){
        .raw = word & BLOCK_RAW,
        .size = size,
        .span = LZ4_BLOCK_HEADER_SIZE + size + (frame->block_checksum ? CHECKSUM_SIZE : 0),
    };
    return 0;
}

/* liblz4 1.9 takes a match zero bytes back for what the room held before: nothing of another block may show
 * there. */
static void lz4_clear(uint8_t *out, size_t size)
{
    memset(out, 0, size);
}

int lz4_block_decode(const struct lz4_frame *frame, const struct lz4_block *block, const uint8_t *data,
                     uint8_t *out, size_t *ret_size)
{
    /* The checksum is over the data as it stands, so it is checked before the decoder sees any of it. */
    if (frame->block_checksum && XXH32(data, block->size, 0) != lz4_read_u32(data + block->size))
        return -EBADMSG;
    if (block->raw) {
        memcpy(out, data, block->size);
        *ret_size = block->size;
        return 0;
    }
    lz4_clear(out, frame->block_max);
    int size = LZ4_decompress_safe((const char *)data, (char *)out, (int)block->size, (int)frame->block_max);
    if (size < 0)
        return -EBADMSG;
    *ret_size = (size_t)size;
    return 0;
}

int lz4_block_decode_start(const struct lz4_frame *frame, const struct lz4_block *block, const uint8_t *data,
                           size_t length, uint8_t *out, size_t wanted, size_t *ret_size)
{
    if (length > block->size)
        length = block->size;
    if (wanted > frame->block_max)
        wanted = frame->block_max;
    if (block->raw) {
        *ret_size = length < wanted ? length : wanted;
        memcpy(out, data, *ret_size);
        return 0;
    }
    lz4_clear(out, wanted);
    int size =
        LZ4_decompress_safe_partial((const char *)data, (char *)out, (int)length, (int)wanted, (int)wanted);
    if (size >= 0) {
        *ret_size = (size_t)size;
        return 0;
    }
    /* liblz4 does not tell damage from data that is cut inside a length: only the whole can be called bad. */
    if (length == block->size)
        return -EBADMSG;
    *ret_size = 0;
    return 0;
}
