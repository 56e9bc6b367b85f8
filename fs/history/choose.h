/* Which generation an instant belongs to. */
#pragma once

#include "generation.h"

/* Generations by name, a reference each. Zero-initialise. */
struct generations {
    struct generation **items;
    size_t n, capacity;
};

void generations_finish(struct generations *generations);
int generations_add(struct generations *generations,
                    struct generation *generation); /* takes the reference over */
int generations_copy(const struct generations *generations, struct generations *ret_copy);
struct generation *generations_find(const struct generations *generations,
                                    const char *name); /* borrowed, or NULL */

/* The state for `time` (INSTANT_MAX: the latest) over all of them; results as history_open_at. */
int choose_state(const struct generations *generations, int64_t time, struct task *task,
                 struct state **ret_state);
