/* The history that Litestream v0.5 writes, as history.c sees it: the generation "ltx". */
#pragma once

#include "generation/generation.h"

struct contents;
struct replica;

#define V05_GENERATION "ltx"

/* As v03_generation_open and v03_list_generations. */
int v05_generation_open(const char *name, struct replica *replica, const struct history_options *options,
                        struct generation **ret_generation);
int v05_list_generations(const struct contents *contents, struct task *task, struct names *names);

/* Opens a state that was opened before once more, after the replica was listed again: by the same TXID, of no
 * younger base. As open_position of generation_ops. */
int v05_open_again(const struct state *state, struct task *task, struct state **ret_state);
