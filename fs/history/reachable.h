/* The newest state that can be had at an instant, where the generation that it belongs to does not give all.
 */
#pragma once

#include "generations.h"

/* The newest state at or before `time` over all generations, whose times are known; `choice` is asked first,
 * and alone if its state lacks nothing (NULL: there is none). Where a generation holds something newer that
 * can't be had, the state's gap says so. As history_open_at; where a store does not answer, what else it
 * holds is no answer. */
int reachable_state(const struct generations *generations, struct generation *choice, int64_t time,
                    struct task *task, struct state **ret_state);

/* Opens the generation's state. One that is asked for by its own time lacks nothing. */
int reachable_open(struct generation *generation, int64_t time, struct task *task, struct state **ret_state);
