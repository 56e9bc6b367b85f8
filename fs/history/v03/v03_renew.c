#include "v03.h"

#include <errno.h>

#include "litemount/task.h"
#include "v03/snapshot/snapshot.h"
#include "v03_listing.h"

/* Damage that was found a while ago is no longer known. */
static void v03_look_again_locked(struct v03_generation *generation)
{
    const struct v03_listing *listing = v03_listing_of(generation->base.listing);

    generation->damaged = 0;
    for (size_t i = 0; i < listing->n_segments; i++) {
        int64_t found = learnt_expire_locked(&listing->segments[i]->learnt);
        if (found)
            v03_note_damage_locked(generation, found);
    }
    for (size_t i = 0; i < listing->n_snapshots; i++) {
        int64_t found = snapshot_look_again(listing->snapshots[i]);
        if (found)
            v03_note_damage_locked(generation, found);
    }
    generation_forget_points_locked(&generation->base);
}

static bool v03_has_failed_snapshot(const struct v03_listing *listing)
{
    for (size_t i = 0; i < listing->n_snapshots; i++)
        if (snapshot_failure(listing->snapshots[i]))
            return true;
    return false;
}

/* Without the memory for it states are made from what has failed, and fail. */
void v03_renew_locked(struct generation *base)
{
    struct v03_generation *generation = v03_generation_of(base);
    const struct v03_listing *listing = v03_listing_of(base->listing);
    struct v03_listing *fresh;

    if (atomic_load(&base->n_failures) && v03_has_failed_snapshot(listing) &&
        v03_listing_renew_locked(generation, listing, false, &fresh) == 0)
        generation_set_listing_locked(base, &fresh->base);
    if (generation->damaged && learnt_is_over(generation->damaged))
        v03_look_again_locked(generation);
}

int v03_forget_segments(struct v03_generation *generation, const struct v03_listing *listing,
                        struct task *task)
{
    struct v03_listing *fresh;
    int r = 0;

    pthread_mutex_lock(&generation->base.lock);
    if (generation->base.listing == &listing->base &&
        (r = v03_listing_renew_locked(generation, listing, true, &fresh)) == 0) {
        generation_set_listing_locked(&generation->base, &fresh->base);
        generation_forget_points_locked(&generation->base);
    }
    pthread_mutex_unlock(&generation->base.lock);
    return r < 0 ? r
                 : task_fail(task, ESTALE, "segments of generation %s are not what they were taken for",
                             generation->base.name);
}
