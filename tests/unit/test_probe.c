/* Finding the blocks of frames that lie far away: whatever the blocks hold, what is found is the chain of
 * their headers, no more and no less. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lz4.h>

#include "litemount/array.h"
#include "litemount/task.h"
#include "seekable/probe.h"

#define BLOCK (256 << 10) /* bytes: the second smallest that there are */
#define N_BLOCKS 120
#define STRANDS 12
#define MILLISECOND INT64_C(1000000)

/* An object in memory, where its blocks stand, and what was read of it. */
struct fake {
    struct buffer bytes;
    struct lz4_frame frame;
    uint64_t starts[4 * N_BLOCKS]; /* the end mark's is last */
    size_t n_starts;
    atomic_size_t n_read, n_reads;
    uint64_t fails_at; /* a read that begins there or behind it fails; 0: none */
};

enum content { RANDOM, TEXT, ZEROS, FRAMES };

static uint64_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % below;
}

static void put_u32(struct buffer *buffer, uint32_t value)
{
    const uint8_t bytes[] = {value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24};
    assert_int_equal(buffer_append(buffer, bytes, sizeof bytes), 0);
}

/* Appends a block of `length` bytes of content: a header and the data, stored if it does not shrink. */
static void put_block(struct buffer *buffer, const uint8_t *content, int length)
{
    static char packed[LZ4_COMPRESSBOUND(BLOCK)];
    int size = LZ4_compress_default((const char *)content, packed, length, sizeof packed);
    bool raw = size >= length;

    put_u32(buffer, raw ? (uint32_t)length | UINT32_C(0x80000000) : (uint32_t)size);
    assert_int_equal(
        buffer_append(buffer, raw ? (const void *)content : packed, (size_t)(raw ? length : size)), 0);
}

static void fill_plain(uint8_t *content, enum content kind)
{
    for (size_t i = 0; i < BLOCK; i++)
        content[i] = kind == ZEROS    ? 0
                     : kind == RANDOM ? (uint8_t)draw(256)
                                      : (uint8_t)("0123456789abcdef"[draw(i % 3 ? 4 : 16)]);
}

/* FRAMES: what a database that holds LZ4 frames looks like, between random bytes that keep it from shrinking.
 */
static void fill(uint8_t *content, enum content kind)
{
    struct buffer inner = {0};
    uint8_t *plain = malloc(BLOCK);

    assert_non_null(plain);
    fill_plain(content, kind == FRAMES ? RANDOM : kind);
    if (kind == FRAMES) {
        fill_plain(plain, RANDOM);
        for (size_t i = 0; i + 250 < BLOCK; i += 250)
            memset(plain + i, 0, 160 + draw(60)); /* of any length: what it shrinks to shall shrink no more */
        put_block(&inner, plain, BLOCK);
        put_block(&inner, plain, BLOCK / 2);
        size_t length = inner.size < BLOCK / 2 ? inner.size : BLOCK / 2;
        memcpy(content + draw(BLOCK / 4), inner.data, length);
    }
    buffer_finish(&inner);
    free(plain);
}

/* Makes an object of blocks of `kind`, or (-1) of all kinds in turn, the last of them short. */
static void make(struct fake *fake, size_t n, int kind)
{
    uint8_t *content = malloc(BLOCK);

    assert_non_null(content);
    memset(fake, 0, sizeof *fake);
    fake->frame = (struct lz4_frame){
        .independent = true, .content_checksum = true, .block_max = BLOCK, .header_size = 7};
    assert_int_equal(buffer_append(&fake->bytes, "1234567", 7), 0);
    for (size_t i = 0; i < n; i++) {
        fake->starts[fake->n_starts++] = fake->bytes.size;
        fill(content, kind < 0 ? (enum content)(i / 5 % 4) : (enum content)kind);
        put_block(&fake->bytes, content, i + 1 < n ? BLOCK : 1000);
    }
    fake->starts[fake->n_starts++] = fake->bytes.size;
    put_u32(&fake->bytes, 0);
    put_u32(&fake->bytes, 0x12345678);
    free(content);
}

static int read_fake(void *context, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    struct fake *fake = context;
    assert_true(offset + length <= fake->bytes.size);
    if (fake->fails_at && offset >= fake->fails_at)
        return task_fail(task, EIO, "as it was told");
    memcpy(bytes, fake->bytes.data + offset, length);
    atomic_fetch_add(&fake->n_read, length);
    atomic_fetch_add(&fake->n_reads, 1);
    return 0;
}

static int find(struct fake *fake, size_t count, struct probe_chain *chain)
{
    const struct probe_object object = {read_fake, fake, fake->bytes.size, fake->frame};
    struct task task;
    task_init(&task, NULL);
    return probe_follow(&object, fake->starts[0], count, fake->bytes.size / fake->n_starts, &task, chain);
}

/* The chain is the first `n` of the object's starts behind the first one. */
static void check(struct fake *fake, size_t count, size_t n, bool complete)
{
    struct probe_chain chain = {0};

    assert_int_equal(find(fake, count, &chain), 0);
    assert_int_equal(chain.n_starts, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(chain.starts[i], fake->starts[i + 1]);
    assert_int_equal(chain.complete, complete);
    probe_chain_finish(&chain);
}

static void check_all(struct fake *fake, size_t count)
{
    check(fake, count, fake->n_starts - 1, true);
}

static void finds_every_block_of_any_content(void **state)
{
    for (int kind = -1; kind <= FRAMES; kind++) {
        struct fake fake;
        make(&fake, N_BLOCKS, kind);
        for (size_t count = 1; count <= 32; count *= 5)
            check_all(&fake, count);
        buffer_finish(&fake.bytes);
    }
}

static void reads_a_part_of_it(void **state)
{
    struct fake fake;
    make(&fake, N_BLOCKS, RANDOM);
    check_all(&fake, STRANDS);
    /* Each probe searches half a block, in steps of WINDOW_MIN and what a look takes. */
    assert_true(fake.n_read < STRANDS * (BLOCK + LZ4_LOOK_DATA) + N_BLOCKS * 1024);
    assert_true(fake.n_read < fake.bytes.size / 4);
    buffer_finish(&fake.bytes);
}

static void reads_small_blocks_through(void **state)
{
    struct fake fake;
    make(&fake, 4 * N_BLOCKS - 1, ZEROS);
    check_all(&fake, 1);
    assert_true(fake.n_reads <= fake.bytes.size / (64 << 10) + 2);
    buffer_finish(&fake.bytes);
}

static void leaves_out_what_only_looks_like_a_block(void **state)
{
    struct fake fake;
    size_t false_starts = 0, at = 0;
    uint8_t *scratch = malloc(LZ4_LOOK_SIZE);

    assert_non_null(scratch);
    make(&fake, N_BLOCKS, FRAMES);
    while (at < fake.bytes.size) {
        size_t left = fake.bytes.size - at,
               found = lz4_block_search(&fake.frame, fake.bytes.data + at, left, left, scratch);
        at += found;
        bool is_block = false;
        for (size_t i = 0; i < fake.n_starts; i++)
            is_block |= fake.starts[i] == at;
        false_starts += !is_block && found < left;
        at++;
    }
    assert_true(false_starts >= N_BLOCKS / 2);
    free(scratch);
    check_all(&fake, STRANDS);
    buffer_finish(&fake.bytes);
}

static void believes_no_end_that_something_follows(void **state)
{
    struct fake fake;
    make(&fake, N_BLOCKS, TEXT);
    size_t whole = fake.bytes.size;
    assert_int_equal(buffer_reserve(&fake.bytes, whole), 0);
    memcpy(fake.bytes.data + whole, fake.bytes.data, whole);
    fake.bytes.size = 2 * whole;
    check(&fake, STRANDS, N_BLOCKS, false);
    buffer_finish(&fake.bytes);
}

static void ends_where_the_chain_breaks(void **state)
{
    struct fake fake;
    make(&fake, N_BLOCKS, TEXT);
    uint8_t *middle = fake.bytes.data + fake.starts[N_BLOCKS / 2], size[LZ4_BLOCK_HEADER_SIZE];
    memcpy(size, middle, sizeof size);
    memset(middle, 0, sizeof size); /* an end mark */
    check(&fake, STRANDS, N_BLOCKS / 2, false);
    memcpy(middle, size, sizeof size);
    for (size_t broken = 1; broken < N_BLOCKS; broken += 17) {
        uint8_t *header = fake.bytes.data + fake.starts[broken], before = header[3];
        header[3] = 0x7f;
        check(&fake, STRANDS, broken, false);
        header[3] = before;
    }
    fake.bytes.size = fake.starts[N_BLOCKS / 2] + 1000;
    check(&fake, STRANDS, N_BLOCKS / 2 + 1, false);
    buffer_finish(&fake.bytes);
}

static void fails_where_the_store_does(void **state)
{
    struct probe_chain chain = {0};
    struct fake fake;
    make(&fake, N_BLOCKS, TEXT);
    fake.fails_at = fake.bytes.size / 2;
    assert_int_equal(find(&fake, STRANDS, &chain), -EIO);
    probe_chain_finish(&chain);
    buffer_finish(&fake.bytes);
}

/* As many as are worth it: none near by, more the further away. */
static void counts_probes(void **state)
{
    assert_int_equal(probe_count(1, 2600000, 30 * MILLISECOND), 1);
    assert_int_equal(probe_count(120, 2600000, 0), 1);
    assert_in_range(probe_count(120, 2600000, 2 * MILLISECOND), 3, 6);
    assert_in_range(probe_count(120, 2600000, 30 * MILLISECOND), 8, 16);
    assert_in_range(probe_count(2400, 2600000, 100 * MILLISECOND), 16, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_block_of_any_content),
        cmocka_unit_test(reads_a_part_of_it),
        cmocka_unit_test(reads_small_blocks_through),
        cmocka_unit_test(leaves_out_what_only_looks_like_a_block),
        cmocka_unit_test(believes_no_end_that_something_follows),
        cmocka_unit_test(ends_where_the_chain_breaks),
        cmocka_unit_test(fails_where_the_store_does),
        cmocka_unit_test(counts_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
