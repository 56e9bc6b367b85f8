#include "litemount/instant.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t instant_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return instant_of(&now);
}

int64_t instant_of(const struct timespec *time)
{
    int64_t instant;
    if (__builtin_mul_overflow((int64_t)time->tv_sec, INSTANT_SECOND, &instant) ||
        __builtin_add_overflow(instant, time->tv_nsec, &instant))
        return time->tv_sec < 0 ? INT64_MIN : INSTANT_MAX;
    return instant;
}

/* Reads exactly `digits` digits. */
static bool instant_take_digits(const char **text, int digits, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*text)[i]))
            return false;
        value = value * 10 + ((*text)[i] - '0');
    }
    *text += digits;
    *ret_value = value;
    return true;
}

static bool instant_take_char(const char **text, char expected)
{
    if (**text != expected)
        return false;
    ++*text;
    return true;
}

/* Reads a point or comma and the digits behind it, if there is one; what is finer than a nanosecond is cut.
 */
static bool instant_take_fraction(const char **text, int64_t *ret_nanoseconds)
{
    int64_t nanoseconds = 0, unit = INSTANT_SECOND / 10;
    *ret_nanoseconds = 0;
    if (**text != '.' && **text != ',')
        return true;
    ++*text;
    if (!isdigit((unsigned char)**text))
        return false;
    for (; isdigit((unsigned char)**text); ++*text, unit /= 10)
        nanoseconds += (**text - '0') * unit;
    *ret_nanoseconds = nanoseconds;
    return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years count from March, so that a leap day comes
 * last. */
static int64_t instant_days_since_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static bool instant_is_date(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

/* Reads `Z`, `+hh:mm`, `-hhmm`, `+hh` or nothing (UTC): seconds east of UTC. */
static bool instant_take_zone(const char **text, int64_t *ret_seconds)
{
    int hours, minutes = 0;
    *ret_seconds = 0;
    if (**text == '\0')
        return true;
    if (instant_take_char(text, 'Z') || instant_take_char(text, 'z'))
        return true;
    int sign = **text == '-' ? -1 : 1;
    if (!instant_take_char(text, '+') && !instant_take_char(text, '-'))
        return false;
    if (!instant_take_digits(text, 2, &hours))
        return false;
    if (**text && (instant_take_char(text, ':'), !instant_take_digits(text, 2, &minutes)))
        return false;
    if (hours > 23 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* What int64_t can't hold is the last instant that it can, but for INSTANT_MAX, or the first. */
static int64_t instant_from_seconds(int64_t seconds, int64_t nanoseconds)
{
    int64_t instant;
    /* Towards zero first: the earliest second begins before what int64_t can hold, and ends within it. */
    if (seconds < 0 && nanoseconds > 0) {
        seconds++;
        nanoseconds -= INSTANT_SECOND;
    }
    if (!__builtin_mul_overflow(seconds, INSTANT_SECOND, &instant) &&
        !__builtin_add_overflow(instant, nanoseconds, &instant) && instant != INSTANT_MAX)
        return instant;
    return seconds <= 0 ? INT64_MIN : INSTANT_MAX - 1;
}

static int instant_parse_date(const char *text, int64_t *ret_instant)
{
    int year, month, day, hour = 0, minute = 0, second = 0;
    int64_t nanoseconds = 0, zone = 0;

    if (!instant_take_digits(&text, 4, &year) || !instant_take_char(&text, '-') ||
        !instant_take_digits(&text, 2, &month) || !instant_take_char(&text, '-') ||
        !instant_take_digits(&text, 2, &day) || !instant_is_date(year, month, day))
        return -EINVAL;
    if (*text) {
        if (!instant_take_char(&text, 'T') && !instant_take_char(&text, 't') &&
            !instant_take_char(&text, ' '))
            return -EINVAL;
        if (!instant_take_digits(&text, 2, &hour) || !instant_take_char(&text, ':') ||
            !instant_take_digits(&text, 2, &minute))
            return -EINVAL;
        if (instant_take_char(&text, ':') &&
            (!instant_take_digits(&text, 2, &second) || !instant_take_fraction(&text, &nanoseconds)))
            return -EINVAL;
        if (!instant_take_zone(&text, &zone) || *text || hour > 23 || minute > 59 || second > 60)
            return -EINVAL;
    }
    int64_t seconds =
        instant_days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone;
    *ret_instant = instant_from_seconds(seconds, nanoseconds);
    return 0;
}

/* Reads decimal digits up to anything else. */
static int instant_take_number(const char **text, int64_t *ret_value)
{
    int64_t value = 0;
    if (!isdigit((unsigned char)**text))
        return -EINVAL;
    for (; isdigit((unsigned char)**text); ++*text)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, **text - '0', &value))
            return -ERANGE;
    *ret_value = value;
    return 0;
}

static int instant_parse_epoch(const char *text, int64_t *ret_instant)
{
    int64_t seconds, nanoseconds;
    bool before = instant_take_char(&text, '-');
    int r = instant_take_number(&text, &seconds);
    if (r < 0)
        return r;
    if (!instant_take_fraction(&text, &nanoseconds) || *text)
        return -EINVAL;
    *ret_instant = instant_from_seconds(before ? -seconds : seconds, before ? -nanoseconds : nanoseconds);
    return 0;
}

static int instant_parse_ago(const char *text, int64_t now, int64_t *ret_instant)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    int64_t count, ago;
    int r = instant_take_number(&text, &count);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text[0] != units[i].unit || strcmp(text + 1, "-ago") != 0)
            continue;
        if (__builtin_mul_overflow(count, units[i].seconds * INSTANT_SECOND, &ago) ||
            __builtin_sub_overflow(now, ago, ret_instant))
            *ret_instant = INT64_MIN;
        return 0;
    }
    return -EINVAL;
}

int instant_is_relative(const char *text)
{
    size_t length = strlen(text);
    return strcmp(text, "now") == 0 || (length > 4 && strcmp(text + length - 4, "-ago") == 0);
}

int instant_parse(const char *text, int64_t now, int64_t *ret_instant)
{
    if (strcmp(text, "now") == 0) {
        *ret_instant = now;
        return 0;
    }
    if (instant_is_relative(text))
        return instant_parse_ago(text, now, ret_instant);
    if (text[0] == '@')
        return instant_parse_epoch(text + 1, ret_instant);
    return instant_parse_date(text, ret_instant);
}

void instant_format(int64_t instant, char text[static INSTANT_TEXT_SIZE])
{
    int64_t nanoseconds = instant % INSTANT_SECOND;
    time_t seconds = instant / INSTANT_SECOND;
    struct tm tm;
    char fraction[16] = "";

    if (nanoseconds < 0) {
        nanoseconds += INSTANT_SECOND;
        seconds--;
    }
    if (nanoseconds % INSTANT_MILLISECOND)
        snprintf(fraction, sizeof fraction, ".%09d", (int)nanoseconds);
    else if (nanoseconds)
        snprintf(fraction, sizeof fraction, ".%03d", (int)(nanoseconds / INSTANT_MILLISECOND));
    gmtime_r(&seconds, &tm);
    snprintf(text, INSTANT_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction);
}
