/* Which generation an instant belongs to. */
#pragma once

#include "generations.h"

/* The state for `time` (INSTANT_MAX: the latest) over all of them; results as history_open_at. */
int choose_state(const struct generations *generations, int64_t time, struct task *task,
                 struct state **ret_state);

/* What is known of the states for `times`, ascending: their numbers as history_list_inodes. 0 or -ENOMEM. */
int choose_inodes(const struct generations *generations, const int64_t *times, size_t n,
                  uint64_t *ret_inodes);

/* The state at `position` in the first of them that can give it; results as history_open_position. */
int choose_position(const struct generations *generations, const char *position, struct task *task,
                    struct state **ret_state);
