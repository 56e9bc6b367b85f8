/* A v0.3 generation: its listing, and which snapshot and which segments make the state that is asked for. */
#include "v03_generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation/contents.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "v03.h"
#include "v03/snapshot/snapshot.h"
#include "v03/wal/wal_lead.h"
#include "v03_key.h"
#include "v03_listing.h"

/* Lists the snapshots, and the segments: all, or (`known`) those that may have come since. */
static int v03_list_objects(struct v03_generation *generation, const struct contents *contents,
                            const struct v03_listing *known, struct task *task, struct listing *found)
{
    char snapshots[64], segments[64];
    size_t first = known ? v03_first_to_list_again(known) : 0;
    const char *after = first ? known->segments[first - 1]->object.key : NULL;

    snprintf(snapshots, sizeof snapshots, "generations/%s/snapshots/", generation->base.name);
    snprintf(segments, sizeof segments, "generations/%s/wal/", generation->base.name);
    int r = contents_list(contents, snapshots, NULL, task, found);
    return r < 0 ? r : contents_list(contents, segments, after, task, found);
}

static int v03_list(struct v03_generation *generation, const struct contents *contents,
                    struct v03_listing *known, bool whole, struct task *task,
                    struct v03_listing **ret_listing)
{
    _cleanup_(listing_finish) struct listing found = {0};
    int r = v03_list_objects(generation, contents, whole ? NULL : known, task, &found);
    return r < 0 ? r : v03_listing_make(&found, known, !whole, ret_listing);
}

static int v03_list_whole_or_rest(struct generation *base, struct generation_listing *before,
                                  const struct contents *contents, bool whole, struct task *task,
                                  struct generation_listing **ret_listing)
{
    struct v03_generation *generation = v03_generation_of(base);
    struct v03_listing *known = v03_listing_of(before), *fresh;
    int r = v03_list(generation, contents, known, whole || !known || known->n_segments == 0, task, &fresh);

    if (r == -ESTALE)
        r = v03_list(generation, contents, known, true, task, &fresh);
    if (r == 0)
        *ret_listing = &fresh->base;
    return r;
}

static bool v03_bounds(struct generation *generation, struct generation_listing *base, int64_t *ret_earliest,
                       int64_t *ret_latest)
{
    const struct v03_listing *listing = v03_listing_of(base);

    if (listing->earliest > listing->latest)
        return false;
    *ret_earliest = listing->earliest;
    *ret_latest = listing->latest;
    return true;
}

static bool v03_generation_point_at(struct generation *generation, struct generation_listing *listing,
                                    int64_t time, int64_t *ret_point)
{
    return v03_point_at(v03_listing_of(listing), time, ret_point);
}

static bool v03_has_points(struct generation *generation, struct generation_listing *listing)
{
    int64_t point;
    return v03_point_at(v03_listing_of(listing), INSTANT_MAX, &point);
}

static int v03_begins_by(struct generation *generation, struct generation_listing *base, int64_t time,
                         struct task *task)
{
    const struct v03_listing *listing = v03_listing_of(base);

    for (size_t i = v03_snapshots_at(listing, time); i > 0; i--)
        if (!snapshot_is_damaged(listing->snapshots[i - 1]))
            return 1;
    return 0;
}

/* The state upon `snapshot` with every segment that counts at `time`. */
static int v03_open_upon(struct v03_generation *generation, struct v03_listing *listing,
                         struct snapshot *snapshot, int64_t time, struct task *task, struct state **ret_state)
{
    const struct wal_position no_limit = {UINT32_MAX, UINT32_MAX};
    _cleanup_(chain_finish) struct chain chain = {0};
    size_t n_segments = v03_segments_at(listing, time);
    int r = lead_replay(generation, listing, snapshot, n_segments, no_limit, task, &chain);

    if (r == 0)
        r = chain_look_ahead(generation, listing, n_segments, &chain);
    return r < 0 ? r : v03_state_make(generation, listing, &chain, ret_state);
}

/* The newest snapshot that is sound, and every segment that counts at `time`. */
static int v03_open_at(struct generation *base, struct generation_listing *current, int64_t time,
                       struct task *task, struct state **ret_state)
{
    struct v03_generation *generation = v03_generation_of(base);
    struct v03_listing *listing = v03_listing_of(current);

    for (size_t i = v03_snapshots_at(listing, time); i > 0; i--) {
        int r = chain_can_begin(generation, listing->snapshots[i - 1], task);
        if (r < 0)
            return r;
        if (r > 0)
            return v03_open_upon(generation, listing, listing->snapshots[i - 1], time, task, ret_state);
    }
    return -ENOENT;
}

static int v03_by_index(const void *left, const void *right)
{
    const struct listed_object *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

static int v03_list_snapshots(const struct v03_listing *listing, struct listed_objects *objects)
{
    size_t first = objects->n;
    int r = 0;

    for (size_t i = 0; i < listing->n_snapshots && r == 0; i++)
        r = v03_list_snapshot(listing->snapshots[i], objects);
    if (objects->n > first)
        qsort(objects->items + first, objects->n - first, sizeof *objects->items, v03_by_index);
    return r;
}

static int v03_list_all_objects(struct generation *generation, struct generation_listing *base,
                                enum object_kind kind, struct listed_objects *objects)
{
    const struct v03_listing *listing = v03_listing_of(base);

    if (kind == OBJECT_LTX)
        return 0;
    return kind == OBJECT_SNAPSHOT ? v03_list_snapshots(listing, objects)
                                   : v03_list_segments(listing, 0, listing->n_segments, objects);
}

static uint64_t v03_stored_size(struct generation *generation, struct generation_listing *base)
{
    const struct v03_listing *listing = v03_listing_of(base);
    uint64_t size = listing->n_segments ? listing->sizes[listing->n_segments - 1] : 0;

    for (size_t i = 0; i < listing->n_snapshots; i++)
        size += listing->snapshots[i]->object.size;
    return size;
}

static void v03_generation_close(struct generation *base)
{
    generation_finish(base);
    free(v03_generation_of(base));
}

static const struct generation_ops v03_generation_ops = {
    .list = v03_list_whole_or_rest,
    .renew_locked = v03_renew_locked,
    .has_points = v03_has_points,
    .begins_by = v03_begins_by,
    .bounds = v03_bounds,
    .point_at = v03_generation_point_at,
    .known_at = v03_known_at,
    .open_at = v03_open_at,
    .open_position = v03_open_position,
    .goes_beyond = v03_goes_beyond,
    .count_points_locked = v03_count_points_locked,
    .count_damages_locked = v03_count_damages_locked,
    .list_snapshots_locked = v03_list_snapshots_locked,
    .list_positions = v03_list_positions,
    .describe_points = v03_describe_points,
    .list_objects = v03_list_all_objects,
    .stored_size = v03_stored_size,
    .verify = v03_verify,
    .close = v03_generation_close,
};

static int v03_generation_open(const char *name, struct replica *replica,
                               const struct history_options *options, struct generation **ret_generation)
{
    _cleanup_free_ struct v03_generation *generation = calloc(1, sizeof *generation);

    if (!generation || generation_init(&generation->base, &v03_generation_ops, name, replica, options) < 0)
        return -ENOMEM;
    generation->replica = replica;
    generation->base.store = replica_store(replica);
    generation->cache = options->cache;
    generation->decoders = options->decoders;
    generation->blocks = options->blocks;
    generation->identities = options->identities;
    generation->n_identities = options->n_identities;
    *ret_generation = &steal_pointer(generation)->base;
    return 0;
}

static int v03_list_generations(const struct contents *contents, struct task *task, struct names *names)
{
    _cleanup_(listing_finish) struct listing found = {0};
    int r = contents_list(contents, "generations/", NULL, task, &found);

    for (size_t i = 0; i < found.n_folders && r == 0; i++) {
        _cleanup_free_ char *name = strdup(found.folders[i] + strlen("generations/"));
        if (!name)
            return -ENOMEM;
        name[strcspn(name, "/")] = '\0';
        if (v03_is_generation(name))
            r = names_add(names, name, true);
    }
    return r;
}

static unsigned v03_folder_kind(const char *folder)
{
    return strcmp(folder, "generations/") == 0 ? 1 : 0;
}

const struct format v03_format = {
    .list_generations = v03_list_generations,
    .open = v03_generation_open,
    .is_key = v03_is_key,
    .folder_kind = v03_folder_kind,
};
