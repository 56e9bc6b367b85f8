/* A v0.5 state: how it is opened, and what is read in its place when files of its plan are gone. */
#include "v05_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation/contents.h"
#include "litemount/cleanup.h"
#include "litemount/hash.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "ltx_time.h"
#include "ltx_verdict.h"

#define MOST_LOOKS 3 /* for files in place of those that are gone */

static struct v05_state *v05_successor_of(struct v05_state *state)
{
    pthread_mutex_lock(&state->lock);
    struct v05_state *successor = state->successor;
    pthread_mutex_unlock(&state->lock);
    return successor;
}

/* The state that is read in place of this one: itself, as long as none of its files was found to be gone. */
static struct v05_state *v05_newest_of(struct v05_state *state)
{
    for (struct v05_state *next = state; next; next = v05_successor_of(state))
        state = next;
    return state;
}

/* Whether both are of the same TXID on the same base: then their pages are the same, however the files
 * between were compacted. */
static bool v05_is_same(const struct v05_state *a, const struct v05_state *b)
{
    const struct ltx_file *base = a->plan.base, *other = b->plan.base;

    if (a->plan.txid != b->plan.txid || a->base.size != b->base.size || !base != !other)
        return false;
    return !base || (strcmp(base->object.key, other->object.key) == 0 &&
                     strcmp(base->object.version, other->object.version) == 0);
}

/* Opens the state once more, after the replica was listed again: by the same TXID, of no younger base, for a
 * base that was made later may hold a newer state than its TXID says. */
static int v05_open_again(const struct state *state, struct task *task, struct state **ret_state)
{
    struct v05_generation *generation = v05_generation_of(state->generation);
    const struct contents contents = {.replica = generation->replica};
    uint64_t txid = strtoull(state->position, NULL, 16);
    int r = generation_refresh(state->generation, &contents, true, task);

    if (r < 0)
        return r;
    struct generation_listing *current = generation_current(state->generation);
    struct v05_listing *listing = v05_listing_of(current);
    r = v05_open_txid(generation, listing, state->time, txid, task, ret_state);
    if (r == -ENOENT)
        r = v05_open_txid(generation, listing, INSTANT_MAX, txid, task, ret_state);
    generation_listing_unref(current);
    return r;
}

/* A file of the plan is gone, compacted or replaced, after the state was opened: makes the state anew from
 * what there is now. 0; -ENOENT if it can't be made any more; or another errno. */
static int v05_succeed(struct v05_state *state, struct task *task)
{
    _cleanup_(unref_state) struct state *fresh = NULL;

    if (v05_successor_of(state))
        return 0;
    int r = v05_open_again(&state->base, task, &fresh);
    if (r < 0)
        return r;
    if (!v05_is_same(state, (struct v05_state *)fresh))
        return -ENOENT;
    pthread_mutex_lock(&state->lock);
    if (!state->successor)
        state->successor = (struct v05_state *)steal_pointer(fresh);
    pthread_mutex_unlock(&state->lock);
    return 0;
}

/* Does it to each file of the plan. */
static int v05_plan_each(const struct plan *plan,
                         int (*verdict)(const struct ltx_file *file, struct task *task), struct task *task)
{
    int r = plan->base ? verdict(plan->base, task) : 0;

    for (size_t i = 0; i < plan->n_chain && r == 0; i++)
        r = verdict(plan->chain[i], task);
    return r;
}

/* Whether somebody has read the state's end: this one, which ends at `end`, or one before it. Whoever copies
 * it has several reads under way, and the last one of them to be done need not be that of the end. */
static bool v05_has_ended(struct v05_state *state, uint64_t end)
{
    if (end == state->base.size)
        atomic_store(&state->ended, true);
    return atomic_load(&state->ended);
}

static int64_t state_v05_read(struct state *base, uint64_t offset, size_t length, void *bytes,
                              struct task *task)
{
    struct v05_state *state = (struct v05_state *)base;
    struct task attempt;
    int r;

    if (!bytes && cache_reads_through(((struct v05_generation *)base->generation)->cache))
        return -ENOSPC;
    for (int looks = 0;; looks++) {
        state = v05_newest_of(state);
        task_init(&attempt, task);
        r = v05_read_planned(state, offset, length, bytes, &attempt);
        if (r != -ESTALE || looks == MOST_LOOKS || v05_succeed(state, task) < 0)
            break;
    }
    if (r == 0 && bytes && v05_has_ended((struct v05_state *)base, offset + length))
        r = v05_plan_each(&state->plan, ltx_verdict_round_off, &attempt);
    return r < 0 ? task_fail(task, -r, "%s", task_reason(&attempt, r)) : (int64_t)length;
}

/* What stands in place of files that are gone is checked as they would have been. */
static int state_v05_check(struct state *base, struct task *task)
{
    struct v05_state *state = (struct v05_state *)base;
    struct task attempt;
    int r;

    for (int looks = 0;; looks++) {
        state = v05_newest_of(state);
        task_init(&attempt, task);
        r = v05_plan_each(&state->plan, ltx_verdict_reach, &attempt);
        if (r != -ESTALE || looks == MOST_LOOKS || v05_succeed(state, task) < 0)
            break;
    }
    return r < 0 ? task_fail(task, -r, "%s", task_reason(&attempt, r)) : 0;
}

static const char *v05_plan_failure(const struct plan *plan)
{
    const char *failure = plan->base ? ltx_verdict_failure(plan->base) : NULL;

    for (size_t i = 0; i < plan->n_chain && !failure; i++)
        failure = ltx_verdict_failure(plan->chain[i]);
    return failure;
}

static const char *state_v05_failure(const struct state *base)
{
    struct v05_state *state = (struct v05_state *)base;
    const char *failure = v05_plan_failure(&state->plan);

    while (!failure && (state = v05_successor_of(state)))
        failure = v05_plan_failure(&state->plan);
    return failure;
}

static void state_v05_close(struct state *base)
{
    struct v05_state *state = (struct v05_state *)base;
    plan_finish(&state->plan);
    generation_listing_unref(&state->listing->base);
    if (state->successor)
        state_unref(&state->successor->base);
    pthread_mutex_destroy(&state->lock);
    free(state->versions);
    free(state);
}

static int v05_list_file(const struct ltx_file *file, struct listed_objects *objects)
{
    const struct listed_object object = {.level = file->level,
                                         .min_txid = file->min_txid,
                                         .max_txid = file->max_txid,
                                         .size = file->object.size,
                                         .created = file->time == LTX_TIME_UNKNOWN ? file->object.modified
                                                                                   : file->time};
    return listed_objects_add(objects, &object);
}

static int state_v05_list_objects(const struct state *base, struct listed_objects *objects)
{
    const struct v05_state *state = (const struct v05_state *)base;
    struct v05_generation *generation = (struct v05_generation *)base->generation;
    const struct plan *plan = &state->plan;

    pthread_mutex_lock(&generation->base.lock);
    int r = plan->base ? v05_list_file(plan->base, objects) : 0;
    for (size_t i = 0; i < plan->n_chain && r == 0; i++)
        r = v05_list_file(plan->chain[i], objects);
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

static const struct state_ops v05_state_ops = {
    .read = state_v05_read,
    .check = state_v05_check,
    .failure = state_v05_failure,
    .list_objects = state_v05_list_objects,
    .close = state_v05_close,
};

static uint64_t v05_identify(const struct state *state, const struct plan *plan)
{
    const struct object *object = &(plan->base ? plan->base : plan->chain[0])->object;
    char time[32];
    uint64_t hash = hash_text(HASH_START, state->replica);
    hash = hash_text(hash, object->key);
    hash = hash_text(hash, object->version);
    hash = hash_text(hash, state->position);
    snprintf(time, sizeof time, "%" PRId64, state->time);
    return hash_text(hash, time);
}

/* Whether all files have pages of one size. */
static bool v05_fit(const struct plan *plan)
{
    uint32_t page_size = ltx_file_header(plan_last(plan))->page_size;
    for (size_t i = 0; i < plan->n_chain; i++)
        if (ltx_file_header(plan->chain[i])->page_size != page_size)
            return false;
    return !plan->base || ltx_file_header(plan->base)->page_size == page_size;
}

static uint64_t v05_source_size(const struct plan *plan)
{
    uint64_t size = plan->base ? plan->base->object.size : 0;
    for (size_t i = 0; i < plan->n_chain; i++)
        size += plan->chain[i]->object.size;
    return size;
}

/* The state that `plan` leads to, all of whose files are sound; takes the plan over on success. `time` is the
 * point's own, `gap` (taken over, may be NULL) what is missing before the asked instant. */
static int v05_make_state(struct v05_generation *generation, struct v05_listing *listing, struct plan *plan,
                          int64_t time, char **gap, struct task *task, struct state **ret_state)
{
    const struct ltx_header *last = ltx_file_header(plan_last(plan));
    _cleanup_free_ struct v05_state *state = calloc(1, sizeof *state);
    _cleanup_free_ char *position = NULL;

    if (!v05_fit(plan))
        return task_fail(task, EIO,
                         "%s: its LTX files up to TXID %016" PRIx64 " have pages of different sizes",
                         replica_url(generation->replica), plan->txid);
    if (!state || asprintf(&position, "%016" PRIx64, plan->txid) < 0)
        return -ENOMEM;
    state_init(&state->base, &v05_state_ops, &generation->base);
    state->base.size = (uint64_t)last->commit * last->page_size;
    state->base.source_size = v05_source_size(plan);
    state->base.time = time;
    state->base.replica = replica_url(generation->replica);
    state->base.position = steal_pointer(position);
    state->base.gap = steal_pointer(*gap);
    state->base.identity = v05_identify(&state->base, plan);
    state->base.inode = plan_inode(plan->base, plan->txid);
    state->page_size = last->page_size;
    pthread_mutex_init(&state->lock, NULL);
    state->listing = v05_listing_of(generation_listing_ref(&listing->base));
    state->plan = *plan;
    *plan = (struct plan){0};
    *ret_state = &steal_pointer(state)->base;
    return 0;
}

/* --- opening --- */

int v05_open_at(struct generation *base, struct generation_listing *current, int64_t time, struct task *task,
                struct state **ret_state)
{
    struct v05_generation *generation = v05_generation_of(base);
    struct v05_listing *listing = v05_listing_of(current);
    _cleanup_(plan_finish) struct plan plan = {0};
    _cleanup_free_ char *gap = NULL;
    int64_t point;
    int r = plan_around_damage(generation, listing, time, UINT64_MAX, task, &plan);

    if (r == 0)
        r = v05_find_point(generation, listing, time, &plan, task, &point);
    if (r == 0)
        r = plan_describe_gap(generation, listing, time, &plan, &gap);
    return r < 0 ? r : v05_make_state(generation, listing, &plan, point, &gap, task, ret_state);
}

/* A TXID's own time: that of the first file that brings it. */
static int64_t v05_time_of(struct v05_generation *generation, const struct v05_listing *listing,
                           const struct plan *plan)
{
    pthread_mutex_lock(&generation->base.lock);
    int64_t time = plan_last(plan)->time;
    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (plan->n_chain && file->level != V05_BASE_LEVEL && file->max_txid == plan->txid &&
            file->time < time)
            time = file->time;
    }
    pthread_mutex_unlock(&generation->base.lock);
    return time;
}

int v05_open_txid(struct v05_generation *generation, struct v05_listing *listing, int64_t time, uint64_t txid,
                  struct task *task, struct state **ret_state)
{
    _cleanup_(plan_finish) struct plan plan = {0};
    _cleanup_free_ char *gap = NULL;
    int r = plan_around_damage(generation, listing, time, txid, task, &plan);

    if (r == 0 && plan.txid != txid)
        r = -ENOENT;
    return r < 0 ? r
                 : v05_make_state(generation, listing, &plan, v05_time_of(generation, listing, &plan), &gap,
                                  task, ret_state);
}
