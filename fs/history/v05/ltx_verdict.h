/* Whether what was read of a large file is what its writer wrote: compared once all of it was read. */
#pragma once

#include "v05.h"

/* To be called after pages of the file were read: compares the checksum if none is missing any more. 0: it
 * holds, or it can't be told yet; -EIO with a reason: it does not hold. Then nothing of the file is in the
 * cache any more, and every state that was made of it has failed. -ECANCELED. */
int ltx_verdict_look(const struct ltx_file *file, struct task *task);

/* To be called when somebody has read a state to its end: pages that nobody needs, since newer ones stand in
 * other files, are read all the same if they are few, for the sake of the others. As ltx_verdict_look. */
int ltx_verdict_round_off(const struct ltx_file *file, struct task *task);

/* The same as ltx_verdict_look, and reads what is missing. 0: it holds; -EIO; or why it can't be told. */
int ltx_verdict_reach(const struct ltx_file *file, struct task *task);

/* Why the file failed, or NULL. */
const char *ltx_verdict_failure(const struct ltx_file *file);
