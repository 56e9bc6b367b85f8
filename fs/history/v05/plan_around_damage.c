/* Plans whose files have been read and are sound: a file that turns out damaged is planned around. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "ltx_learn.h"
#include "ltx_time.h"
#include "v05.h"

int plan_find(struct v05_generation *generation, const struct v05_listing *listing, int64_t time,
              uint64_t txid, struct plan *ret_plan)
{
    pthread_mutex_lock(&generation->base.lock);
    int r = plan_make_locked(listing, time, txid, ret_plan);
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

/* What is to be found out before a plan can be believed. */
struct plan_files {
    struct ltx_file **items; /* files of the plan that are to be read; behind them those whose times tell when
                                its last TXID came to be */
    size_t n, n_timed;
};

static void plan_files_finish(struct plan_files *files)
{
    free(files->items);
}

static void plan_add_unless_sound(struct plan_files *files, struct ltx_file *file)
{
    if (file && file->learnt.state != LEARNT_SOUND)
        files->items[files->n++] = file;
}

static int plan_list_files(struct v05_generation *generation, const struct v05_listing *listing,
                           const struct plan *plan, struct plan_files *files)
{
    files->items = calloc(plan->n_chain + 1 + listing->n_files, sizeof(struct ltx_file *));
    if (!files->items)
        return -ENOMEM;
    pthread_mutex_lock(&generation->base.lock);
    plan_add_unless_sound(files, plan->base);
    for (size_t i = 0; i < plan->n_chain; i++)
        plan_add_unless_sound(files, plan->chain[i]);
    for (size_t i = 0; i < listing->n_files && plan->n_chain && listing->times.state != LEARNT_SOUND; i++) {
        struct ltx_file *file = listing->files[i];
        if (file->max_txid == plan->txid && file->level != V05_BASE_LEVEL && file != plan_last(plan) &&
            file->time == LTX_TIME_UNKNOWN)
            files->items[files->n + files->n_timed++] = file;
    }
    pthread_mutex_unlock(&generation->base.lock);
    return 0;
}

static bool plan_is_damaged(struct v05_generation *generation, const struct plan_files *files)
{
    bool damaged = false;
    pthread_mutex_lock(&generation->base.lock);
    for (size_t i = 0; i < files->n; i++)
        damaged |= files->items[i]->learnt.state == LEARNT_DAMAGED;
    pthread_mutex_unlock(&generation->base.lock);
    return damaged;
}

/* Learns all files of a plan. 0 if they are sound; 1 if some turned out damaged, so that another plan is to
 * be made. */
static int plan_learn(struct v05_generation *generation, const struct v05_listing *listing,
                      const struct plan *plan, struct task *task)
{
    _cleanup_(plan_files_finish) struct plan_files files = {0};
    int r = plan_list_files(generation, listing, plan, &files);

    if (r == 0 && files.n_timed)
        r = ltx_times_recall(generation, listing);
    if (r == 0)
        r = ltx_files_learn(generation, files.items, files.n, files.n_timed, task);
    if (r == 0 && files.n_timed)
        ltx_times_keep(generation, listing);
    return r < 0 ? r : plan_is_damaged(generation, &files);
}

int plan_around_damage(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                       uint64_t txid, struct task *task, struct plan *ret_plan)
{
    struct plan plan = {0};
    int r = time == INSTANT_MAX && !listing->has_doubles ? 0 : ltx_times_learn(generation, listing, task);

    for (bool again = r == 0; again; again = r == 1) {
        plan_finish(&plan);
        r = plan_find(generation, listing, time, txid, &plan);
        if (r == 0 && plan.txid == 0)
            r = -ENOENT;
        if (r == 0)
            r = plan_learn(generation, listing, &plan, task);
    }
    if (r < 0) {
        plan_finish(&plan);
        return r;
    }
    *ret_plan = plan;
    return 0;
}

/* The first file that begins behind `txid`. */
static size_t plan_first_behind(const struct v05_listing *listing, uint64_t txid)
{
    return ARRAY_LOWER_BOUND(listing->n_files, i, listing->files[i]->min_txid <= txid);
}

/* The first TXID that is there again behind what a plan for `time` lacks; UINT64_MAX: nothing is missing.
 * Where a file of another level holds what follows, only finer points are gone, as they always are when level
 * 0 has been pruned. But a damaged file that counts at `time` was there for what it held. Called locked. */
static uint64_t plan_behind_gap_locked(const struct v05_listing *listing, int64_t time, uint64_t txid)
{
    uint64_t behind_hole = UINT64_MAX, behind_damage = UINT64_MAX;
    bool is_held = false;

    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->max_txid <= txid)
            continue;
        if (file->learnt.state == LEARNT_DAMAGED) {
            if (file->time <= time && file->max_txid < behind_damage)
                behind_damage = file->max_txid + 1;
        } else if (file->level != V05_BASE_LEVEL) {
            is_held = is_held || file->min_txid <= txid + 1;
            if (file->min_txid > txid + 1 && file->min_txid < behind_hole)
                behind_hole = file->min_txid;
        }
    }
    return is_held || behind_damage < behind_hole ? behind_damage : behind_hole;
}

int plan_write_gap(uint64_t first, uint64_t last, char **ret_gap)
{
    char *gap;
    if (asprintf(&gap, "TXID %016" PRIx64 " to %016" PRIx64 ": no sound file holds them", first, last) < 0)
        return -ENOMEM;
    *ret_gap = gap;
    return 0;
}

int plan_describe_gap(struct v05_generation *generation, const struct v05_listing *listing, int64_t time,
                      const struct plan *plan, char **ret_gap)
{
    uint64_t next = UINT64_MAX;

    pthread_mutex_lock(&generation->base.lock);
    if (generation->n_damaged || plan_first_behind(listing, plan->txid) < listing->n_files)
        next = plan_behind_gap_locked(listing, time, plan->txid);
    pthread_mutex_unlock(&generation->base.lock);
    *ret_gap = NULL;
    return next == UINT64_MAX ? 0 : plan_write_gap(plan->txid + 1, next - 1, ret_gap);
}
