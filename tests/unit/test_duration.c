#include <errno.h>
/* Durations as Litestream v0.3.13 prints a generation's lag: what its listing shows for these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "litemount/instant.h"
#include "output/duration.h"

static void formats_as_litestream_does(void **state)
{
    static const struct {
        int64_t duration;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {999, "999ns"},
        {1000, "1\u00b5s"},
        {1999, "1\u00b5s"},
        {INSTANT_MILLISECOND, "1ms"},
        {12345678, "12ms"},
        {999999999, "999ms"},
        {INSTANT_SECOND, "1s"},
        {INSTANT_SECOND + 1, "1s"},
        {1999999999, "1.9s"},
        {10 * INSTANT_SECOND, "10s"},
        {10999999999, "10s"},
        {59 * INSTANT_SECOND, "59s"},
        {60 * INSTANT_SECOND, "1m0s"},
        {3600 * INSTANT_SECOND, "1h0m0s"},
        {3723 * INSTANT_SECOND + 5, "1h2m3s"},
        {18004 * 3600 * INSTANT_SECOND, "18004h0m0s"},
        {-1, "-1ns"},
        {-1500000000, "-1.5s"},
        {-75 * INSTANT_SECOND, "-1m15s"},
        {INT64_MAX, "2562047h47m16s"},
        {INT64_MIN, "-2562047h47m16s"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DURATION_TEXT_SIZE];
        duration_format(cases[i].duration, text);
        assert_string_equal(text, cases[i].text);
    }
}

#define HOUR (3600 * INSTANT_SECOND)

static void what_go_reads_is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t duration;
    } cases[] = {
        {"1h", HOUR},
        {"90m", 90 * 60 * INSTANT_SECOND},
        {"1h30m10s", HOUR + 1810 * INSTANT_SECOND},
        {"1.5h", HOUR + HOUR / 2},
        {".5s", INSTANT_SECOND / 2},
        {"3.s", 3 * INSTANT_SECOND},
        {"0.000000001s", 1},
        {"0.0000000019s", 1},
        {"0.3333333333333h", 1199999998800},
        {"12ms", 12 * INSTANT_MILLISECOND},
        {"7us", 7000},
        {"7\u00b5s", 7000},
        {"5ns", 5},
        {"0s", 0},
        {"2d", 48 * HOUR},
        {"1d12h", 36 * HOUR},
        {"9223372036854775807ns", INT64_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t duration = -1;
        assert_int_equal(duration_parse(cases[i].text, &duration), 0);
        assert_int_equal(duration, cases[i].duration);
    }
}

static void what_is_no_duration_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "1",
        "h",
        ".h",
        ".",
        "1x",
        "-1h",
        "+1h",
        " 1h",
        "1h ",
        "1 h",
        "1h30",
        "1..5h",
        "1w",
        "1mo",
        "1H",
        "9223372036854775808ns",
        "2562048h",
        "106752d",
        "99999999999999999999h",
        "9223372036s900ms",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t duration;
        assert_int_equal(duration_parse(cases[i], &duration), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_as_litestream_does),
        cmocka_unit_test(what_go_reads_is_read),
        cmocka_unit_test(what_is_no_duration_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
