#include "v03.h"

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
    bool has_failed = atomic_load(&base->n_failures) && v03_has_failed_snapshot(listing);
    struct v03_listing *fresh;

    if ((has_failed || generation->is_refuted) &&
        v03_listing_renew_locked(generation, listing, generation->is_refuted, &fresh) == 0) {
        generation_set_listing_locked(base, &fresh->base);
        if (generation->is_refuted)
            generation_forget_points_locked(base);
        generation->is_refuted = false;
    }
    if (generation->damaged && learnt_is_over(generation->damaged))
        v03_look_again_locked(generation);
}
