/* Instants: nanoseconds since 1970-01-01T00:00:00Z, as int64_t, read and written in the forms that people
 * type.
 *
 * Covers the years 1678 to 2262. Knows nothing of backups. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define INSTANT_SECOND INT64_C(1000000000)
#define INSTANT_MILLISECOND INT64_C(1000000)
#define INSTANT_MAX INT64_MAX /* later than every real instant: "no limit" */

/* Room for the longest text that instant_format writes, with its NUL. */
#define INSTANT_TEXT_SIZE 40

/* The wall clock. */
int64_t instant_now(void);

/* The instant that the system calls `time`; of one that int64_t can't hold the nearest. */
int64_t instant_of(const struct timespec *time);

/* Reads an instant that a person typed: RFC 3339 with any offset (`T`, `t` or a space between date and time),
 * without a zone UTC, without seconds, a date alone (its midnight), a fraction of up to nine digits (more are
 * cut),
 * `@SECONDS[.FRACTION]` since the epoch, `now`, and `90s-ago`, `30m-ago`, `2h-ago`, `3d-ago`, counted from
 * `now`. One before 1677 is INT64_MIN, one after 2262 is INSTANT_MAX - 1. Returns 0, -EINVAL if the text is
 * none of these or names no real date, -ERANGE for a number of too many digits. */
int instant_parse(const char *text, int64_t now, int64_t *ret_instant);

/* Whether `text` is one of the relative forms, so that what it names moves with the clock. */
int instant_is_relative(const char *text);

/* Writes RFC 3339 in UTC: whole seconds bare, else milliseconds if they are exact, else nanoseconds. */
void instant_format(int64_t instant, char text[static INSTANT_TEXT_SIZE]);
