/* States and generations that hold nothing, for tests of what is above them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "generation/generation.h"
#include "litemount/task.h"

static inline void fake_state_close(struct state *state)
{
    free(state);
}

static inline void fake_generation_close(struct generation *generation)
{
    free(generation->name);
    free(generation);
}

/* What is asked of a store is helped with by threads of that store's share. */
static inline int fake_generation_learn_times(struct generation *generation,
                                              struct generation_listing *listing, struct task *task)
{
    assert_ptr_equal(task->holder, generation->store);
    return 0;
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
