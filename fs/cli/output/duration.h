/* Durations as Litestream prints and reads them. */
#pragma once

#include <stdint.h>

#define DURATION_TEXT_SIZE 40

/* Writes nanoseconds as Go does ("1h2m3s", "1.5s", "12ms", "-3s"), with the precision that Litestream's
 * listings have: whole seconds above ten of them, tenths above one. */
void duration_format(int64_t duration, char text[static DURATION_TEXT_SIZE]);

/* Reads what Go's time.ParseDuration reads ("90s", "1h30m", "1.5h"), without a sign, and days ("2d"):
 * nanoseconds. 0, or -EINVAL: none, or more than 292 years. */
int duration_parse(const char *text, int64_t *ret_duration);
