#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/shown.h"

#define MS INSTANT_MILLISECOND

static void shows_the_millisecond_that_a_point_ends_in(void **state)
{
    static const struct {
        int64_t time, shown;
    } cases[] = {
        {0, 0},
        {1, MS},
        {MS - 1, MS},
        {MS, MS},
        {MS + 1, 2 * MS},
        {INSTANT_SECOND, INSTANT_SECOND},
        {INSTANT_SECOND - 1, INSTANT_SECOND},
        {-1, 0},
        {-MS, -MS},
        {-MS - 1, -MS},
        {-2 * MS + 1, -MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time = cases[i].time;
        const struct instants points = {.times = &time, .n = 1};
        assert_true(shown_instant(&points, 0) == cases[i].shown);
        assert_true(is_shown_as(time, cases[i].shown));
        assert_true(is_shown_as(time, time));
    }
}

/* So that a name leads to its point, and not to the one behind it. */
static void shows_the_very_nanosecond_if_another_point_follows_within(void **state)
{
    int64_t times[] = {10, 20, MS, MS + 1, 2 * MS + 1, 3 * MS - 1, 4 * MS};
    static const int64_t shown[] = {10, 20, MS, 2 * MS, 2 * MS + 1, 3 * MS, 4 * MS};
    const struct instants points = {.times = times, .n = sizeof times / sizeof *times};

    for (size_t i = 0; i < points.n; i++)
        assert_true(shown_instant(&points, i) == shown[i]);
    for (size_t i = 0; i < points.n; i++) {
        size_t newest = 0;
        for (size_t j = 0; j < points.n; j++)
            if (times[j] <= shown[i])
                newest = j;
        assert_int_equal(newest, i);
    }
}

static void knows_what_a_point_cannot_be_shown_as(void **state)
{
    assert_false(is_shown_as(MS + 1, MS));
    assert_false(is_shown_as(MS + 1, 3 * MS));
    assert_false(is_shown_as(MS + 1, MS + 2));
    assert_false(is_shown_as(MS, 2 * MS));
    assert_false(is_shown_as(0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_the_millisecond_that_a_point_ends_in),
        cmocka_unit_test(shows_the_very_nanosecond_if_another_point_follows_within),
        cmocka_unit_test(knows_what_a_point_cannot_be_shown_as),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
