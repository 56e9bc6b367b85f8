#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data_files.h"
#include "litemount/wal.h"

/* Segments of Litestream, decoded by the lz4 program. The chain comes from tests/data/v03/make.py, which
 * computes it as SQLite's documentation says and found it in every frame. */
static const struct {
    const char *file;
    bool later; /* follows the case above it in the same WAL, else it begins one */
    size_t n_frames;
    uint32_t chain_before[2], chain_after[2];
    uint32_t page_size;
    bool big_endian;
} cases[] = {
    {"v03/p512-00000001_00000000.wal",
     false,
     1,
     {0x936f5185, 0x380b7b1c},
     {0xa5542544, 0x86ec8786},
     512,
     false},
    {"v03/p512-00000001_00000238.wal",
     true,
     14,
     {0xa5542544, 0x86ec8786},
     {0x5631e74e, 0x14d020b9},
     512,
     false},
    {"v03/p512-00000001_00001f88.wal",
     true,
     35,
     {0x5631e74e, 0x14d020b9},
     {0x975dd3ac, 0x17b77493},
     512,
     false},
    {"v03/p65536-00000001_00000000.wal",
     false,
     1,
     {0xb84c98b4, 0xd786e83a},
     {0x999c1e9e, 0x7be6a9eb},
     65536,
     false},
    {"v03/p512-big-endian.wal", false, 50, {0x88536f95, 0x217e0c3a}, {0xc2ff0683, 0xdd286bfc}, 512, true},
};
#define N_CASES (sizeof cases / sizeof *cases)

/* Feeds the bytes in pieces of `step`. */
static int parse(const struct wal_header *header, const struct buffer *bytes, size_t step,
                 struct wal_segment *ret_segment)
{
    struct wal_parser *parser;
    int r = wal_parser_open(header, &parser);
    for (size_t at = 0; r == 0 && at < bytes->size; at += step) {
        size_t rest = bytes->size - at;
        r = wal_parser_feed(parser, bytes->data + at, rest < step ? rest : step);
    }
    if (r == 0)
        r = wal_parser_end(parser, ret_segment);
    else
        assert_int_equal(wal_parser_end(parser, ret_segment), r);
    wal_parser_close(parser);
    return r;
}

static uint32_t be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void assert_chain(const uint32_t got[2], const uint32_t wanted[2])
{
    assert_int_equal(got[0], wanted[0]);
    assert_int_equal(got[1], wanted[1]);
}

/* The frames are the file's own numbers, a frame header before each page. */
static void assert_frames(const struct wal_segment *segment, const struct buffer *bytes, bool at_offset_zero)
{
    for (size_t n = 0; n < segment->n_frames; n++) {
        uint64_t page = (at_offset_zero ? 32 : 0) + n * (24 + segment->header.page_size) + 24;
        assert_int_equal(segment->frames[n].page, be32(bytes->data + page - 24));
        assert_int_equal(segment->frames[n].commit, be32(bytes->data + page - 20));
    }
    assert_true(segment->frames[segment->n_frames - 1].commit > 0);
}

static void reads_segments_cut_anywhere(void **state)
{
    static const size_t steps[] = {1, 31, 536, 4099, SIZE_MAX / 2};
    for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
        struct wal_header header = {0};
        for (size_t i = 0; i < N_CASES; i++) {
            struct buffer bytes = read_data(cases[i].file);
            struct wal_segment segment;
            print_message("%s by %zu\n", cases[i].file, steps[j]);
            assert_int_equal(parse(cases[i].later ? &header : NULL, &bytes, steps[j], &segment), 0);
            assert_int_equal(segment.size, bytes.size);
            assert_int_equal(segment.n_frames, cases[i].n_frames);
            assert_int_equal(segment.header.page_size, cases[i].page_size);
            assert_int_equal(segment.header.big_endian, cases[i].big_endian);
            assert_chain(segment.chain_before, cases[i].chain_before);
            assert_chain(segment.chain_after, cases[i].chain_after);
            assert_frames(&segment, &bytes, !cases[i].later);
            header = segment.header;
            wal_segment_finish(&segment);
            buffer_finish(&bytes);
        }
    }
}

static void reads_the_header(void **state)
{
    struct buffer bytes = read_data(cases[0].file);
    struct wal_header header;
    assert_int_equal(wal_header_parse(bytes.data, &header), 0);
    assert_int_equal(header.page_size, 512);
    assert_false(header.big_endian);
    assert_int_equal(header.checkpoint_sequence, be32(bytes.data + 12));
    assert_int_equal(header.salt[0], be32(bytes.data + 16));
    assert_int_equal(header.salt[1], be32(bytes.data + 20));
    assert_chain(header.checksum, cases[0].chain_before);
    buffer_finish(&bytes);
}

static void reads_a_header_without_frames(void **state)
{
    struct buffer bytes = read_data(cases[0].file);
    struct wal_segment segment;
    bytes.size = WAL_HEADER_SIZE;
    assert_int_equal(parse(NULL, &bytes, 1, &segment), 0);
    assert_int_equal(segment.n_frames, 0);
    assert_int_equal(segment.size, WAL_HEADER_SIZE);
    assert_chain(segment.chain_before, cases[0].chain_before);
    assert_chain(segment.chain_after, cases[0].chain_before);
    wal_segment_finish(&segment);
    buffer_finish(&bytes);
}

/* A later segment's first frame has nothing before it to be checked against: every bit of it that is wrong
 * must make the segment fail or link to nothing. */
static void damage_in_a_first_frame_breaks_the_link(void **state)
{
    struct buffer first = read_data(cases[0].file), bytes = read_data(cases[1].file);
    struct wal_header header;
    assert_int_equal(wal_header_parse(first.data, &header), 0);
    bytes.size = 2 * (WAL_FRAME_HEADER_SIZE + 512);
    for (size_t bit = 0; bit < 8 * (WAL_FRAME_HEADER_SIZE + 512); bit++) {
        struct wal_segment segment;
        bytes.data[bit / 8] ^= 1 << bit % 8;
        if (parse(&header, &bytes, bytes.size, &segment) == 0) {
            assert_memory_not_equal(segment.chain_before, cases[1].chain_before, sizeof segment.chain_before);
            wal_segment_finish(&segment);
        }
        bytes.data[bit / 8] ^= 1 << bit % 8;
    }
    buffer_finish(&first);
    buffer_finish(&bytes);
}

static void ends_only_once(void **state)
{
    struct buffer bytes = read_data(cases[0].file);
    struct wal_parser *parser;
    struct wal_segment segment;
    assert_int_equal(wal_parser_open(NULL, &parser), 0);
    assert_int_equal(wal_parser_feed(parser, bytes.data, bytes.size), 0);
    assert_int_equal(wal_parser_end(parser, &segment), 0);
    wal_segment_finish(&segment);
    assert_int_equal(wal_parser_end(parser, &segment), -EBADMSG);
    assert_int_equal(wal_parser_feed(parser, bytes.data, bytes.size), -EBADMSG);
    wal_parser_close(parser);
    buffer_finish(&bytes);
}

/* `later-*` stands behind offset 0 in the WAL of the first case. */
static void assert_refused(const char *name, const struct buffer *bytes)
{
    struct buffer first = read_data(cases[0].file);
    struct wal_header header;
    struct wal_segment segment;
    bool later = strncmp(name, "later-", 6) == 0;
    assert_int_equal(wal_header_parse(first.data, &header), 0);
    assert_int_equal(parse(later ? &header : NULL, bytes, 1, &segment), -EBADMSG);
    assert_int_equal(parse(later ? &header : NULL, bytes, SIZE_MAX / 2, &segment), -EBADMSG);
    buffer_finish(&first);
}

static void refuses_what_is_damaged(void **state)
{
    each_refused("wal", assert_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_segments_cut_anywhere),
        cmocka_unit_test(reads_the_header),
        cmocka_unit_test(reads_a_header_without_frames),
        cmocka_unit_test(damage_in_a_first_frame_breaks_the_link),
        cmocka_unit_test(ends_only_once),
        cmocka_unit_test(refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
