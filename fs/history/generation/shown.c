#include "litemount/shown.h"

static int64_t shown_end_of_millisecond(int64_t time)
{
    int64_t over = time % INSTANT_MILLISECOND;
    if (over == 0 || time > INSTANT_MAX - INSTANT_MILLISECOND)
        return time;
    return time - over + (over > 0 ? INSTANT_MILLISECOND : 0);
}

int64_t shown_instant(const struct instants *points, size_t i)
{
    int64_t end = shown_end_of_millisecond(points->times[i]);
    return i + 1 < points->n && points->times[i + 1] <= end ? points->times[i] : end;
}

bool is_shown_as(int64_t time, int64_t shown)
{
    return shown == time || shown == shown_end_of_millisecond(time);
}
