#include "generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

struct generation *generation_ref(struct generation *generation)
{
    atomic_fetch_add(&generation->references, 1);
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation && atomic_fetch_sub(&generation->references, 1) == 1)
        generation->ops->close(generation);
}

struct state *state_ref(struct state *state)
{
    atomic_fetch_add(&state->references, 1);
    return state;
}

void state_unref(struct state *state)
{
    if (!state || atomic_fetch_sub(&state->references, 1) != 1)
        return;
    struct generation *generation = state->generation;
    free(state->position);
    free(state->gap);
    state->ops->close(state);
    generation_unref(generation);
}

uint64_t state_size(const struct state *state)
{
    return state->size;
}

int64_t state_time(const struct state *state)
{
    return state->time;
}

uint64_t state_source_size(const struct state *state)
{
    return state->source_size;
}

uint64_t state_identity(const struct state *state)
{
    return state->identity;
}

const char *state_generation(const struct state *state)
{
    return state->generation->name;
}

const char *state_position(const struct state *state)
{
    return state->position;
}

const char *state_replica(const struct state *state)
{
    return state->replica;
}

const char *state_gap(const struct state *state)
{
    return state->gap;
}

int64_t state_read(struct state *state, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    if (offset >= state->size)
        return 0;
    if (length > state->size - offset)
        length = (size_t)(state->size - offset);
    int64_t n = state->ops->read(state, offset, length, bytes, task);
    return n >= 0 || n == -ECANCELED || n == -ENOMEM ? n : -EIO;
}
