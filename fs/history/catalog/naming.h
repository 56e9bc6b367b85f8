/* What databases are called: pure rules over paths. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct config;

/* The length of the deepest folder that all configured databases (and folders of databases) share, and a path
 * that begins with it; an entry without a path of its own shares none. */
size_t naming_shared_folder(const struct config *config, const char **ret_path);

/* What is left of `path` below its first `shared` bytes. Points into `path`. */
const char *naming_below(const char *path, size_t shared);

/* Whether every part of `name` can stand in a folder: none is empty, ".", "..", or too long. */
bool naming_is_usable(const char *name);

/* The last part of a URL or path, for a source that is one backup: the caller frees it; NULL: out of memory.
 */
char *naming_of_source(const char *url);

/* What a backup at `place` below the source `url` is called: its place, without the empty parts and the dots
 * that Litestream v0.5 makes of a path as it was written; the source's own name if nothing is left. As
 * naming_of_source. */
char *naming_of_place(const char *place, const char *url);
