/* The clock that is never set: for how long something took, and when to give up. What time of day it is tells
 * instant.h. */
#pragma once

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_now(void);
