/* States and generations that hold nothing, for tests of what is above them. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "generation/generation.h"

static inline void fake_state_close(struct state *state)
{
    free(state);
}

static inline void fake_generation_close(struct generation *generation)
{
    free(generation->name);
    free(generation);
}

/* A state of that identity and time; it takes over the caller's reference to the generation. */
static inline struct state *fake_state(struct generation *generation, uint64_t identity, int64_t time)
{
    static const struct state_ops ops = {.close = fake_state_close};
    struct state *state = calloc(1, sizeof *state);

    state->ops = &ops;
    atomic_init(&state->references, 1);
    state->generation = generation;
    state->identity = identity;
    state->time = time;
    return state;
}
