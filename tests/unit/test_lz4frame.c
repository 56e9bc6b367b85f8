#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data_files.h"
#include "litemount/lz4frame.h"

#define BLOCK_MAX (4 * 1024 * 1024)

/* Objects of Litestream, and the same content with other flags, and what the lz4 program decodes them to. */
static const struct {
    const char *object, *content;
    struct lz4_frame frame;
} cases[] = {
    {"v03/p512-00000001_00000000.wal.lz4",
     "v03/p512-00000001_00000000.wal",
     {.independent = true, .content_checksum = true, .block_max = BLOCK_MAX, .header_size = 7}},
    {"v03/p512-00000001_00000238.wal.lz4",
     "v03/p512-00000001_00000238.wal",
     {.independent = true, .content_checksum = true, .block_max = BLOCK_MAX, .header_size = 7}},
    {"v03/p512-00000001_00001f88.wal.lz4",
     "v03/p512-00000001_00001f88.wal",
     {.independent = true, .content_checksum = true, .block_max = BLOCK_MAX, .header_size = 7}},
    {"v03/p65536-00000001_00000000.wal.lz4",
     "v03/p65536-00000001_00000000.wal",
     {.independent = true, .content_checksum = true, .block_max = BLOCK_MAX, .header_size = 7}},
    {"v03/p65536-00000001_00000000.wal.linked.lz4",
     "v03/p65536-00000001_00000000.wal",
     {.content_checksum = true, .block_max = 65536, .header_size = 7}},
    {"v03/p65536-00000001_00000000.wal.block-checksums.lz4",
     "v03/p65536-00000001_00000000.wal",
     {.independent = true,
      .block_checksum = true,
      .content_checksum = true,
      .block_max = 65536,
      .header_size = 7}},
    {"v03/p65536-00000001_00000000.wal.content-size.lz4",
     "v03/p65536-00000001_00000000.wal",
     {.independent = true,
      .content_checksum = true,
      .has_content_size = true,
      .content_size = 65592,
      .block_max = 262144,
      .header_size = 15}},
    {"v03/p65536-00000001_00000000.wal.no-checksum.lz4",
     "v03/p65536-00000001_00000000.wal",
     {.independent = true, .block_max = 262144, .header_size = 7}},
    {"v03/raw.lz4",
     "v03/raw",
     {.independent = true, .content_checksum = true, .block_max = 65536, .header_size = 7}},
};
#define N_CASES (sizeof cases / sizeof *cases)

static int append(void *context, const uint8_t *bytes, size_t length)
{
    assert_in_range(length, 1, 256 * 1024);
    return buffer_append(context, bytes, length);
}

/* Feeds the object in pieces of `step` bytes. */
static int decode_stream(const struct buffer *object, size_t step, struct buffer *out, bool *ret_done)
{
    struct lz4_stream *stream;
    int r = lz4_stream_open(&stream);
    for (size_t at = 0; r == 0 && at < object->size; at += step) {
        size_t rest = object->size - at;
        r = lz4_stream_feed(stream, object->data + at, rest < step ? rest : step, append, out);
    }
    *ret_done = lz4_stream_done(stream);
    lz4_stream_close(stream);
    return r;
}

/* Hops over the frame's blocks and decodes each on its own. */
static int decode_blocks(const struct buffer *object, struct buffer *out)
{
    struct lz4_frame frame;
    struct lz4_block block = {0};
    int r = lz4_frame_parse(object->data, object->size, &frame);
    if (r < 0)
        return r;
    assert_true(frame.independent);
    for (size_t at = frame.header_size;; at += block.span) {
        if (object->size - at < LZ4_BLOCK_HEADER_SIZE)
            return -EBADMSG;
        r = lz4_block_parse(&frame, object->data + at, &block);
        if (r < 0 || block.end)
            return r;
        if (object->size - at < block.span)
            return -EBADMSG;
        assert_int_equal(buffer_reserve(out, frame.block_max), 0);
        size_t size = 0;
        r = lz4_block_decode(&frame, &block, object->data + at + LZ4_BLOCK_HEADER_SIZE, out->data + out->size,
                             &size);
        if (r < 0)
            return r;
        out->size += size;
    }
}

static void assert_content(const struct buffer *got, const struct buffer *wanted)
{
    assert_int_equal(got->size, wanted->size);
    assert_memory_equal(got->data, wanted->data, wanted->size);
}

static void reads_frame_headers(void **state)
{
    for (size_t i = 0; i < N_CASES; i++) {
        struct buffer object = read_data(cases[i].object);
        const struct lz4_frame *wanted = &cases[i].frame;
        struct lz4_frame frame;
        print_message("%s\n", cases[i].object);
        assert_int_equal(lz4_frame_parse(object.data, LZ4_FRAME_HEADER_MAX, &frame), 0);
        assert_int_equal(frame.independent, wanted->independent);
        assert_int_equal(frame.block_checksum, wanted->block_checksum);
        assert_int_equal(frame.content_checksum, wanted->content_checksum);
        assert_int_equal(frame.has_content_size, wanted->has_content_size);
        assert_int_equal(frame.content_size, wanted->content_size);
        assert_int_equal(frame.block_max, wanted->block_max);
        assert_int_equal(frame.header_size, wanted->header_size);
        buffer_finish(&object);
    }
}

static void decodes_streams_cut_anywhere(void **state)
{
    static const size_t steps[] = {1, 2, 7, 1009, SIZE_MAX / 2};
    for (size_t i = 0; i < N_CASES; i++) {
        struct buffer object = read_data(cases[i].object), content = read_data(cases[i].content);
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            struct buffer out = {0};
            bool done;
            print_message("%s by %zu\n", cases[i].object, steps[j]);
            assert_int_equal(decode_stream(&object, steps[j], &out, &done), 0);
            assert_true(done);
            assert_content(&out, &content);
            buffer_finish(&out);
        }
        buffer_finish(&object);
        buffer_finish(&content);
    }
}

static void decodes_independent_blocks(void **state)
{
    for (size_t i = 0; i < N_CASES; i++) {
        if (!cases[i].frame.independent)
            continue;
        struct buffer object = read_data(cases[i].object), content = read_data(cases[i].content), out = {0};
        print_message("%s\n", cases[i].object);
        assert_int_equal(decode_blocks(&object, &out), 0);
        assert_content(&out, &content);
        buffer_finish(&object);
        buffer_finish(&content);
        buffer_finish(&out);
    }
}

/* The sink's own check is that no piece is above 256 KiB. */
static void hands_out_a_large_block_in_pieces(void **state)
{
    static const size_t steps[] = {1, 100, SIZE_MAX / 2};
    struct buffer object = read_data("v03/zeros.lz4");
    struct lz4_frame frame;
    assert_int_equal(lz4_frame_parse(object.data, object.size, &frame), 0);
    assert_int_equal(frame.block_max, 1048576);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct buffer out = {0};
        bool done;
        assert_int_equal(decode_stream(&object, steps[i], &out, &done), 0);
        assert_true(done);
        assert_int_equal(out.size, 300000);
        for (size_t n = 0; n < out.size; n++)
            assert_int_equal(out.data[n], 0);
        buffer_finish(&out);
    }
    buffer_finish(&object);
}

static void reads_block_headers(void **state)
{
    static const struct {
        uint8_t bytes[LZ4_BLOCK_HEADER_SIZE];
        bool block_checksum;
        int result;
        struct lz4_block block;
    } headers[] = {
        {{0x00, 0x00, 0x00, 0x00}, false, 0, {.end = true, .span = 4}},
        {{0x00, 0x00, 0x00, 0x00}, true, 0, {.end = true, .span = 4}},
        {{0x01, 0x02, 0x00, 0x00}, false, 0, {.size = 513, .span = 517}},
        {{0x01, 0x02, 0x00, 0x00}, true, 0, {.size = 513, .span = 521}},
        {{0x00, 0x00, 0x00, 0x80}, false, 0, {.raw = true, .span = 4}},
        {{0x00, 0x00, 0x01, 0x80}, false, 0, {.raw = true, .size = 65536, .span = 65540}},
        {{0x00, 0x00, 0x01, 0x00}, false, 0, {.size = 65536, .span = 65540}},
        {{0x01, 0x00, 0x01, 0x00}, false, -EBADMSG, {0}},
        {{0x01, 0x00, 0x01, 0x80}, false, -EBADMSG, {0}},
        {{0xff, 0xff, 0xff, 0xff}, true, -EBADMSG, {0}},
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct lz4_frame frame = {.block_checksum = headers[i].block_checksum, .block_max = 65536};
        struct lz4_block block = {0};
        assert_int_equal(lz4_block_parse(&frame, headers[i].bytes, &block), headers[i].result);
        assert_int_equal(block.end, headers[i].block.end);
        assert_int_equal(block.raw, headers[i].block.raw);
        assert_int_equal(block.size, headers[i].block.size);
        assert_int_equal(block.span, headers[i].block.span);
    }
}

static void ignores_what_follows_the_frame(void **state)
{
    struct buffer object = read_data(cases[0].object), content = read_data(cases[0].content), out = {0};
    bool done;
    assert_int_equal(buffer_append(&object, object.data + 1, 50), 0);
    for (size_t step = 1; step <= object.size; step++) {
        out.size = 0;
        assert_int_equal(decode_stream(&object, step, &out, &done), 0);
        assert_true(done);
        assert_content(&out, &content);
    }
    buffer_finish(&object);
    buffer_finish(&content);
    buffer_finish(&out);
}

/* However little of a block there is, what comes out is the beginning of its content, and all that was wanted
 * once there is enough. */
static void decodes_the_beginning_of_a_block(void **state)
{
    struct buffer object = read_data(cases[1].object), content = read_data(cases[1].content);
    struct lz4_frame frame;
    struct lz4_block block;
    static const size_t wanted[] = {0, 1, 100, 512, 4096, BLOCK_MAX + 1};
    uint8_t *out = malloc(BLOCK_MAX);

    assert_int_equal(lz4_frame_parse(object.data, object.size, &frame), 0);
    assert_int_equal(lz4_block_parse(&frame, object.data + frame.header_size, &block), 0);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t most = wanted[i] < content.size ? wanted[i] : content.size;
        size_t size = 0;
        for (size_t length = 0; length <= block.size; length++) {
            /* A copy of its own, so that a sanitizer sees a read beyond `length`. */
            uint8_t *data = malloc(length);
            memcpy(data, object.data + frame.header_size + LZ4_BLOCK_HEADER_SIZE, length);
            assert_int_equal(lz4_block_decode_start(&frame, &block, data, length, out, wanted[i], &size), 0);
            assert_true(size <= most);
            assert_memory_equal(out, content.data, size);
            free(data);
        }
        assert_int_equal(size, most);
    }
    free(out);
    buffer_finish(&object);
    buffer_finish(&content);
}

static void decodes_the_beginning_of_a_stored_block(void **state)
{
    const struct lz4_frame frame = {.independent = true, .block_max = 65536};
    const struct lz4_block block = {.raw = true, .size = 5};
    static const struct {
        size_t length, wanted, size;
    } starts[] = {{5, 3, 3}, {2, 3, 2}, {9, 9, 5}, {0, 3, 0}};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        uint8_t out[16];
        size_t size;
        assert_int_equal(lz4_block_decode_start(&frame, &block, (const uint8_t *)"pages    ",
                                                starts[i].length, out, starts[i].wanted, &size),
                         0);
        assert_int_equal(size, starts[i].size);
        assert_memory_equal(out, "pages", size);
    }
}

/* The block is sound, but its 65592 bytes are more than this frame allows. */
static void refuses_a_block_that_decodes_beyond_its_maximum(void **state)
{
    struct buffer object = read_data("v03/p65536-00000001_00000000.wal.lz4");
    struct lz4_frame frame;
    struct lz4_block block;
    uint8_t *out = malloc(65536);
    size_t size;

    assert_int_equal(lz4_frame_parse(object.data, object.size, &frame), 0);
    assert_int_equal(lz4_block_parse(&frame, object.data + frame.header_size, &block), 0);
    frame.block_max = 65536;
    assert_int_equal(
        lz4_block_decode(&frame, &block, object.data + frame.header_size + LZ4_BLOCK_HEADER_SIZE, out, &size),
        -EBADMSG);
    free(out);
    buffer_finish(&object);
}

static int refuse(void *context, const uint8_t *bytes, size_t length)
{
    return -ENOSPC;
}

static void hands_the_sinks_failure_through(void **state)
{
    struct buffer object = read_data(cases[0].object), out = {0};
    struct lz4_stream *stream;
    assert_int_equal(lz4_stream_open(&stream), 0);
    assert_int_equal(lz4_stream_feed(stream, object.data, object.size, refuse, NULL), -ENOSPC);
    assert_int_equal(lz4_stream_feed(stream, object.data, object.size, append, &out), -ENOSPC);
    assert_false(lz4_stream_done(stream));
    assert_int_equal(out.size, 0);
    lz4_stream_close(stream);
    buffer_finish(&object);
}

/* What can be wrong with a frame shows in its header, in its blocks, or only in the whole. */
static void assert_refused(const char *name, const struct buffer *bytes)
{
    static const size_t steps[] = {1, SIZE_MAX / 2};
    struct lz4_frame frame;
    bool done;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct buffer out = {0};
        int r = decode_stream(bytes, steps[i], &out, &done);
        assert_true(r == -EBADMSG || (r == 0 && !done));
        assert_true(r == -EBADMSG || strstr(name, "cut-"));
        buffer_finish(&out);
    }
    bool header_holds = lz4_frame_parse(bytes->data, bytes->size, &frame) == 0;
    assert_int_equal(header_holds, strncmp(name, "header-", 7) != 0);
    if (strncmp(name, "block-", 6) == 0) {
        struct buffer out = {0};
        assert_int_equal(decode_blocks(bytes, &out), -EBADMSG);
        buffer_finish(&out);
    }
}

static void refuses_what_is_damaged(void **state)
{
    each_refused("lz4frame", assert_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_frame_headers),
        cmocka_unit_test(decodes_streams_cut_anywhere),
        cmocka_unit_test(decodes_independent_blocks),
        cmocka_unit_test(hands_out_a_large_block_in_pieces),
        cmocka_unit_test(reads_block_headers),
        cmocka_unit_test(ignores_what_follows_the_frame),
        cmocka_unit_test(decodes_the_beginning_of_a_block),
        cmocka_unit_test(decodes_the_beginning_of_a_stored_block),
        cmocka_unit_test(refuses_a_block_that_decodes_beyond_its_maximum),
        cmocka_unit_test(hands_the_sinks_failure_through),
        cmocka_unit_test(refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
