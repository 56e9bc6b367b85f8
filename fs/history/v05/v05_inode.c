/* A state's number, as the names of its files tell it: a listing shows it before anything is read.
 *
 * What a state holds is told by its TXID and its base: a base that was made later may hold a newer state than
 * its TXID says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/hash.h"
#include "litemount/instant.h"
#include "litemount/shown.h"
#include "ltx_time.h"

uint64_t v05_inode(const struct ltx_file *base, uint64_t txid)
{
    char text[24];
    uint64_t hash = hash_text(HASH_START, base ? base->object.key : "");
    hash = hash_text(hash, base ? base->object.version : "");
    snprintf(text, sizeof text, "%016" PRIx64, txid);
    return hash_text(hash, text);
}

/* Of the latest state names alone tell, unless two files have the same one. */
static int known_latest(struct v05_generation *generation, const struct v05_listing *listing, bool is_timed,
                        struct known_state *state)
{
    _cleanup_(plan_finish) struct plan plan = {0};
    _cleanup_free_ char *gap = NULL;
    int r = 0;

    if (listing->has_doubles && !is_timed)
        return 0;
    r = v05_plan(generation, listing, INSTANT_MAX, UINT64_MAX, &plan);
    if (r < 0 || plan.txid == 0)
        return r;
    r = v05_describe_gap(generation, listing, INSTANT_MAX, &plan, &gap);
    state->inode = v05_inode(plan.base, plan.txid);
    state->is_whole = !gap;
    return r;
}

/* Called locked, with the listing's points known. */
static void known_point_locked(const struct v05_listing *listing, int64_t time, struct known_state *state)
{
    size_t n = instants_until(&listing->points, time);

    if (n == 0)
        return;
    state->inode = v05_inode(listing->ends[n - 1].base, listing->ends[n - 1].txid);
    state->is_whole = is_shown_as(listing->points.times[n - 1], time);
}

/* Files are made anew with each listing, but not those that were known, nor their times. */
static bool is_timed_locked(struct v05_listing *listing)
{
    for (size_t i = 0; i < listing->n_files && !listing->timed; i++)
        if (listing->files[i]->time == LTX_TIME_UNKNOWN)
            return false;
    return true;
}

static int known_points(struct v05_generation *generation, struct v05_listing *listing, const int64_t *times,
                        size_t n, struct known_state *ret_states)
{
    int r = 0;

    pthread_mutex_lock(&generation->lock);
    bool is_timed = is_timed_locked(listing);
    if (is_timed)
        r = v05_count_points_locked(generation, listing);
    for (size_t i = 0; i < n; i++) {
        ret_states[i] = (struct known_state){.is_timed = is_timed};
        if (is_timed && r == 0)
            known_point_locked(listing, times[i], &ret_states[i]);
    }
    pthread_mutex_unlock(&generation->lock);
    return r;
}

int v05_known_at(struct v05_generation *generation, struct v05_listing *listing, const int64_t *times,
                 size_t n, struct known_state *ret_states)
{
    int r = known_points(generation, listing, times, n, ret_states);

    for (size_t i = 0; i < n && r == 0; i++)
        if (times[i] == INSTANT_MAX)
            r = known_latest(generation, listing, ret_states[i].is_timed, &ret_states[i]);
    return r;
}
