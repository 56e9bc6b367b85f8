/* The LTX files of a replica, and which of them make the state that is asked for. */
#include "v05_generation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation/contents.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "ltx_time.h"
#include "v05_state.h"
#include "v05_verify.h"

static struct v05_generation *cast(struct generation *generation)
{
    return (struct v05_generation *)generation;
}

static void unref_listing(struct v05_listing **listing)
{
    v05_listing_unref(*listing);
}

static int generation_refresh(struct generation *base, const struct contents *contents, bool whole,
                              struct task *task)
{
    struct v05_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v05_listing *known = v05_listing_current(generation), *fresh = NULL;
    int r = v05_listing_make(generation, contents, known, whole, task, &fresh);

    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    struct v05_listing *old = generation->listing;
    generation->listing = steal_pointer(fresh);
    pthread_mutex_unlock(&generation->lock);
    v05_listing_unref(old);
    return 0;
}

static int generation_learn_times(struct generation *base, struct task *task)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    return listing ? ltx_times_learn(cast(base), listing, task) : 0;
}

static bool generation_bounds(struct generation *base, int64_t *ret_earliest, int64_t *ret_latest)
{
    struct v05_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(generation);

    if (!listing || listing->n_files == 0)
        return false;
    *ret_earliest = INT64_MAX;
    *ret_latest = INT64_MIN;
    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < listing->n_files; i++) {
        int64_t time = listing->files[i]->time;
        *ret_earliest = time < *ret_earliest ? time : *ret_earliest;
        *ret_latest = time > *ret_latest ? time : *ret_latest;
    }
    pthread_mutex_unlock(&generation->lock);
    return true;
}

static bool generation_has_points(struct generation *base)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    _cleanup_(plan_finish) struct plan plan = {0};
    return listing && v05_plan(cast(base), listing, INSTANT_MAX, UINT64_MAX, &plan) == 0 && plan.txid;
}

static bool generation_point_at(struct generation *base, int64_t time, int64_t *ret_point)
{
    struct v05_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(generation);
    _cleanup_(plan_finish) struct plan plan = {0};
    struct task task;

    task_init(&task, NULL);
    return listing && v05_plan(generation, listing, time, UINT64_MAX, &plan) == 0 && plan.txid &&
           v05_find_point(generation, listing, time, &plan, &task, ret_point) == 0;
}

static int generation_known_at(struct generation *base, const int64_t *times, size_t n,
                               struct known_state *ret_states)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    return listing ? v05_known_at(cast(base), listing, times, n, ret_states) : 0;
}

static int generation_open_at(struct generation *base, int64_t time, struct task *task,
                              struct state **ret_state)
{
    struct v05_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(generation);
    _cleanup_(plan_finish) struct plan plan = {0};
    _cleanup_free_ char *gap = NULL;
    int64_t point;
    int r = listing ? v05_sound_plan(generation, listing, time, UINT64_MAX, task, &plan) : -ENOENT;

    if (r == 0)
        r = v05_find_point(generation, listing, time, &plan, task, &point);
    if (r == 0)
        r = v05_describe_gap(generation, listing, time, &plan, &gap);
    if (r == 0)
        r = v05_state_make(generation, listing, &plan, point, &gap, ret_state);
    return r == -EBADMSG ? task_fail(task, EIO, "%s: its LTX files have pages of different sizes",
                                     replica_url(generation->replica))
                         : r;
}

/* A TXID's own time: that of the first file that brings it. */
static int64_t time_of(struct v05_generation *generation, const struct v05_listing *listing,
                       const struct plan *plan)
{
    pthread_mutex_lock(&generation->lock);
    int64_t time = plan_last(plan)->time;
    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (plan->n_chain && file->level != V05_BASE_LEVEL && file->max_txid == plan->txid &&
            file->time < time)
            time = file->time;
    }
    pthread_mutex_unlock(&generation->lock);
    return time;
}

/* A state of that very TXID; -ENOENT if none leads to it. */
static int open_txid(struct v05_generation *generation, int64_t time, uint64_t txid, struct task *task,
                     struct state **ret_state)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(generation);
    _cleanup_(plan_finish) struct plan plan = {0};
    _cleanup_free_ char *gap = NULL;
    int r = listing ? v05_sound_plan(generation, listing, time, txid, task, &plan) : -ENOENT;

    if (r == 0 && plan.txid != txid)
        r = -ENOENT;
    if (r == 0)
        r = v05_state_make(generation, listing, &plan, time_of(generation, listing, &plan), &gap, ret_state);
    return r == -EBADMSG ? -EIO : r;
}

static int generation_open_position(struct generation *base, const char *position, struct task *task,
                                    struct state **ret_state)
{
    if (strlen(position) != 16 || strspn(position, "0123456789abcdef") != 16)
        return -ENOENT;
    return open_txid(cast(base), INSTANT_MAX, strtoull(position, NULL, 16), task, ret_state);
}

/* A base that was made later may hold a newer state than its TXID says. */
int v05_open_again(const struct state *state, struct task *task, struct state **ret_state)
{
    struct v05_generation *generation = cast(state->generation);
    const struct contents contents = {.replica = generation->replica};
    uint64_t txid = strtoull(state->position, NULL, 16);
    int r = generation_refresh(state->generation, &contents, true, task);

    if (r < 0)
        return r;
    r = open_txid(generation, state->time, txid, task, ret_state);
    return r == -ENOENT ? open_txid(generation, INSTANT_MAX, txid, task, ret_state) : r;
}

static bool generation_goes_beyond(struct generation *base, int64_t time, const char *position)
{
    struct v05_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(generation);
    uint64_t txid = strtoull(position, NULL, 16);
    bool beyond = false;

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; listing && i < listing->n_files && !beyond; i++)
        beyond = listing->files[i]->time <= time && listing->files[i]->max_txid > txid;
    pthread_mutex_unlock(&generation->lock);
    return beyond;
}

static int generation_list_points(struct generation *base, struct task *task, struct instants *points)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    return listing ? v05_points(cast(base), listing, task, points) : 0;
}

/* The snapshots, the first point and the last. */
static int generation_list_landmarks(struct generation *base, struct task *task, struct instants *landmarks)
{
    struct v05_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(generation);
    _cleanup_(instants_finish) struct instants points = {0};
    int r = listing ? v05_points(generation, listing, task, &points) : 0;

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; listing && i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level == V05_BASE_LEVEL && file->learnt.state != LEARNT_DAMAGED)
            r = instants_add(landmarks, file->time);
    }
    pthread_mutex_unlock(&generation->lock);
    if (r == 0 && points.n)
        r = instants_add(landmarks, points.times[0]);
    if (r == 0 && points.n)
        r = instants_add(landmarks, points.times[points.n - 1]);
    return r;
}

static int generation_list_positions(struct generation *base, const char *folder, struct task *task,
                                     struct names *names)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    (void)task;
    return listing && !folder ? v05_list_positions(cast(base), listing, names) : -ENOENT;
}

static int generation_describe_points(struct generation *base, const struct measuring *measuring,
                                      struct task *task, struct listed_points *points)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    return listing ? v05_describe_points(cast(base), listing, measuring, task, points) : 0;
}

static int generation_list_objects(struct generation *base, enum object_kind kind,
                                   struct listed_objects *objects)
{
    _cleanup_(unref_listing) struct v05_listing *listing = v05_listing_current(cast(base));
    return listing && kind != OBJECT_WAL ? v05_list_objects(cast(base), listing, kind, objects) : 0;
}

static void generation_close(struct generation *base)
{
    struct v05_generation *generation = cast(base);
    v05_listing_unref(generation->listing);
    replica_close(generation->written);
    pthread_mutex_destroy(&generation->lock);
    pthread_cond_destroy(&generation->learnt);
    generation_finish(base);
    free(generation);
}

static const struct generation_ops v05_generation_ops = {
    .refresh = generation_refresh,
    .has_points = generation_has_points,
    .begins_by = v05_begins_by,
    .learn_times = generation_learn_times,
    .bounds = generation_bounds,
    .point_at = generation_point_at,
    .known_at = generation_known_at,
    .open_at = generation_open_at,
    .open_position = generation_open_position,
    .goes_beyond = generation_goes_beyond,
    .list_points = generation_list_points,
    .list_landmarks = generation_list_landmarks,
    .list_positions = generation_list_positions,
    .describe_points = generation_describe_points,
    .list_objects = generation_list_objects,
    .stored_size = v05_stored_size,
    .verify = v05_verify,
    .close = generation_close,
};

static int generation_open(const char *name, struct replica *replica, const struct history_options *options,
                           struct generation **ret_generation)
{
    _cleanup_free_ struct v05_generation *generation = calloc(1, sizeof *generation);

    if (!generation || generation_init(&generation->base, &v05_generation_ops, name, replica, options) < 0)
        return -ENOMEM;
    if (replica_open_raw_prefix(replica, &generation->written) == -ENOMEM) {
        generation_finish(&generation->base);
        return -ENOMEM;
    }
    generation->replica = replica;
    generation->base.store = replica_store(replica);
    generation->cache = options->cache;
    generation->decoders = options->decoders;
    pthread_mutex_init(&generation->lock, NULL);
    pthread_cond_init(&generation->learnt, NULL);
    *ret_generation = &steal_pointer(generation)->base;
    return 0;
}

static unsigned folder_kind(const char *folder)
{
    return strcmp(folder, "ltx/") == 0 ? 1 : v05_is_level(folder) ? 2 : 0;
}

const struct format v05_format = {
    .only_generation = V05_GENERATION,
    .list_generations = v05_list_generations,
    .open = generation_open,
    .is_key = v05_is_key,
    .folder_kind = folder_kind,
};
