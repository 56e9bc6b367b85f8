/* When an LTX file was written: what `litestream restore -timestamp` goes by on its store. On S3 that is the
 * object's metadata, which comes along with the bytes, or is asked for once ever; where there is none, it is
 * the store's own time. */
#pragma once

#include "ltx_file.h"

struct v05_listing;

/* The time that the file's metadata tells; NULL: there is none. */
int64_t ltx_time_of(const struct object *object, const char *metadata);

/* Asks for the file's metadata, if its time is not known yet. 0, or why it can't be had. */
int ltx_time_ask(struct v05_generation *generation, struct ltx_file *file, struct task *task);

/* Takes the times, and the databases' sizes, that were found out before, by any mount. 0 or -ENOMEM. */
int ltx_times_recall(struct v05_generation *generation, const struct v05_listing *listing);

/* Keeps those that are known. */
void ltx_times_keep(struct v05_generation *generation, const struct v05_listing *listing);

/* Finds out the time of every file. 0, or why one can't be had. */
int ltx_times_learn(struct v05_generation *generation, struct v05_listing *listing, struct task *task);
