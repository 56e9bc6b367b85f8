#include "litemount/clock.h"

#include <time.h>

#include "litemount/instant.h"

int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * INSTANT_SECOND + now.tv_nsec;
}
