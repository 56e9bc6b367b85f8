/* Matches that refer to nothing: liblz4 may take them for what its memory held before. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data_files.h"
#include "litemount/lz4frame.h"

#define HELD 0xee     /* what the memory held before */
#define DECODED 80000 /* bytes, of which the match makes more than one piece */

/* A block of one literal, a match of `offset`, and twelve literals; its length is what makes DECODED. */
static struct buffer make_block(uint16_t offset)
{
    const uint8_t head[] = {0x1f, 'A', (uint8_t)offset, (uint8_t)(offset >> 8)};
    struct buffer block = {0};
    size_t left = DECODED - 1 - 12 - 4 - 15;

    buffer_append(&block, head, sizeof head);
    for (; left >= 255; left -= 255)
        buffer_append(&block, &(uint8_t){255}, 1);
    buffer_append(&block, &(uint8_t){(uint8_t)left}, 1);
    buffer_append(&block, "\xc0twelve bytes", 13);
    return block;
}

/* A frame of that block, as another's without checksums begins. */
static struct buffer make_frame(const struct buffer *block)
{
    struct buffer object = read_data("v03/p65536-00000001_00000000.wal.no-checksum.lz4"), frame = {0};
    const uint8_t size[] = {(uint8_t)block->size, (uint8_t)(block->size >> 8), 0, 0}, end[4] = {0};

    buffer_append(&frame, object.data, 7);
    buffer_append(&frame, size, sizeof size);
    buffer_append(&frame, block->data, block->size);
    buffer_append(&frame, end, sizeof end);
    buffer_finish(&object);
    return frame;
}

static int append(void *context, const uint8_t *bytes, size_t length)
{
    return buffer_append(context, bytes, length);
}

static int feed(const struct buffer *frame, size_t step, struct buffer *out)
{
    struct lz4_stream *stream;
    int r = lz4_stream_open(&stream);

    for (size_t at = 0; r == 0 && at < frame->size; at += step)
        r = lz4_stream_feed(stream, frame->data + at, frame->size - at < step ? frame->size - at : step,
                            append, out);
    lz4_stream_close(stream);
    return r;
}

static void a_stream_refuses_them(void **state)
{
    for (uint16_t offset = 0; offset <= 2; offset++) {
        struct buffer block = make_block(offset), frame = make_frame(&block);
        for (size_t step = 1; step <= frame.size; step += 1 + step / 2) {
            struct buffer out = {0};
            assert_int_equal(feed(&frame, step, &out), offset == 1 ? 0 : -EBADMSG);
            assert_int_equal(out.size, offset == 1 ? DECODED : 0);
            buffer_finish(&out);
        }
        buffer_finish(&frame);
        buffer_finish(&block);
    }
}

static void a_block_shows_nothing_of_the_memory(void **state)
{
    static uint8_t out[262144];
    const struct lz4_frame frame = {.independent = true, .block_max = sizeof out};

    for (uint16_t offset = 0; offset <= 2; offset++) {
        struct buffer bytes = make_block(offset);
        const struct lz4_block block = {.size = (uint32_t)bytes.size};
        size_t size;
        memset(out, HELD, sizeof out);
        (void)lz4_block_decode(&frame, &block, bytes.data, out, &size);
        assert_null(memchr(out, HELD, DECODED));
        memset(out, HELD, sizeof out);
        (void)lz4_block_decode_start(&frame, &block, bytes.data, bytes.size, out, 4096, &size);
        assert_null(memchr(out, HELD, 4096));
        buffer_finish(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_refuses_them),
        cmocka_unit_test(a_block_shows_nothing_of_the_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
