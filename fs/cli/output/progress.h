/* A progress bar on a terminal: what is done, how much of it, how fast, and the time that is left. Shows
 * nothing where standard error is no terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Plain value; `what` is borrowed. */
struct progress {
    const char *what;
    uint64_t done, total; /* bytes */
    int64_t began, shown; /* by the clock that is never set, nanoseconds */
    bool visible;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total);
void progress_add(struct progress *progress, uint64_t bytes);
void progress_end(struct progress *progress); /* clears the line */

/* Writes the line as it stands `elapsed` nanoseconds after the beginning, at most `width` columns wide. */
void progress_format(const struct progress *progress, int64_t elapsed, unsigned width, char *line,
                     size_t size);
