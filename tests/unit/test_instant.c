#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "litemount/instant.h"

#define NOW (INT64_C(1730716200) * INSTANT_SECOND) /* 2024-11-04T10:30:00Z */

static void reads_every_form(void **state)
{
    static const struct {
        const char *text;
        int64_t offset; /* nanoseconds from NOW */
    } cases[] = {
        {"2024-11-04T10:30:00Z", 0},
        {"2024-11-04t10:30:00z", 0},
        {"2024-11-04 10:30:00", 0},
        {"2024-11-04T10:30", 0},
        {"2024-11-04T10:30:00", 0},
        {"2024-11-04T12:30:00+02:00", 0},
        {"2024-11-04T05:00:00-0530", 0},
        {"2024-11-04T12:30:00+02", 0},
        {"2024-11-04T10:30:00.5Z", INSTANT_SECOND / 2},
        {"2024-11-04T10:30:00.000000001Z", 1},
        {"2024-11-04T10:30:00.0000000019Z", 1},
        {"2024-11-04", -INT64_C(37800) * INSTANT_SECOND},
        {"@1730716200", 0},
        {"@1730716200.25", INSTANT_SECOND / 4},
        {"now", 0},
        {"90s-ago", -90 * INSTANT_SECOND},
        {"30m-ago", -1800 * INSTANT_SECOND},
        {"2h-ago", -7200 * INSTANT_SECOND},
        {"3d-ago", -3 * 86400 * INSTANT_SECOND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t instant = 0;
        print_message("%s\n", cases[i].text);
        assert_int_equal(instant_parse(cases[i].text, NOW, &instant), 0);
        assert_int_equal(instant, NOW + cases[i].offset);
    }
}

static void refuses_everything_else(void **state)
{
    static const char *const cases[] = {
        "",
        "2024",
        "2024-13-01",
        "2023-02-29",
        "2024-11-04T",
        "2024-11-04T25:00:00Z",
        "2024-11-04T10:30:00Zx",
        "yesterday",
        "-ago",
        "5x-ago",
        "s-ago",
        "@",
        "@x",
        "@12x",
        "2024-11-4",
        "2024-11-04T10:30:00.Z",
        "2024-11-04T10:30:00+24:00",
        "latest",
        "..",
        "5m-agox",
        "2024-11-04T10:30:61Z",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t instant;
        print_message("%s\n", cases[i]);
        assert_int_equal(instant_parse(cases[i], NOW, &instant), -EINVAL);
    }
}

static void takes_what_does_not_fit_for_the_earliest_or_the_latest(void **state)
{
    static const struct {
        const char *text;
        int64_t instant;
    } cases[] = {
        {"1677-09-21T00:12:43.145224192Z", INT64_MIN},
        {"1677-09-21T00:12:43.145224191Z", INT64_MIN},
        {"0001-01-01", INT64_MIN},
        {"9223372036854775807d-ago", INT64_MIN},
        {"2262-04-11T23:47:16.854775806Z", INSTANT_MAX - 1},
        {"2262-04-11T23:47:16.854775807Z", INSTANT_MAX - 1}, /* INSTANT_MAX itself means: no limit */
        {"9999-01-01", INSTANT_MAX - 1},
        {"@9223372036854775807", INSTANT_MAX - 1},
        {"@-9223372036854775807", INT64_MIN},
    };
    int64_t instant;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(instant_parse(cases[i].text, NOW, &instant), 0);
        assert_true(instant == cases[i].instant);
    }
    assert_int_equal(instant_parse("@99999999999999999999", NOW, &instant), -ERANGE);
}

static void writes_no_more_digits_than_needed(void **state)
{
    static const struct {
        int64_t instant;
        const char *text;
    } cases[] = {
        {NOW, "2024-11-04T10:30:00Z"},
        {NOW + 5 * INSTANT_MILLISECOND, "2024-11-04T10:30:00.005Z"},
        {NOW + 1, "2024-11-04T10:30:00.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {0, "1970-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[INSTANT_TEXT_SIZE];
        instant_format(cases[i].instant, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void holds_what_the_system_says(void **state)
{
    static const struct {
        struct timespec time;
        int64_t instant;
    } cases[] = {
        {{0, 0}, 0},
        {{-1, 999999999}, -1},
        {{INT64_MAX / INSTANT_SECOND, INT64_MAX % INSTANT_SECOND}, INSTANT_MAX},
        {{INT64_MAX / INSTANT_SECOND, INT64_MAX % INSTANT_SECOND + 1}, INSTANT_MAX},
        {{INT64_MAX / INSTANT_SECOND + 1, 0}, INSTANT_MAX},
        {{INT64_MIN / INSTANT_SECOND - 1, 0}, INT64_MIN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(instant_of(&cases[i].time), cases[i].instant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(takes_what_does_not_fit_for_the_earliest_or_the_latest),
        cmocka_unit_test(writes_no_more_digits_than_needed),
        cmocka_unit_test(holds_what_the_system_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
