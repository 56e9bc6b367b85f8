#include "generation.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/hash.h"
#include "litemount/task.h"

static void state_ahead_ref(void *state)
{
    state_ref(state);
}

static void state_ahead_unref(void *state)
{
    state_unref(state);
}

static void state_ahead_bring(void *owner, uint64_t offset, size_t length, struct task *task)
{
    struct state *state = owner;
    state->ops->read(state, offset, length, NULL, task);
}

static const struct read_ahead_ops state_ahead_ops = {
    .ref = state_ahead_ref, .unref = state_ahead_unref, .bring = state_ahead_bring};

void state_init(struct state *state, const struct state_ops *ops, struct generation *generation)
{
    state->ops = ops;
    state->generation = generation_ref(generation);
    atomic_init(&state->references, 1);
    read_ahead_init(&state->ahead, &state_ahead_ops, state, generation->pool, generation->store);
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
    free(state->mixture);
    free(state->lost_generation);
    read_ahead_finish(&state->ahead);
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
    return state->gap ? hash_text(state->identity, state->gap) : state->identity;
}

uint64_t state_inode(const struct state *state)
{
    return state->inode;
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

const char *state_lost_generation(const struct state *state)
{
    return state->lost_generation;
}

const char *state_mixture(const struct state *state)
{
    return state->mixture;
}

/* What a caller can do something about keeps its errno; whatever else an object of the state suffers is
 * damage to it: it is gone, another one, or does not hold together. */
static int64_t state_result(int64_t r)
{
    return r >= 0 || r == -ECANCELED || r == -ENOMEM || r == -ETIMEDOUT || r == -EACCES || r == -EREMOTEIO
               ? r
               : -EIO;
}

const char *state_failure(const struct state *state)
{
    if (!state->ops->failure || atomic_load(&state->generation->n_failures) == 0)
        return NULL;
    return state->ops->failure(state);
}

int state_check(struct state *state, struct task *task)
{
    task->holder = state->generation->store;
    int r = state->ops->check ? state->ops->check(state, task) : 0;
    const char *failure = r < 0 ? NULL : state_failure(state);
    return failure ? task_fail(task, EIO, "%s", failure) : (int)state_result(r);
}

int64_t state_read(struct state *state, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    if (offset >= state->size)
        return 0;
    if (length > state->size - offset)
        length = (size_t)(state->size - offset);
    task->holder = state->generation->store;
    read_ahead_note(&state->ahead, offset, length, state->size);
    int64_t n = state_failure(state) ? 0 : state->ops->read(state, offset, length, bytes, task);
    const char *failure = state_failure(state); /* perhaps only now */
    return failure ? task_fail(task, EIO, "%s", failure) : state_result(n);
}
