/* The history that Litestream v0.5 writes, as history sees it: the generation "ltx". */
#pragma once

#include "generation/format.h"

struct state;

#define V05_GENERATION "ltx"

extern const struct format v05_format;

/* As list_generations of `struct format`. */
int v05_list_generations(const struct contents *contents, struct task *task, struct names *names);

/* Opens a state that was opened before once more, after the replica was listed again: by the same TXID, of no
 * younger base. As open_position of generation_ops. */
int v05_open_again(const struct state *state, struct task *task, struct state **ret_state);
