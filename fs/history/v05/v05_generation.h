/* The history that Litestream v0.5 writes, as history sees it: the generation "ltx". */
#pragma once

#include "generation/format.h"

#define V05_GENERATION "ltx"

extern const struct format v05_format;

/* As list_generations of `struct format`. */
int v05_list_generations(const struct contents *contents, struct task *task, struct names *names);
