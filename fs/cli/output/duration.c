/* Sources: Litestream v0.3.13 cmd/litestream/generations.go (truncateDuration); Go's time.Duration.String. */
#include "duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "litemount/instant.h"

#define MICROSECOND INT64_C(1000)

static uint64_t duration_cut(uint64_t duration)
{
    static const struct {
        uint64_t above, unit; /* nanoseconds */
    } precisions[] = {
        {10 * INSTANT_SECOND, INSTANT_SECOND},
        {INSTANT_SECOND, INSTANT_SECOND / 10},
        {INSTANT_MILLISECOND, INSTANT_MILLISECOND},
        {MICROSECOND, MICROSECOND},
    };

    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++)
        if (duration > precisions[i].above)
            return duration - duration % precisions[i].unit;
    return duration;
}

void duration_format(int64_t duration, char text[static DURATION_TEXT_SIZE])
{
    const char *sign = duration < 0 ? "-" : "";
    uint64_t left = duration_cut(duration < 0 ? -(uint64_t)duration : (uint64_t)duration);
    uint64_t seconds = left / INSTANT_SECOND, tenths = left / (INSTANT_SECOND / 10) % 10;
    char fraction[8] = "";

    if (tenths)
        snprintf(fraction, sizeof fraction, ".%" PRIu64, tenths);
    if (left >= 3600 * (uint64_t)INSTANT_SECOND)
        snprintf(text, DURATION_TEXT_SIZE, "%s%" PRIu64 "h%" PRIu64 "m%" PRIu64 "s", sign, seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
    else if (left >= 60 * (uint64_t)INSTANT_SECOND)
        snprintf(text, DURATION_TEXT_SIZE, "%s%" PRIu64 "m%" PRIu64 "s", sign, seconds / 60, seconds % 60);
    else if (left == 0 || seconds)
        snprintf(text, DURATION_TEXT_SIZE, "%s%" PRIu64 "%ss", sign, seconds, fraction);
    else if (left >= (uint64_t)INSTANT_MILLISECOND)
        snprintf(text, DURATION_TEXT_SIZE, "%s%" PRIu64 "ms", sign, left / INSTANT_MILLISECOND);
    else if (left >= MICROSECOND)
        snprintf(text, DURATION_TEXT_SIZE, "%s%" PRIu64 "\u00b5s", sign, left / MICROSECOND);
    else
        snprintf(text, DURATION_TEXT_SIZE, "%s%" PRIu64 "ns", sign, left);
}

/* Takes the unit's name off the text. Its nanoseconds; 0: there is no such unit. */
static int64_t duration_take_unit(const char **text)
{
    static const struct {
        const char *name;
        int64_t length;
    } units[] = {
        {"ns", 1},
        {"us", MICROSECOND},
        {"\u00b5s", MICROSECOND},
        {"ms", INSTANT_MILLISECOND},
        {"s", INSTANT_SECOND},
        {"m", 60 * INSTANT_SECOND},
        {"h", 3600 * INSTANT_SECOND},
        {"d", 24 * 3600 * INSTANT_SECOND},
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].name);
        if (strncmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].length;
        }
    }
    return 0;
}

/* A number as it is written: `whole` and `part` / `parts`. */
struct number {
    int64_t whole, part, parts;
};

static bool duration_take_number(const char **text, struct number *number)
{
    const char *begin = *text;
    size_t digits = 0;

    *number = (struct number){.parts = 1};
    for (; isdigit((unsigned char)**text); ++*text, digits++)
        if (__builtin_mul_overflow(number->whole, 10, &number->whole) ||
            __builtin_add_overflow(number->whole, **text - '0', &number->whole))
            return false;
    if (**text == '.')
        for (++*text; isdigit((unsigned char)**text); ++*text, digits++)
            if (number->parts < INSTANT_SECOND) { /* what is smaller than that is nothing */
                number->part = number->part * 10 + (**text - '0');
                number->parts *= 10;
            }
    return *text > begin && digits;
}

int duration_parse(const char *text, int64_t *ret_duration)
{
    int64_t duration = 0, whole;
    struct number number;

    do {
        if (!duration_take_number(&text, &number))
            return -EINVAL;
        int64_t unit = duration_take_unit(&text);
        int64_t part = (int64_t)((__int128)unit * number.part / number.parts);
        if (unit == 0 || __builtin_mul_overflow(number.whole, unit, &whole) ||
            __builtin_add_overflow(duration, whole, &duration) ||
            __builtin_add_overflow(duration, part, &duration))
            return -EINVAL;
    } while (*text);
    *ret_duration = duration;
    return 0;
}
