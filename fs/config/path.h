/* Paths as Go's path and Litestream's `expand` treat them, and small files read whole. */
#pragma once

#include <stddef.h>

struct config_options;

/* The path without empty, `.` and inner `..` parts and without a slash at its end, "." if nothing is left:
 * Go's path.Clean. The caller frees it. NULL: out of memory. */
char *path_clean(const char *path);

/* Makes a path from the configuration absolute: strips `sqlite://` and `sqlite3://`, replaces a leading `~`
 * by the user's home folder, and else begins at the current folder. The caller frees the result. 0, -ENOMEM,
 * or -ENOENT if there is no home or current folder. */
int path_expand(const char *path, const struct config_options *options, char **ret_path);

/* Reads a file of at most `limit` bytes. The caller wipes and frees the text, which has a NUL behind it. 0,
 * -EFBIG, -ENOMEM, or what open and read fail with. */
int file_read(const char *path, size_t limit, char **ret_text, size_t *ret_length);
