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

static int v05_learn_times(struct generation *generation, struct generation_listing *listing,
                           struct task *task)
{
    return ltx_times_learn(v05_generation_of(generation), v05_listing_of(listing), task);
}

static bool v05_bounds(struct generation *generation, struct generation_listing *base, int64_t *ret_earliest,
                       int64_t *ret_latest)
{
    const struct v05_listing *listing = v05_listing_of(base);

    if (listing->n_files == 0)
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

static bool v05_has_points(struct generation *generation, struct generation_listing *listing)
{
    _cleanup_(plan_finish) struct plan plan = {0};
    return plan_find(v05_generation_of(generation), v05_listing_of(listing), INSTANT_MAX, UINT64_MAX,
                     &plan) == 0 &&
           plan.txid;
}

static bool v05_point_at(struct generation *base, struct generation_listing *current, int64_t time,
                         int64_t *ret_point)
{
    struct v05_generation *generation = v05_generation_of(base);
    struct v05_listing *listing = v05_listing_of(current);
    _cleanup_(plan_finish) struct plan plan = {0};
    struct task task;

    task_init(&task, NULL);
    return plan_find(generation, listing, time, UINT64_MAX, &plan) == 0 && plan.txid &&
           v05_find_point(generation, listing, time, &plan, &task, ret_point) == 0;
}

static int v05_open_position(struct generation *generation, struct generation_listing *listing,
                             const char *position, struct task *task, struct state **ret_state)
{
    if (strlen(position) != 16 || strspn(position, "0123456789abcdef") != 16)
        return -ENOENT;
    return v05_open_txid(v05_generation_of(generation), v05_listing_of(listing), INSTANT_MAX,
                         strtoull(position, NULL, 16), task, ret_state);
}

static bool v05_goes_beyond(struct generation *generation, struct generation_listing *base, int64_t time,
                            const char *position)
{
    const struct v05_listing *listing = v05_listing_of(base);
    uint64_t txid = strtoull(position, NULL, 16);
    bool beyond = false;

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < listing->n_files && !beyond; i++)
        beyond = listing->files[i]->time <= time && listing->files[i]->max_txid > txid;
    pthread_mutex_unlock(&generation->lock);
    return beyond;
}

static int v05_list_snapshots_locked(struct generation *generation, struct generation_listing *base,
                                     struct instants *snapshots)
{
    const struct v05_listing *listing = v05_listing_of(base);
    int r = 0;

    for (size_t i = 0; i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level == V05_BASE_LEVEL && file->learnt.state != LEARNT_DAMAGED)
            r = instants_add(snapshots, file->time);
    }
    return r;
}

static void v05_generation_close(struct generation *base)
{
    struct v05_generation *generation = v05_generation_of(base);
    generation_finish(base);
    replica_close(generation->written);
    free(generation->ends);
    free(generation);
}

static const struct generation_ops v05_generation_ops = {
    .list = v05_list,
    .renew_locked = v05_renew_locked,
    .has_points = v05_has_points,
    .begins_by = v05_begins_by,
    .learn_times = v05_learn_times,
    .bounds = v05_bounds,
    .point_at = v05_point_at,
    .known_at = v05_known_at,
    .open_at = v05_open_at,
    .open_position = v05_open_position,
    .goes_beyond = v05_goes_beyond,
    .count_points_locked = v05_count_points_locked,
    .count_damages_locked = v05_count_damages_locked,
    .list_snapshots_locked = v05_list_snapshots_locked,
    .list_positions = v05_list_positions,
    .describe_points = v05_describe_points,
    .list_objects = v05_list_objects,
    .stored_size = v05_stored_size,
    .verify = v05_verify,
    .close = v05_generation_close,
};

static int v05_generation_open(const char *name, struct replica *replica,
                               const struct history_options *options, struct generation **ret_generation)
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
    *ret_generation = &steal_pointer(generation)->base;
    return 0;
}

static unsigned v05_folder_kind(const char *folder)
{
    return strcmp(folder, "ltx/") == 0 ? 1 : v05_is_level(folder) ? 2 : 0;
}

const struct format v05_format = {
    .only_generation = V05_GENERATION,
    .list_generations = v05_list_generations,
    .open = v05_generation_open,
    .is_key = v05_is_key,
    .folder_kind = v05_folder_kind,
};
