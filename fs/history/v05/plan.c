/* Which files make a state.
 *
 * The base is the newest level-9 file inside the limit. From there the file that reaches farthest among those
 * that begin no later than the next TXID is taken, again and again; of equal reach the one of the lowest
 * least TXID, then of the highest level. Each file is a true statement about its pages as of its last TXID,
 * so it does not matter which files make the chain, only that no TXID is left out. Source: Litestream v0.5
 * replica.go, CalcRestorePlan. Its `-timestamp` is exclusive; ours is inclusive, so that a file's own time
 * leads to it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/hash.h"
#include "v05.h"

void plan_finish(struct plan *plan)
{
    free(plan->chain);
    *plan = (struct plan){0};
}

struct ltx_file *plan_last(const struct plan *plan)
{
    return plan->n_chain ? plan->chain[plan->n_chain - 1] : plan->base;
}

static bool plan_is_inside(const struct ltx_file *file, int64_t time, uint64_t txid)
{
    return file->learnt.state != LEARNT_DAMAGED && file->time <= time && file->max_txid <= txid;
}

/* Whether a base is to be preferred to another one. */
static bool plan_is_better_base(const struct ltx_file *file, const struct ltx_file *base)
{
    return !base || file->max_txid > base->max_txid ||
           (file->max_txid == base->max_txid && file->time > base->time);
}

static struct ltx_file *plan_find_base(const struct v05_listing *listing, int64_t time, uint64_t txid)
{
    struct ltx_file *base = NULL;
    for (size_t i = 0; i < listing->n_files; i++) {
        struct ltx_file *file = listing->files[i];
        if (file->level != V05_BASE_LEVEL || !plan_is_inside(file, time, txid))
            continue;
        if (plan_is_better_base(file, base))
            base = file;
    }
    return base;
}

static bool plan_reaches_farther(const struct ltx_file *file, const struct ltx_file *best)
{
    if (!best || file->max_txid != best->max_txid)
        return !best || file->max_txid > best->max_txid;
    if (file->min_txid != best->min_txid)
        return file->min_txid < best->min_txid;
    return file->level > best->level;
}

static int plan_take(struct plan *plan, struct ltx_file *file)
{
    int r = ARRAY_GROW(plan->chain, plan->capacity, plan->n_chain + 1);
    if (r == 0) {
        plan->chain[plan->n_chain++] = file;
        plan->txid = file->max_txid;
    }
    return r;
}

/* Files come by least TXID, so each is looked at once. */
int plan_make_locked(const struct v05_listing *listing, int64_t time, uint64_t txid, struct plan *ret_plan)
{
    struct plan plan = {.base = plan_find_base(listing, time, txid)};
    struct ltx_file *best = NULL;
    size_t next = 0;
    int r = 0;

    plan.txid = plan.base ? plan.base->max_txid : 0;
    do {
        best = NULL;
        for (; next < listing->n_files && listing->files[next]->min_txid <= plan.txid + 1; next++) {
            struct ltx_file *file = listing->files[next];
            if (file->level != V05_BASE_LEVEL && plan_is_inside(file, time, txid) &&
                plan_reaches_farther(file, best))
                best = file;
        }
        if (best && best->max_txid > plan.txid)
            r = plan_take(&plan, best);
        else
            best = NULL;
    } while (best && r == 0);
    if (r < 0) {
        plan_finish(&plan);
        return r;
    }
    *ret_plan = plan;
    return 0;
}

uint64_t plan_inode(const struct ltx_file *base, uint64_t txid)
{
    char text[24];
    uint64_t hash = hash_text(HASH_START, base ? base->object.key : "");
    hash = hash_text(hash, base ? base->object.version : "");
    snprintf(text, sizeof text, "%016" PRIx64, txid);
    return hash_text(hash, text);
}

static int plan_by_max_txid(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    return (a->max_txid > b->max_txid) - (a->max_txid < b->max_txid);
}

/* The next one by its last TXID: `n` TXIDs are reached by those before it. Returns how many are with it. */
static size_t plan_reach_next(const struct ltx_file *file, struct plan_end *ends, size_t n)
{
    const struct plan_end *last = n ? &ends[n - 1] : NULL;
    uint64_t reached = last ? last->txid : 0;
    bool is_base = file->level == V05_BASE_LEVEL;

    if (file->learnt.state == LEARNT_DAMAGED || (!is_base && file->min_txid > reached + 1))
        return n;
    if (file->max_txid != reached)
        ends[n++] = (struct plan_end){file->max_txid, last ? last->base : NULL};
    if (is_base && n && plan_is_better_base(file, ends[n - 1].base))
        ends[n - 1].base = file;
    return n;
}

size_t plan_reachable_locked(const struct v05_listing *listing, struct plan_end *ends)
{
    struct ltx_file **files = calloc(listing->n_files + 1, sizeof(struct ltx_file *));
    size_t n = 0;

    for (size_t i = 0; files && i < listing->n_files; i++)
        files[i] = listing->files[i];
    if (files)
        qsort(files, listing->n_files, sizeof *files, plan_by_max_txid);
    for (size_t i = 0; files && i < listing->n_files; i++)
        n = plan_reach_next(files[i], ends, n);
    free(files);
    return n;
}

/* --- points --- */

/* Which TXIDs the files of a listing hold, whatever the times of the files.
 *
 * Litestream keeps a level-0 file for some minutes only: by then a file of level 1 holds its TXIDs together
 * with their neighbours. So at an instant before the end of that one the history stops short of younger
 * files, and yet nothing is lost but the finer points. */
struct coverage {
    struct txid_range {
        uint64_t first, last;
    } * ranges; /* ascending, none begins where another ends */
    size_t n, capacity;
};

static void plan_coverage_finish(struct coverage *coverage)
{
    free(coverage->ranges);
    *coverage = (struct coverage){0};
}

/* Files come by least TXID. */
static int plan_coverage_add(struct coverage *coverage, const struct ltx_file *file)
{
    struct txid_range *last = coverage->n ? &coverage->ranges[coverage->n - 1] : NULL;

    if (last && file->min_txid - 1 <= last->last) {
        last->last = file->max_txid > last->last ? file->max_txid : last->last;
        return 0;
    }
    int r = ARRAY_GROW(coverage->ranges, coverage->capacity, coverage->n + 1);
    if (r == 0)
        coverage->ranges[coverage->n++] = (struct txid_range){file->min_txid, file->max_txid};
    return r;
}

/* What the files tell that are not known to be damaged and are no images of the whole database: those have
 * the state that all before led to, and not what led there. */
static int plan_coverage_make_locked(const struct v05_listing *listing, struct coverage *coverage)
{
    int r = 0;

    for (size_t i = 0; i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level != V05_BASE_LEVEL && file->learnt.state != LEARNT_DAMAGED)
            r = plan_coverage_add(coverage, file);
    }
    return r;
}

static bool plan_coverage_has(const struct coverage *coverage, uint64_t txid)
{
    size_t n = ARRAY_LOWER_BOUND(coverage->n, i, coverage->ranges[i].last < txid);
    return n < coverage->n && coverage->ranges[n].first <= txid;
}

/* What can be reached while files come in the order of their times. */
struct growth {
    struct ltx_file *base; /* the newest */
    struct ltx_file *last; /* that reached `reached`, of the other levels */
    uint64_t reached;
    struct ltx_file **waiting; /* for a TXID before theirs, or damaged */
    size_t n_waiting;
    uint64_t next; /* behind what is missing: the least TXID that is there; UINT64_MAX: nothing waits */
    uint64_t behind_damage; /* the same of what is damaged */
};

static bool plan_connects(const struct growth *growth, const struct ltx_file *file)
{
    return file->learnt.state != LEARNT_DAMAGED &&
           (file->level == V05_BASE_LEVEL || file->min_txid <= growth->reached + 1);
}

static void plan_reach(struct growth *growth, struct ltx_file *file)
{
    if (file->level != V05_BASE_LEVEL && file->max_txid > growth->reached)
        growth->last = file;
    if (file->level == V05_BASE_LEVEL && plan_is_better_base(file, growth->base))
        growth->base = file;
    if (file->max_txid > growth->reached)
        growth->reached = file->max_txid;
}

/* A damaged file holds nothing, but it says that there was something: what follows it would be next. */
static void plan_note_missing(struct growth *growth, const struct ltx_file *file)
{
    bool damaged = file->learnt.state == LEARNT_DAMAGED;
    uint64_t *next = damaged ? &growth->behind_damage : &growth->next,
             first = damaged ? file->max_txid + 1 : file->min_txid;
    if (file->max_txid > growth->reached && first < *next)
        *next = first;
}

static void plan_take_waiting(struct growth *growth)
{
    for (size_t i = 0; i < growth->n_waiting;) {
        if (!plan_connects(growth, growth->waiting[i])) {
            i++;
            continue;
        }
        plan_reach(growth, growth->waiting[i]);
        growth->waiting[i] = growth->waiting[--growth->n_waiting];
        i = 0;
    }
    growth->next = growth->behind_damage = UINT64_MAX;
    for (size_t i = 0; i < growth->n_waiting; i++)
        plan_note_missing(growth, growth->waiting[i]);
}

/* A file has come: those that waited for it may follow. */
static void plan_grow(struct growth *growth, struct ltx_file *file)
{
    if (plan_connects(growth, file)) {
        plan_reach(growth, file);
        plan_take_waiting(growth);
        return;
    }
    growth->waiting[growth->n_waiting++] = file;
    plan_note_missing(growth, file);
}

static int plan_by_time(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    return (a->time > b->time) - (a->time < b->time);
}

/* The latest state has become another one at `time`. */
static int plan_add_point(struct plan_points *points, const struct growth *growth, int64_t time, bool is_base)
{
    bool ends_in_base = growth->base && growth->base->max_txid == growth->reached;
    int r = ARRAY_GROW(points->items, points->capacity, points->n + 1);

    if (r == 0)
        points->items[points->n++] = (struct plan_point){.time = time,
                                                         .txid = growth->reached,
                                                         .is_base = is_base,
                                                         .base = growth->base,
                                                         .last = ends_in_base ? growth->base : growth->last};
    return r;
}

/* The last TXID that is missing before what waits; 0: nothing is. Where a file holds what follows whose time
 * has not come, only finer points are gone; but what is damaged was there. */
static uint64_t plan_last_missing(const struct growth *growth, const struct coverage *coverage)
{
    uint64_t next = growth->next;
    if (growth->behind_damage < next || plan_coverage_has(coverage, growth->reached + 1))
        next = growth->behind_damage;
    return next == UINT64_MAX ? 0 : next - 1;
}

static int plan_find_points(struct ltx_file **files, size_t n, const struct coverage *coverage,
                            struct growth *growth, struct plan_points *points)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0;) {
        const struct ltx_file *base = growth->base;
        int64_t time = files[i]->time;
        uint64_t reached = growth->reached;
        for (; i < n && files[i]->time == time; i++)
            plan_grow(growth, files[i]);
        if (growth->base != base || growth->reached != reached)
            r = plan_add_point(points, growth, time, growth->base != base);
        if (r == 0 && points->n)
            points->items[points->n - 1].missing = plan_last_missing(growth, coverage);
    }
    return r;
}

int plan_points_locked(const struct v05_listing *listing, struct plan_points *ret_points)
{
    _cleanup_free_ struct ltx_file **files = calloc(listing->n_files + 1, sizeof(struct ltx_file *));
    _cleanup_free_ struct ltx_file **waiting = calloc(listing->n_files + 1, sizeof(struct ltx_file *));
    _cleanup_(plan_coverage_finish) struct coverage coverage = {0};
    struct growth growth = {.waiting = waiting, .next = UINT64_MAX, .behind_damage = UINT64_MAX};
    struct plan_points points = {0};

    if (!files || !waiting || plan_coverage_make_locked(listing, &coverage) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < listing->n_files; i++)
        files[i] = listing->files[i];
    qsort(files, listing->n_files, sizeof(struct ltx_file *), plan_by_time);
    int r = plan_find_points(files, listing->n_files, &coverage, &growth, &points);
    if (r < 0) {
        free(points.items);
        return r;
    }
    *ret_points = points;
    return 0;
}
