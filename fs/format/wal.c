/* All integers of a WAL are big-endian, except that the words which the checksum adds are read in the byte
 * order that the magic's lowest bit names (1: big-endian).
 *
 *     header: magic | version | page size | checkpoint sequence | salt[2] | checksum[2] of the 24 bytes
 * before frame:  page number | database size at a commit, else 0 | salt[2] | checksum[2] | the page
 *
 * A step of the checksum takes two words x, y:   s0 += x + s1;  s1 += y + s0.
 * It starts at zero for the header, and goes on from there over the first 8 bytes and the page of each frame;
 * a frame counts only if its salts are the header's and its checksum is the chain's value. */
#include "litemount/wal.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"

#define MAGIC UINT32_C(0x377f0682)
#define MAGIC_BIG_ENDIAN UINT32_C(1)
#define VERSION UINT32_C(3007000)
#define PAGE_SIZE_MIN 512
#define PAGE_SIZE_MAX 65536

#define HEADER_CHECKED_SIZE 24 /* bytes of the WAL header that its checksum covers */
#define FRAME_CHECKED_SIZE 8   /* bytes of a frame header that its checksum covers */

struct wal_parser {
    struct wal_segment segment; /* as read so far; chain_after moves with the frames */
    size_t frames_capacity;
    bool has_header;   /* segment.header is known */
    bool starts_chain; /* the next frame is the first of a segment whose WAL header lies in another one */
    int error;         /* what ended the parsing, and what every later call answers */
    size_t carry_size; /* bytes of a header or frame that is not whole yet */
    uint8_t carry[WAL_FRAME_HEADER_SIZE + PAGE_SIZE_MAX];
};

static uint32_t wal_read_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

static inline uint32_t wal_read_word(const uint8_t *bytes, bool big_endian)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return big_endian ? be32toh(word) : le32toh(word);
}

/* Moves the chain over `length` bytes, a multiple of 8. Always inlined, so that a loop has one byte order. */
static inline __attribute__((always_inline)) void
wal_chain_advance_in(uint32_t chain[2], const uint8_t *bytes, size_t length, bool big_endian)
{
    uint32_t s0 = chain[0], s1 = chain[1];
    for (size_t i = 0; i < length; i += 8) {
        s0 += wal_read_word(bytes + i, big_endian) + s1;
        s1 += wal_read_word(bytes + i + 4, big_endian) + s0;
    }
    chain[0] = s0;
    chain[1] = s1;
}

static void wal_chain_advance(uint32_t chain[2], const uint8_t *bytes, size_t length, bool big_endian)
{
    if (big_endian)
        wal_chain_advance_in(chain, bytes, length, true);
    else
        wal_chain_advance_in(chain, bytes, length, false);
}

/* Moves the chain back to what it was before `length` bytes. The step's second half added y and the *new* s0,
 * which is what we have, so taking both away gives the old s1; with that the first half is undone too. */
static void wal_chain_retreat(uint32_t chain[2], const uint8_t *bytes, size_t length, bool big_endian)
{
    for (size_t i = length; i > 0; i -= 8) {
        chain[1] -= wal_read_word(bytes + i - 4, big_endian) + chain[0];
        chain[0] -= wal_read_word(bytes + i - 8, big_endian) + chain[1];
    }
}

static bool wal_is_page_size(uint32_t size)
{
    return size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

int wal_header_parse(const uint8_t bytes[static WAL_HEADER_SIZE], struct wal_header *ret_header)
{
    uint32_t magic = wal_read_u32(bytes);
    struct wal_header header = {
        .big_endian = magic & MAGIC_BIG_ENDIAN,
        .page_size = wal_read_u32(bytes + 8),
        .checkpoint_sequence = wal_read_u32(bytes + 12),
        .salt = {wal_read_u32(bytes + 16), wal_read_u32(bytes + 20)},
        .checksum = {wal_read_u32(bytes + 24), wal_read_u32(bytes + 28)},
    };
    uint32_t chain[2] = {0, 0};

    if ((magic & ~MAGIC_BIG_ENDIAN) != MAGIC || wal_read_u32(bytes + 4) != VERSION ||
        !wal_is_page_size(header.page_size))
        return -EBADMSG;
    wal_chain_advance(chain, bytes, HEADER_CHECKED_SIZE, header.big_endian);
    if (chain[0] != header.checksum[0] || chain[1] != header.checksum[1])
        return -EBADMSG;
    *ret_header = header;
    return 0;
}

void wal_segment_finish(struct wal_segment *segment)
{
    free(segment->frames);
    *segment = (struct wal_segment){0};
}

int wal_parser_open(const struct wal_header *header, struct wal_parser **ret_parser)
{
    struct wal_parser *parser = malloc(sizeof *parser);
    if (!parser)
        return -ENOMEM;
    memset(parser, 0, offsetof(struct wal_parser, carry));
    if (header) {
        parser->segment.header = *header;
        parser->has_header = true;
        parser->starts_chain = true;
    }
    *ret_parser = parser;
    return 0;
}

void wal_parser_expect(struct wal_parser *parser, const uint32_t chain[2])
{
    parser->starts_chain = false;
    memcpy(parser->segment.chain_before, chain, sizeof parser->segment.chain_before);
    memcpy(parser->segment.chain_after, chain, sizeof parser->segment.chain_after);
}

void wal_parser_close(struct wal_parser *parser)
{
    if (!parser)
        return;
    wal_segment_finish(&parser->segment);
    free(parser);
}

static int wal_take_header(struct wal_parser *parser, const uint8_t *bytes)
{
    struct wal_segment *segment = &parser->segment;
    int r = wal_header_parse(bytes, &segment->header);
    if (r < 0)
        return r;
    parser->has_header = true;
    memcpy(segment->chain_before, segment->header.checksum, sizeof segment->chain_before);
    memcpy(segment->chain_after, segment->header.checksum, sizeof segment->chain_after);
    return 0;
}

/* Moves the chain over the frame and compares it with the frame's own checksum. Where nothing is known of the
 * chain before it, that is worked out from the frame: only the link to another segment can prove it wrong. */
static bool wal_frame_links(struct wal_parser *parser, const uint8_t *frame, const uint32_t checksum[2])
{
    struct wal_segment *segment = &parser->segment;
    const uint8_t *page = frame + WAL_FRAME_HEADER_SIZE;
    uint32_t page_size = segment->header.page_size;
    bool big_endian = segment->header.big_endian;

    if (parser->starts_chain) {
        parser->starts_chain = false;
        memcpy(segment->chain_before, checksum, sizeof segment->chain_before);
        wal_chain_retreat(segment->chain_before, page, page_size, big_endian);
        wal_chain_retreat(segment->chain_before, frame, FRAME_CHECKED_SIZE, big_endian);
        memcpy(segment->chain_after, checksum, sizeof segment->chain_after);
        return true;
    }
    wal_chain_advance(segment->chain_after, frame, FRAME_CHECKED_SIZE, big_endian);
    wal_chain_advance(segment->chain_after, page, page_size, big_endian);
    return segment->chain_after[0] == checksum[0] && segment->chain_after[1] == checksum[1];
}

static int wal_take_frame(struct wal_parser *parser, const uint8_t *bytes)
{
    struct wal_segment *segment = &parser->segment;
    struct wal_frame frame = {.page = wal_read_u32(bytes), .commit = wal_read_u32(bytes + 4)};
    const uint32_t salt[2] = {wal_read_u32(bytes + 8), wal_read_u32(bytes + 12)};
    const uint32_t checksum[2] = {wal_read_u32(bytes + 16), wal_read_u32(bytes + 20)};

    if (frame.page == 0 || salt[0] != segment->header.salt[0] || salt[1] != segment->header.salt[1])
        return -EBADMSG;
    if (!wal_frame_links(parser, bytes, checksum))
        return -EBADMSG;
    int r = ARRAY_GROW(segment->frames, parser->frames_capacity, segment->n_frames + 1);
    if (r < 0)
        return r;
    segment->frames[segment->n_frames++] = frame;
    return 0;
}

/* Bytes of what comes next: the WAL header or a frame. */
static size_t wal_unit_size(const struct wal_parser *parser)
{
    return parser->has_header ? WAL_FRAME_HEADER_SIZE + parser->segment.header.page_size : WAL_HEADER_SIZE;
}

static int wal_take_unit(struct wal_parser *parser, const uint8_t *bytes)
{
    size_t size = wal_unit_size(parser);
    int r = parser->has_header ? wal_take_frame(parser, bytes) : wal_take_header(parser, bytes);
    if (r < 0)
        return r;
    parser->segment.size += size;
    return 0;
}

/* Keeps the input's beginning, up to the end of the unit that is carried. */
static void wal_carry(struct wal_parser *parser, const uint8_t **bytes, size_t *length)
{
    size_t missing = wal_unit_size(parser) - parser->carry_size;
    size_t part = *length < missing ? *length : missing;
    memcpy(parser->carry + parser->carry_size, *bytes, part);
    parser->carry_size += part;
    *bytes += part;
    *length -= part;
}

/* Reads units where they lie in the input; only one that the input cuts is copied. */
static int wal_feed(struct wal_parser *parser, const uint8_t *bytes, size_t length)
{
    int r = 0;
    while (length && r == 0) {
        size_t size = wal_unit_size(parser);
        if (parser->carry_size == 0 && length >= size) {
            r = wal_take_unit(parser, bytes);
            bytes += size;
            length -= size;
            continue;
        }
        wal_carry(parser, &bytes, &length);
        if (parser->carry_size == size) {
            r = wal_take_unit(parser, parser->carry);
            parser->carry_size = 0;
        }
    }
    return r;
}

int wal_parser_feed(struct wal_parser *parser, const uint8_t *bytes, size_t length)
{
    if (parser->error == 0)
        parser->error = wal_feed(parser, bytes, length);
    return parser->error;
}

int wal_parser_end(struct wal_parser *parser, struct wal_segment *ret_segment)
{
    if (parser->error < 0)
        return parser->error;
    if (parser->carry_size || !parser->has_header || parser->starts_chain)
        return -EBADMSG;
    *ret_segment = parser->segment;
    parser->segment = (struct wal_segment){0};
    parser->frames_capacity = 0;
    parser->error = -EBADMSG; /* the segment is handed over: there is nothing more to feed or to end */
    return 0;
}
