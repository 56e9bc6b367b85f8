/* Finding out what is in an LTX file. */
#pragma once

#include "v05.h"

struct v05_comparison;

/* What one file turned out to hold. */
struct ltx_found {
    struct ltx_table table;
    struct cache_image *image;
    struct ltx_sums *sums;
};

/* Takes the file's header and page index from the cache, or else reads them. A file that is to be compared
 * (`comparison`, else NULL), which is a small one, is read in any case. 0, and what was found belongs to the
 * caller; -EBADMSG with a reason if the file is damaged; or why it can't be had. */
int ltx_learn(struct v05_generation *generation, const struct ltx_file *file,
              struct v05_comparison *comparison, struct task *task, struct ltx_found *ret_found);

/* ltx_files.c: learns the first `n` of the files: what is in them, and when they were written. Of the
 * `n_timed` files behind them, which are not to be read, only the time. 0 even if some turn out damaged; else
 * why they can't be had. */
int ltx_files_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, size_t n_timed,
                    struct task *task);
