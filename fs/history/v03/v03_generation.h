/* A generation of Litestream v0.3, as history.c sees it. */
#pragma once

#include "generation/generation.h"

struct contents;
struct replica;

/* Makes the generation `name` below `replica`, which is borrowed from the history. Lists nothing yet. 0 or
 * -ENOMEM. */
int v03_generation_open(const char *name, struct replica *replica, const struct history_options *options,
                        struct generation **ret_generation);

/* Adds the names of the generations that the replica holds. 0, or replica_list's errno. */
int v03_list_generations(const struct contents *contents, struct task *task, struct names *names);
