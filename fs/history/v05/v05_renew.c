/* The listing is what plans are made of. A file that failed (ltx_verdict.h) stays in the plans that it is
 * in; in the listing another one takes its place, which nothing is known of: the same object, read anew.
 * Where the same bytes came once more it is damaged. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "ltx_sums.h"
#include "ltx_verdict.h"
#include "v05.h"

static void v05_renew_unref_listing(struct v05_listing **listing)
{
    generation_listing_unref(*listing ? &(*listing)->base : NULL);
}

/* Called locked, as all of these. The file that takes the place of one that failed; NULL: out of memory. */
static struct ltx_file *renew_file_locked(struct v05_generation *generation, const struct ltx_file *failed)
{
    const struct ltx_sums *sums = failed->sums;
    struct ltx_file *file = ltx_file_make(generation, failed->replica, &failed->object, failed->level,
                                          failed->min_txid, failed->max_txid);
    if (!file)
        return NULL;
    file->time = failed->time;
    file->failures = failed->failures + 1;
    file->before.came = sums->came;
    file->before.told = sums->told;
    if (sums->came && sums->came == failed->before.came && sums->told == failed->before.told) {
        learnt_set_damaged_locked(&file->learnt, sums->failure);
        generation->n_damaged++;
    }
    return file;
}

static const struct ltx_file *v05_renewed(const struct v05_listing *old, const struct v05_listing *listing,
                                          const struct ltx_file *file)
{
    for (size_t i = 0; i < old->n_files; i++)
        if (old->files[i] == file)
            return listing->files[i];
    return NULL;
}

static struct v05_listing *renew_listing_locked(struct v05_generation *generation)
{
    const struct v05_listing *old = v05_listing_of(generation->base.listing);
    _cleanup_(v05_renew_unref_listing) struct v05_listing *listing = v05_listing_make();

    if (!listing || !(listing->files = calloc(old->n_files + 1, sizeof(struct ltx_file *))))
        return NULL;
    for (; listing->n_files < old->n_files; listing->n_files++) {
        struct ltx_file *file = old->files[listing->n_files];
        bool failed = ltx_verdict_failure(file);
        file = failed ? renew_file_locked(generation, file) : ltx_file_ref(file);
        listing->n_failures += failed;
        if (!file)
            return NULL;
        listing->files[listing->n_files] = file;
    }
    memcpy(listing->folders, old->folders, sizeof listing->folders);
    listing->n_folders = old->n_folders;
    for (size_t i = 0; i < listing->n_folders; i++)
        listing->folders[i].last = v05_renewed(old, listing, old->folders[i].last);
    listing->has_doubles = old->has_doubles;
    listing->times.state = old->times.state == LEARNT_SOUND ? LEARNT_SOUND : LEARNT_NOTHING;
    listing->n_failures += old->n_failures;
    return steal_pointer(listing);
}

/* Without memory the old one goes on: what failed fails once more. */
static void v05_replace_failed_locked(struct v05_generation *generation)
{
    const struct v05_listing *old = v05_listing_of(generation->base.listing);
    struct v05_listing *fresh;

    if (old->n_failures != atomic_load(&generation->base.n_failures) &&
        (fresh = renew_listing_locked(generation)))
        generation_set_listing_locked(&generation->base, &fresh->base);
}

static void v05_forget_damage_locked(struct v05_generation *generation)
{
    const struct v05_listing *listing = v05_listing_of(generation->base.listing);

    for (size_t i = 0; generation->n_damaged && i < listing->n_files; i++) {
        struct ltx_file *file = listing->files[i];
        if (file->learnt.state != LEARNT_DAMAGED || learnt_expire_locked(&file->learnt))
            continue;
        generation->n_damaged--;
        generation_forget_points_locked(&generation->base);
    }
}

void v05_renew_locked(struct generation *base)
{
    v05_replace_failed_locked(v05_generation_of(base));
    v05_forget_damage_locked(v05_generation_of(base));
}
