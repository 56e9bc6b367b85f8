/* Whether a snapshot mixes the next transaction into where a chain ends, as far as the WAL behind it tells.
 */
#pragma once

#include "chain.h"

/* Looks at some pages that the next transaction of the snapshot's WAL writes: if the chain's state has a part
 * of them as they are written there, the chain's mixture says so. Reads a few pages of the snapshot; what
 * can't be read tells nothing. 0, -ECANCELED or -ENOMEM. */
int ahead_tell(struct v03_generation *generation, const struct v03_listing *listing, struct task *task,
               struct chain *chain);
