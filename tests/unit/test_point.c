/* When a state came to be: the short way to the latest point, which needs few files' times, against the long
 * one, which needs all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/instant.h"
#include "litemount/task.h"
#include "v05/v05.h"

#define MOST_FILES 14
#define CASES 20000

struct history {
    struct v05_generation generation;
    struct v05_listing listing;
    struct ltx_file storage[MOST_FILES];
    struct ltx_file *files[MOST_FILES];
};

static uint64_t draw(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 20) % below;
}

static int by_min_txid(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    return (a->min_txid > b->min_txid) - (a->min_txid < b->min_txid);
}

static const struct generation_ops ops = {.count_points_locked = v05_count_points_locked,
                                          .count_damages_locked = v05_count_damages_locked};

/* Files of all levels over a few TXIDs. In most histories times follow TXIDs, in some they are anything. */
static void make_history(uint64_t *seed, struct history *history)
{
    bool in_order = draw(seed, 3) > 0;
    size_t n = 1 + draw(seed, MOST_FILES);

    memset(history, 0, sizeof *history);
    history->generation.base.ops = &ops;
    pthread_mutex_init(&history->generation.base.lock, NULL);
    pthread_cond_init(&history->generation.base.learnt, NULL);
    for (size_t i = 0; i < n; i++) {
        struct ltx_file *file = history->files[i] = &history->storage[i];
        file->level = draw(seed, 4) ? (unsigned)draw(seed, 3) : V05_BASE_LEVEL;
        file->max_txid = 1 + draw(seed, 8);
        file->min_txid = file->level == V05_BASE_LEVEL ? 1 : 1 + draw(seed, file->max_txid);
        file->time = in_order ? (int64_t)(file->max_txid * 10 + draw(seed, 12)) : (int64_t)draw(seed, 80);
        file->learnt.state = draw(seed, 12) ? LEARNT_NOTHING : LEARNT_DAMAGED;
    }
    qsort(history->files, n, sizeof(struct ltx_file *), by_min_txid);
    atomic_init(&history->listing.base.references, 1);
    history->listing.files = history->files;
    history->listing.n_files = n;
}

static void finish_history(struct history *history)
{
    instants_finish(&history->generation.base.points.instants);
    free(history->generation.ends);
    pthread_mutex_destroy(&history->generation.base.lock);
    pthread_cond_destroy(&history->generation.base.learnt);
}

/* The first time of any file at which the plan is the latest one. */
static int64_t search(const struct v05_listing *listing, const struct plan *latest)
{
    int64_t first = INSTANT_MAX;
    for (size_t i = 0; i < listing->n_files; i++) {
        struct plan plan;
        assert_int_equal(plan_make_locked(listing, listing->files[i]->time, UINT64_MAX, &plan), 0);
        if (plan.txid == latest->txid && plan.base == latest->base && listing->files[i]->time < first)
            first = listing->files[i]->time;
        plan_finish(&plan);
    }
    return first;
}

static void finds_the_latest_point_either_way(void **state)
{
    uint64_t seed = 5;
    size_t compared = 0;

    for (int i = 0; i < CASES; i++) {
        struct history history;
        struct plan plan;
        struct task task;
        int64_t with_all, with_few;

        make_history(&seed, &history);
        task_init(&task, NULL);
        assert_int_equal(plan_make_locked(&history.listing, INSTANT_MAX, UINT64_MAX, &plan), 0);
        if (plan.txid) {
            struct v05_listing *listing = &history.listing;
            assert_int_equal(
                v05_find_point(&history.generation, listing, INSTANT_MAX, &plan, &task, &with_few), 0);
            listing->times.state = LEARNT_SOUND;
            assert_int_equal(
                v05_find_point(&history.generation, listing, INSTANT_MAX, &plan, &task, &with_all), 0);
            assert_int_equal(with_few, with_all);
            assert_int_equal(with_all, search(listing, &plan));
            compared++;
        }
        plan_finish(&plan);
        finish_history(&history);
    }
    assert_true(compared > CASES / 4);
}

/* The newest point at or before any instant is the first at which the plan is the same. */
static void finds_the_point_of_any_instant(void **state)
{
    uint64_t seed = 6;

    for (int i = 0; i < CASES / 10; i++) {
        struct history history;
        struct task task;

        make_history(&seed, &history);
        task_init(&task, NULL);
        history.listing.times.state = LEARNT_SOUND;
        for (int64_t time = 0; time < 100; time++) {
            struct plan plan;
            int64_t point;
            assert_int_equal(plan_make_locked(&history.listing, time, UINT64_MAX, &plan), 0);
            if (plan.txid) {
                assert_int_equal(
                    v05_find_point(&history.generation, &history.listing, time, &plan, &task, &point), 0);
                assert_true(point <= time);
                assert_int_equal(point, search(&history.listing, &plan));
            }
            plan_finish(&plan);
        }
        finish_history(&history);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_latest_point_either_way),
        cmocka_unit_test(finds_the_point_of_any_instant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
