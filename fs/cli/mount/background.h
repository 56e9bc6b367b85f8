/* Going to the background, but not before there is nothing left that could fail.
 *
 * The process forks at once, before it has any thread; the first one waits until the second says that all is
 * well, and then leaves with 0, or ends as the second one ended. Until then both share the terminal, so
 * errors are seen, and whoever ends the first (^C) ends the second. */
#pragma once

/* In the process that goes on: returns 0 and what background_ready wants; the other one never returns. -errno
 * if there is no process to be had. */
int background_start(int *ret_ready_fd);

/* All is well: lets go of the terminal, and of the process that waits. */
void background_ready(int ready_fd);
