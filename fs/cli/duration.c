/* Sources: Litestream v0.3.13 cmd/litestream/generations.go (truncateDuration); Go's time.Duration.String. */
#include "duration.h"

#include <inttypes.h>
#include <stdio.h>

#include "litemount/instant.h"

#define MICROSECOND INT64_C(1000)

static uint64_t cut(uint64_t duration)
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
    uint64_t left = cut(duration < 0 ? -(uint64_t)duration : (uint64_t)duration);
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
