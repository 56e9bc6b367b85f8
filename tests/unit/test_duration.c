/* Durations as Litestream v0.3.13 prints a generation's lag: what its listing shows for these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "duration.h"
#include "litemount/instant.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(formats_as_litestream_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
