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
#include "v03/wal/chain.h"
#include "v03/wal/segment.h"
#include "v03/wal/versions.h"
#include "v03/wal/wal_lead.h"
#include "v03_key.h"
#include "v03_listing.h"

static struct v03_generation *cast(struct generation *generation)
{
    return (struct v03_generation *)generation;
}

static void unref_listing(struct v03_listing **listing)
{
    v03_listing_unref(*listing);
}

/* The listing as it is now; NULL if nothing was listed yet. A reference for the caller. */
static struct v03_listing *current(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    v03_renew_locked(generation);
    struct v03_listing *listing = v03_listing_ref(generation->listing);
    pthread_mutex_unlock(&generation->lock);
    return listing;
}

/* Lists the snapshots, and the segments: all, or (`known`) those that may have come since. */
static int list_objects(struct v03_generation *generation, const struct contents *contents,
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

static int list(struct v03_generation *generation, const struct contents *contents, struct v03_listing *known,
                bool whole, struct task *task, struct v03_listing **ret_listing)
{
    _cleanup_(listing_finish) struct listing found = {0};
    int r = list_objects(generation, contents, whole ? NULL : known, task, &found);
    return r < 0 ? r : v03_listing_make(&found, known, !whole, ret_listing);
}

static int generation_refresh(struct generation *base, const struct contents *contents, bool whole,
                              struct task *task)
{
    struct v03_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v03_listing *known = current(generation), *fresh = NULL;
    int r = list(generation, contents, known, whole || !known || known->n_segments == 0, task, &fresh);

    if (r == -ESTALE)
        r = list(generation, contents, known, true, task, &fresh);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    struct v03_listing *old = generation->listing;
    generation->listing = steal_pointer(fresh);
    pthread_mutex_unlock(&generation->lock);
    v03_listing_unref(old);
    return 0;
}

static bool generation_bounds(struct generation *base, int64_t *ret_earliest, int64_t *ret_latest)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    if (!listing || listing->earliest > listing->latest)
        return false;
    *ret_earliest = listing->earliest;
    *ret_latest = listing->latest;
    return true;
}

static bool generation_has_points(struct generation *base)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    int64_t point;
    return listing && v03_point_at(listing, INSTANT_MAX, &point);
}

static int generation_begins_by(struct generation *base, int64_t time, struct task *task)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    for (size_t i = listing ? v03_snapshots_at(listing, time) : 0; i > 0; i--)
        if (!snapshot_is_damaged(listing->snapshots[i - 1]))
            return 1;
    return 0;
}

static bool generation_point_at(struct generation *base, int64_t time, int64_t *ret_point)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing && v03_point_at(listing, time, ret_point);
}

static int generation_known_at(struct generation *base, const int64_t *times, size_t n,
                               struct known_state *ret_states)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    if (listing)
        v03_known_at(cast(base), listing, times, n, ret_states);
    return 0;
}

/* The state upon `snapshot` with every segment that counts at `time`. */
static int open_upon(struct v03_generation *generation, struct v03_listing *listing,
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
static int generation_open_at(struct generation *base, int64_t time, struct task *task,
                              struct state **ret_state)
{
    struct v03_generation *generation = cast(base);
    _cleanup_(unref_listing) struct v03_listing *listing = current(generation);

    for (size_t i = listing ? v03_snapshots_at(listing, time) : 0; i > 0; i--) {
        int r = chain_can_begin(generation, listing->snapshots[i - 1], task);
        if (r < 0)
            return r;
        if (r > 0)
            return open_upon(generation, listing, listing->snapshots[i - 1], time, task, ret_state);
    }
    return -ENOENT;
}

static int generation_open_position(struct generation *base, const char *position, struct task *task,
                                    struct state **ret_state)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing ? v03_open_position(cast(base), listing, position, task, ret_state) : -ENOENT;
}

static int generation_list_positions(struct generation *base, const char *folder, struct task *task,
                                     struct names *names)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing ? v03_list_positions(cast(base), listing, folder, task, names) : -ENOENT;
}

static bool generation_goes_beyond(struct generation *base, int64_t time, const char *position)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing && v03_goes_beyond(listing, time, position);
}

static int generation_list_points(struct generation *base, struct task *task, struct instants *points)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing ? v03_points(cast(base), listing, points) : 0;
}

static int generation_list_landmarks(struct generation *base, struct task *task, struct instants *landmarks)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing ? v03_landmarks(cast(base), listing, landmarks) : 0;
}

static int generation_describe_points(struct generation *base, const struct measuring *measuring,
                                      struct task *task, struct listed_points *points)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing ? v03_describe_points(cast(base), listing, measuring, task, points) : 0;
}

static int by_index(const void *left, const void *right)
{
    const struct listed_object *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

static int list_snapshots(const struct v03_listing *listing, struct listed_objects *objects)
{
    size_t first = objects->n;
    int r = 0;

    for (size_t i = 0; i < listing->n_snapshots && r == 0; i++) {
        const struct snapshot *snapshot = listing->snapshots[i];
        const struct listed_object object = {
            .index = snapshot->index, .size = snapshot->object.size, .created = snapshot->object.modified};
        r = listed_objects_add(objects, &object);
    }
    if (objects->n > first)
        qsort(objects->items + first, objects->n - first, sizeof *objects->items, by_index);
    return r;
}

static int list_segments(const struct v03_listing *listing, struct listed_objects *objects)
{
    int r = 0;
    for (size_t i = 0; i < listing->n_segments && r == 0; i++) {
        const struct segment *segment = listing->segments[i];
        const struct listed_object object = {.index = segment->index,
                                             .offset = segment->offset,
                                             .size = segment->object.size,
                                             .created = segment->object.modified};
        r = listed_objects_add(objects, &object);
    }
    return r;
}

static int generation_list_objects(struct generation *base, enum object_kind kind,
                                   struct listed_objects *objects)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));

    if (!listing || kind == OBJECT_LTX)
        return 0;
    return kind == OBJECT_SNAPSHOT ? list_snapshots(listing, objects) : list_segments(listing, objects);
}

static uint64_t generation_stored_size(struct generation *base)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    uint64_t size = listing && listing->n_segments ? listing->sizes[listing->n_segments - 1] : 0;

    for (size_t i = 0; listing && i < listing->n_snapshots; i++)
        size += listing->snapshots[i]->object.size;
    return size;
}

static int generation_verify(struct generation *base, struct verifier *verifier, struct task *task)
{
    _cleanup_(unref_listing) struct v03_listing *listing = current(cast(base));
    return listing ? v03_verify(cast(base), listing, verifier, task) : 0;
}

static void generation_close(struct generation *base)
{
    struct v03_generation *generation = cast(base);
    v03_listing_unref(generation->points.listing);
    instants_finish(&generation->points.instants);
    v03_listing_unref(generation->listing);
    pthread_mutex_destroy(&generation->lock);
    pthread_cond_destroy(&generation->learnt);
    generation_finish(base);
    free(generation);
}

static const struct generation_ops v03_generation_ops = {
    .refresh = generation_refresh,
    .has_points = generation_has_points,
    .begins_by = generation_begins_by,
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
    .stored_size = generation_stored_size,
    .verify = generation_verify,
    .close = generation_close,
};

static int generation_open(const char *name, struct replica *replica, const struct history_options *options,
                           struct generation **ret_generation)
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
    pthread_mutex_init(&generation->lock, NULL);
    pthread_cond_init(&generation->learnt, NULL);
    *ret_generation = &steal_pointer(generation)->base;
    return 0;
}

static int list_generations(const struct contents *contents, struct task *task, struct names *names)
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

static unsigned folder_kind(const char *folder)
{
    return strcmp(folder, "generations/") == 0 ? 1 : 0;
}

const struct format v03_format = {
    .list_generations = list_generations,
    .open = generation_open,
    .is_key = v03_is_key,
    .folder_kind = folder_kind,
};
