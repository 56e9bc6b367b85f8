/* Whether a file as a whole is what its writer wrote. */
#pragma once

#include "v05.h"

/* Compares the checksum over a sound file, once ever. 0; -EIO with a reason if it does not hold: its pages
 * are dropped; or why it can't be read. */
int v05_check_file(struct v05_generation *generation, const struct ltx_file *file, struct task *task);
