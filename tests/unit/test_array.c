#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/array.h"

static void keeps_what_was_there(void **state)
{
    struct buffer buffer = {0};
    for (size_t i = 0; i < 10000; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        assert_int_equal(buffer_append(&buffer, &byte, 1), 0);
        assert_true(buffer.capacity >= buffer.size);
    }
    assert_int_equal(buffer.size, 10000);
    for (size_t i = 0; i < buffer.size; i++)
        assert_int_equal(buffer.data[i], (uint8_t)(i * 7));
    buffer_finish(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer.capacity, 0);
}

static void grows_seldom(void **state)
{
    int *items = NULL;
    size_t capacity = 0, growths = 0;
    for (size_t n = 1; n <= 100000; n++) {
        size_t before = capacity;
        assert_int_equal(ARRAY_GROW(items, capacity, n), 0);
        assert_true(capacity >= n);
        items[n - 1] = (int)n;
        growths += capacity != before;
    }
    assert_true(growths < 20);
    for (size_t n = 1; n <= 100000; n++)
        assert_int_equal(items[n - 1], n);
    free(items);
}

static void makes_room_without_using_it(void **state)
{
    struct buffer buffer = {0};
    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    assert_int_equal(buffer_reserve(&buffer, 1000), 0);
    assert_int_equal(buffer.size, 3);
    assert_true(buffer.capacity >= 1003);
    uint8_t *data = buffer.data;
    memset(buffer.data + 3, 'x', 1000);
    assert_int_equal(buffer_reserve(&buffer, 1000), 0);
    assert_ptr_equal(buffer.data, data);
    assert_memory_equal(buffer.data, "abcx", 4);
    buffer_finish(&buffer);
}

static void appends_nothing_from_nowhere(void **state)
{
    struct buffer buffer = {0};
    assert_int_equal(buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(buffer.size, 0);
    buffer_finish(&buffer);
}

/* Sanitizers end a program that asks for what no memory holds, unless they are told that it is meant so. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* What can't be had leaves the array as it was. */
static void refuses_what_no_memory_holds(void **state)
{
    struct buffer buffer = {0};
    uint64_t *items = NULL;
    size_t capacity = 0;

    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -ENOMEM);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX - 3), -ENOMEM);
    assert_int_equal(buffer.size, 3);
    assert_memory_equal(buffer.data, "abc", 3);
    buffer_finish(&buffer);

    assert_int_equal(ARRAY_GROW(items, capacity, 4), 0);
    items[3] = 77;
    size_t before = capacity;
    assert_int_equal(ARRAY_GROW(items, capacity, SIZE_MAX), -ENOMEM);
    assert_int_equal(ARRAY_GROW(items, capacity, SIZE_MAX / sizeof *items + 1), -ENOMEM);
    assert_int_equal(capacity, before);
    assert_int_equal(items[3], 77);
    free(items);
}

/* Of every array of up to five elements that has doubles. */
static void finds_the_first_that_is_not_before(void **state)
{
    const int items[] = {1, 3, 3, 3, 7};

    for (size_t n = 0; n <= 5; n++)
        for (int wanted = 0; wanted <= 8; wanted++) {
            size_t less = 0, no_more = 0;
            for (; less < n && items[less] < wanted; less++)
                ;
            for (; no_more < n && items[no_more] <= wanted; no_more++)
                ;
            assert_int_equal(ARRAY_LOWER_BOUND(n, i, items[i] < wanted), less);
            assert_int_equal(ARRAY_LOWER_BOUND(n, i, items[i] <= wanted), no_more);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_there),         cmocka_unit_test(grows_seldom),
        cmocka_unit_test(makes_room_without_using_it),  cmocka_unit_test(appends_nothing_from_nowhere),
        cmocka_unit_test(refuses_what_no_memory_holds), cmocka_unit_test(finds_the_first_that_is_not_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
