/* Finding out what is in an LTX file. */
#pragma once

#include "v05.h"

/* What one file turned out to hold. */
struct ltx_found {
    struct ltx_table table;
    struct cache_image *image;
};

/* Reads the file's header and page index, or (unless `anew`) takes them from the cache. 0, and what was found
 * belongs to the caller; -EBADMSG with a reason if the file is damaged; or why it can't be had. */
int ltx_learn(struct v05_generation *generation, const struct ltx_file *file, bool anew, struct task *task,
              struct ltx_found *ret_found);
