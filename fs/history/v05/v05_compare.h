/* What the cache holds of a file, compared with the file while that is read from its beginning to its end. */
#pragma once

#include "v05.h"

struct v05_comparison;

/* 0 and a comparison for the caller to end, or -ENOMEM. */
int v05_compare_begin(struct v05_generation *generation, const struct ltx_file *file,
                      struct v05_comparison **ret_comparison);

/* The file begins, perhaps anew: with these bytes. Has the checker show each page to the comparison. */
void v05_compare_start(struct v05_comparison *comparison, const uint8_t start[static LTX_START_SIZE],
                       struct ltx_checker *checker);

/* The checker has ended, and the file is sound: drops what the cache holds of it if any of that differs. */
void v05_compare_conclude(struct v05_comparison *comparison, const struct ltx_index *index);

/* Whether it has. */
bool v05_compare_has_dropped(const struct v05_comparison *comparison);

void v05_compare_end(struct v05_comparison *comparison); /* NULL is fine */
