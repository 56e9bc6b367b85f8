/* Generations side by side: those of a replica, or of all of a history's. */
#pragma once

#include "generation/generation.h"

/* Generations, a reference each: replica by replica in the configured order, each replica's by name.
 * Zero-initialise. */
struct generations {
    struct generation **items;
    size_t n, capacity;
};

void generations_finish(struct generations *generations);
int generations_add(struct generations *generations,
                    struct generation *generation); /* takes the reference over */
int generations_copy(const struct generations *generations, struct generations *ret_copy);
struct generation *generations_find(const struct generations *generations,
                                    const char *name); /* the first: borrowed, or NULL */

/* Those of that name: of each replica that has it one, the one that was updated last first. 0; -ENOENT if
 * there is none; or -ENOMEM. */
int generations_select(const struct generations *generations, const char *name, struct generations *ret_same);
