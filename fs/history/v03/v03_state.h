/* A state of a v0.3 generation. */
#pragma once

#include "v03/wal/chain.h"

struct state;
struct v03_generation;
struct v03_listing;

/* Makes the state that `chain` leads to, and takes the chain over on success. 0 or -ENOMEM. */
int v03_state_make(struct v03_generation *generation, struct v03_listing *listing, struct chain *chain,
                   struct state **ret_state);
