/* A seekable frame as a library: each way that its blocks are found on, and what does not hold. */
#include "seekable_object.h"

#define N_READERS 4

static int make(struct fixture *fixture, uint64_t offset, uint64_t length, bool ahead, struct task *task)
{
    task_init(task, NULL);
    return seekable_make(fixture->frame, offset, length, ahead, fixture, task);
}

/* Makes it, and compares what was put of block `number`. */
static void make_block(struct fixture *fixture, size_t number)
{
    uint64_t offset = (uint64_t)number * BLOCK;
    size_t length = SIZE - offset < BLOCK ? SIZE - offset : BLOCK;
    struct task task;

    assert_int_equal(make(fixture, offset, PIECE, false, &task), 0);
    assert_memory_equal(fixture->image + offset, fixture->content + offset, length);
}

static void check(struct fixture *fixture, int expected)
{
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(seekable_check(fixture->frame, false, &task), expected);
}

static bool is_unchecked(struct fixture *fixture)
{
    struct task task;
    task_init(&task, NULL);
    return seekable_is_unchecked(fixture->frame, &task);
}

/* Where the header of block `number` stands. */
static uint64_t find_header(const struct fixture *fixture, size_t number)
{
    uint64_t at = 7;
    while (number--) {
        const uint8_t *size = fixture->object.data + at;
        at += 4 + (size[0] | (uint32_t)size[1] << 8 | (uint32_t)size[2] << 16 | (size[3] & 0x7fu) << 24);
    }
    return at;
}

static void near_by_it_hops(void **state)
{
    struct fixture *fixture = *state;

    make_block(fixture, 20);
    assert_in_range(fixture->n_reads, 20, 24); /* the frame's header, hops, the block */
    assert_in_range(fixture->n_read, 0, 2 * BLOCK);
    assert_false(fixture->there[0] || fixture->there[21 * BLOCK / PIECE]);
    fixture->n_reads = 0;
    make_block(fixture, 19);
    assert_int_equal(fixture->n_reads, 1);
}

static void what_was_found_is_kept(void **state)
{
    struct fixture *fixture = *state;

    make_block(fixture, 20);
    open_again(fixture);
    make_block(fixture, 10);
    assert_int_equal(fixture->n_reads, 1);
}

static void far_away_it_probes(void **state)
{
    struct fixture *fixture = *state;

    fixture->delay = FAR;
    make_block(fixture, 20);
    assert_in_range(fixture->n_read, 0, fixture->object.size / 2);
    fixture->n_reads = 0;
    make_block(fixture, N_BLOCKS - 1); /* all were found */
    assert_in_range(fixture->n_reads, 1, 2);
}

static void in_order_nothing_comes_twice(void **state)
{
    struct fixture *fixture = *state;
    struct task task;

    fixture->delay = FAR;
    assert_int_equal(make(fixture, 0, SIZE, true, &task), 0);
    assert_memory_equal(fixture->image, fixture->content, SIZE);
    assert_int_equal(fixture->end, SIZE);
    assert_in_range(fixture->n_read, 0, fixture->object.size + PIECE);
    assert_true(is_unchecked(fixture));
    check(fixture, 0);
    assert_false(is_unchecked(fixture));
    open_again(fixture);
    assert_false(is_unchecked(fixture));
    assert_int_equal(fixture->n_reads, 0);
}

/* Beyond the end is the last block. */
static void finds_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct task task;
    uint64_t last;

    assert_int_equal(make(fixture, SIZE + 10 * BLOCK, PIECE, false, &task), 0);
    assert_int_equal(fixture->end, SIZE);
    assert_int_equal(seekable_find_last(fixture->frame, &task, &last), 0);
    assert_int_equal(last, (N_BLOCKS - 1) * BLOCK);
}

static void *read_some(void *argument)
{
    struct fixture *fixture = argument;
    struct task task;

    task_init(&task, NULL);
    for (uint64_t offset = 0; offset < SIZE; offset += 4 * BLOCK) {
        int r = seekable_make(fixture->frame, offset, 4 * BLOCK, offset % 3 == 0, fixture, &task);
        r = r < 0 ? r : seekable_check(fixture->frame, true, &task);
        if (r < 0)
            return (void *)(intptr_t)r;
    }
    return NULL;
}

static void several_read_at_once(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[N_READERS];
    void *result;

    for (size_t i = 0; i < N_READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_some, fixture), 0);
    for (size_t i = 0; i < N_READERS; i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    assert_memory_equal(fixture->image, fixture->content, SIZE);
    assert_false(is_unchecked(fixture));
    assert_int_equal(fixture->n_failures, 0);
}

static void damage_is_told_of_and_read_anew(void **state)
{
    struct fixture *fixture = *state;
    struct task task;

    for (size_t ahead = 0; ahead < 2; ahead++)
        for (size_t flip = 0; flip < 2; flip++) {
            fixture->flips_at = find_header(fixture, 30) + (flip ? 100 : 3); /* its data, or its size */
            fixture->flips_always = false;
            fixture->kept.size = 0;
            memset(fixture->there, 0, sizeof fixture->there);
            open_again(fixture);
            assert_int_equal(make(fixture, 30 * BLOCK, 2 * BLOCK, ahead, &task), 0);
            if (flip == 0)
                assert_memory_equal(fixture->image + 30 * BLOCK, fixture->content + 30 * BLOCK, 2 * BLOCK);
        }
    fixture->flips_at = find_header(fixture, 30) + 3;
    fixture->flips_always = true;
    fixture->kept.size = 0;
    open_again(fixture);
    assert_int_equal(make(fixture, 40 * BLOCK, PIECE, false, &task), -EBADMSG);
    assert_non_null(strstr(task_reason(&task, 0), "the object is damaged: a block header is invalid"));
    make_block(fixture, 28);
}

/* The same sum each time that the same bytes come. */
static void a_wrong_checksum_fails_in_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct task task;
    uint64_t sum = 0;

    fixture->object.data[fixture->object.size - 1] ^= 1;
    for (size_t i = 0; i < 2; i++) {
        fixture->kept.size = 0;
        open_again(fixture);
        assert_int_equal(make(fixture, 0, SIZE - 10 * BLOCK, i == 0, &task), 0);
        check(fixture, 0); /* not all of it yet */
        assert_int_equal(make(fixture, SIZE / PIECE * PIECE - 10 * BLOCK, 11 * BLOCK, false, &task), 0);
        check(fixture, -EIO);
        assert_int_equal(fixture->n_failures, i + 1);
        assert_true(i == 0 || fixture->failed_sum == sum);
        sum = fixture->failed_sum;
    }
}

static void its_beginning_costs_a_read(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[PIECE];
    struct task task;
    size_t size;

    task_init(&task, NULL);
    assert_int_equal(seekable_peek(fixture->frame, bytes, sizeof bytes, &size, &task), 0);
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(bytes, fixture->content, sizeof bytes);
    assert_int_equal(fixture->n_reads, 1);
    bytes[0] ^= 1; /* what was given came wrong */
    put(fixture, 0, bytes, sizeof bytes, false);
    assert_int_equal(make(fixture, PIECE, PIECE, false, &task), -EIO);
    assert_int_equal(fixture->n_failures, 1);
}

static void other_frames_are_read_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct task task;

    for (size_t flushes = 0; flushes < 2; flushes++) {
        compress(fixture, flushes, flushes);
        fixture->kept.size = 0;
        open_again(fixture);
        assert_int_equal(make(fixture, 5 * BLOCK, PIECE, false, &task), -EOPNOTSUPP);
        assert_int_equal(seekable_block_size(fixture->frame), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(near_by_it_hops),
        TEST(what_was_found_is_kept),
        TEST(far_away_it_probes),
        TEST(in_order_nothing_comes_twice),
        TEST(finds_the_end),
        TEST(several_read_at_once),
        TEST(damage_is_told_of_and_read_anew),
        TEST(a_wrong_checksum_fails_in_the_end),
        TEST(its_beginning_costs_a_read),
        TEST(other_frames_are_read_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
