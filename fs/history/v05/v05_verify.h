/* Verifying a v0.5 history: see generation.h. */
#pragma once

#include "v05.h"

struct verifier;

uint64_t v05_stored_size(struct generation *generation);
int v05_verify(struct generation *generation, struct verifier *verifier, struct task *task);
