#include "generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/failures.h"
#include "litemount/task.h"

int generation_init(struct generation *generation, const struct generation_ops *ops, const char *name,
                    const struct replica *replica, const struct history_options *options)
{
    generation->ops = ops;
    generation->replica = replica;
    generation->pool = options->pool;
    generation->failures = options->failures;
    atomic_init(&generation->n_failures, 0);
    atomic_init(&generation->references, 1);
    generation->name = strdup(name);
    if (!generation->name)
        return -ENOMEM;
    pthread_mutex_init(&generation->lock, NULL);
    pthread_cond_init(&generation->learnt, NULL);
    return 0;
}

void generation_finish(struct generation *generation)
{
    generation_listing_unref(generation->points.listing);
    instants_finish(&generation->points.instants);
    generation_listing_unref(generation->listing);
    pthread_mutex_destroy(&generation->lock);
    pthread_cond_destroy(&generation->learnt);
    free(generation->name);
}

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

void generation_count_failure(struct generation *generation)
{
    atomic_fetch_add(&generation->n_failures, 1);
}

void generation_tell_failure(struct generation *generation)
{
    failures_tell(generation->failures);
}

/* --- what is listed --- */

static void generation_listing_cleanup(struct generation_listing **listing)
{
    generation_listing_unref(*listing);
}

struct generation_listing *generation_current(struct generation *generation)
{
    struct generation_listing *listing = NULL;

    pthread_mutex_lock(&generation->lock);
    if (generation->listing && generation->ops->renew_locked)
        generation->ops->renew_locked(generation);
    if (generation->listing)
        listing = generation_listing_ref(generation->listing);
    pthread_mutex_unlock(&generation->lock);
    return listing;
}

/* The same, for what may wait for the generation's store: whoever helps is of that store's share. */
static struct generation_listing *generation_begin(struct generation *generation, struct task *task)
{
    task->holder = generation->store;
    return generation_current(generation);
}

void generation_set_listing_locked(struct generation *generation, struct generation_listing *listing)
{
    generation_listing_unref(generation->listing);
    generation->listing = listing;
}

int generation_refresh(struct generation *generation, const struct contents *contents, bool whole,
                       struct task *task)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *known =
        generation_begin(generation, task);
    struct generation_listing *fresh;
    int r = generation->ops->list(generation, known, contents, whole, task, &fresh);

    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    struct generation_listing *old = generation->listing;
    generation->listing = fresh;
    pthread_mutex_unlock(&generation->lock);
    generation_listing_unref(old);
    return 0;
}

bool generation_has_points(struct generation *generation)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing && generation->ops->has_points(generation, listing);
}

int generation_begins_by(struct generation *generation, int64_t time, struct task *task)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return listing ? generation->ops->begins_by(generation, listing, time, task) : 0;
}

bool generation_bounds(struct generation *generation, int64_t *ret_earliest, int64_t *ret_latest)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing && generation->ops->bounds(generation, listing, ret_earliest, ret_latest);
}

bool generation_point_at(struct generation *generation, int64_t time, int64_t *ret_point)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing && generation->ops->point_at(generation, listing, time, ret_point);
}

int generation_known_at(struct generation *generation, const int64_t *times, size_t n,
                        struct known_state *ret_states)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing ? generation->ops->known_at(generation, listing, times, n, ret_states) : 0;
}

int generation_open_at(struct generation *generation, int64_t time, struct task *task,
                       struct state **ret_state)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return listing ? generation->ops->open_at(generation, listing, time, task, ret_state) : -ENOENT;
}

int generation_open_position(struct generation *generation, const char *position, struct task *task,
                             struct state **ret_state)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return listing ? generation->ops->open_position(generation, listing, position, task, ret_state) : -ENOENT;
}

int generation_list_positions(struct generation *generation, const char *folder, struct task *task,
                              struct names *names)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return listing ? generation->ops->list_positions(generation, listing, folder, task, names) : -ENOENT;
}

int generation_describe_points(struct generation *generation, const struct measuring *measuring,
                               struct task *task, struct listed_points *points)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return listing ? generation->ops->describe_points(generation, listing, measuring, task, points) : 0;
}

int generation_list_objects(struct generation *generation, enum object_kind kind,
                            struct listed_objects *objects)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing ? generation->ops->list_objects(generation, listing, kind, objects) : 0;
}

bool generation_goes_beyond(struct generation *generation, int64_t time, const char *position)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing && generation->ops->goes_beyond(generation, listing, time, position);
}

uint64_t generation_stored_size(struct generation *generation)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing = generation_current(generation);
    return listing ? generation->ops->stored_size(generation, listing) : 0;
}

int generation_verify(struct generation *generation, struct verifier *verifier, struct task *task)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return listing ? generation->ops->verify(generation, listing, verifier, task) : 0;
}

static int generation_learn_times_of(struct generation *generation, struct generation_listing *listing,
                                     struct task *task)
{
    return listing && generation->ops->learn_times ? generation->ops->learn_times(generation, listing, task)
                                                   : 0;
}

int generation_learn_times(struct generation *generation, struct task *task)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    return generation_learn_times_of(generation, listing, task);
}

/* --- its points --- */

int generation_count_points_locked(struct generation *generation, struct generation_listing *listing)
{
    struct known_points *points = &generation->points;
    size_t n_damages = generation->ops->count_damages_locked(generation, listing);

    if (points->listing == listing && !points->is_stale && points->n_damages == n_damages)
        return 0;
    points->instants.n = 0;
    generation_listing_unref(points->listing);
    points->listing = NULL;
    int r = generation->ops->count_points_locked(generation, listing, &points->instants);
    if (r < 0)
        return r;
    points->listing = generation_listing_ref(listing);
    points->is_stale = false;
    points->n_damages = n_damages;
    return 0;
}

/* Learns the times, counts the points, and hands them to `use_locked` with what it is to fill. */
static int generation_use_points(struct generation *generation, struct task *task,
                                 int (*use_locked)(struct generation *generation,
                                                   struct generation_listing *listing,
                                                   struct instants *instants),
                                 struct instants *instants)
{
    _cleanup_(generation_listing_cleanup) struct generation_listing *listing =
        generation_begin(generation, task);
    int r = generation_learn_times_of(generation, listing, task);

    if (r < 0 || !listing)
        return r;
    pthread_mutex_lock(&generation->lock);
    r = generation_count_points_locked(generation, listing);
    if (r == 0)
        r = use_locked(generation, listing, instants);
    pthread_mutex_unlock(&generation->lock);
    return r;
}

static int generation_add_points_locked(struct generation *generation, struct generation_listing *listing,
                                        struct instants *points)
{
    const struct instants *known = &generation->points.instants;
    int r = ARRAY_GROW(points->times, points->capacity, points->n + known->n);

    if (r == 0 && known->n) {
        memcpy(points->times + points->n, known->times, known->n * sizeof *points->times);
        points->n += known->n;
    }
    return r;
}

int generation_list_points(struct generation *generation, struct task *task, struct instants *points)
{
    return generation_use_points(generation, task, generation_add_points_locked, points);
}

static int generation_add_landmarks_locked(struct generation *generation, struct generation_listing *listing,
                                           struct instants *landmarks)
{
    const struct instants *known = &generation->points.instants;
    int r = generation->ops->list_snapshots_locked(generation, listing, landmarks);

    if (r == 0 && known->n)
        r = instants_add(landmarks, known->times[0]);
    if (r == 0 && known->n)
        r = instants_add(landmarks, known->times[known->n - 1]);
    return r;
}

int generation_list_landmarks(struct generation *generation, struct task *task, struct instants *landmarks)
{
    return generation_use_points(generation, task, generation_add_landmarks_locked, landmarks);
}
