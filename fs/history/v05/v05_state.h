/* A state of a v0.5 history. */
#pragma once

#include "v05.h"

/* Makes the state that `plan` leads to, all of whose files are sound; takes the plan over on success. `time`
 * is the point's own, `gap` (taken over, may be NULL) what is missing before the asked instant. 0, -EBADMSG
 * if the files do not fit each other, or -ENOMEM. */
int v05_state_make(struct v05_generation *generation, struct v05_listing *listing, struct plan *plan,
                   int64_t time, char **gap, struct state **ret_state);
