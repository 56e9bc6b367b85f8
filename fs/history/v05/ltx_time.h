/* When an LTX file was written: what `litestream restore -timestamp` goes by on its store. On S3 that is the
 * object's metadata, asked for once ever; where there is none, the store's own time. */
#pragma once

#include "v05.h"

#define LTX_TIME_UNKNOWN INT64_MIN

/* Fills in the time of those files that have none yet, which nobody else knows of so far. 0, or why a time
 * can't be had. */
int ltx_times_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, struct task *task);
