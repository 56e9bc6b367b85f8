/* Whether what was read of a large file is what its writer wrote: compared once all of it was read. */
#pragma once

#include "v05.h"

/* As ltx_image_fetch, and compares the checksum if no page is missing any more. -EIO with a reason if it does
 * not hold, by what was read now or before: then nothing of the file is in the cache any more, and every
 * state that was made of it has failed. */
int64_t ltx_verdict_read(const struct ltx_file *file, uint64_t offset, size_t length, void *bytes,
                         struct task *task);

/* To be called when somebody has read a state to its end: pages that nobody needs, since newer ones stand in
 * other files, are read all the same if they are few, for the sake of the others. 0: the checksum
 * holds, or it can't be told yet; -EIO with a reason; -ECANCELED. */
int ltx_verdict_round_off(const struct ltx_file *file, struct task *task);

/* Reads what is missing, and compares the checksum. 0: it holds; -EIO; or why it can't be told. */
int ltx_verdict_reach(const struct ltx_file *file, struct task *task);

/* Why the file failed, or NULL. */
const char *ltx_verdict_failure(const struct ltx_file *file);
