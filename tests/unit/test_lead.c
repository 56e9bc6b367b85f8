/* Which of two snapshots a state is read on: the second may be ahead of it. Everything here is known as
 * learnt, so nothing is fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "v03/v03.h"
#include "v03/wal/wal_lead.h"
#include "v03_objects.h"

#define SECOND INT64_C(1000000000)

static const struct wal_position no_limit = {UINT32_MAX, UINT32_MAX};

/* Snapshots at index 1, of time 0, and at index 2, and segments of a frame each, which is a commit. */
struct scene {
    struct v03_generation generation;
    struct v03_listing *listing;
    struct snapshot *second;
    struct chain chain;
};

struct part {
    uint32_t index;
    uint32_t before; /* frames of its WAL */
    int64_t time;
};

static void scene_begin(struct scene *scene, int64_t made, const struct part *parts, size_t n)
{
    struct listing found = {0};

    *scene = (struct scene){0};
    pthread_mutex_init(&scene->generation.base.lock, NULL);
    pthread_cond_init(&scene->generation.base.learnt, NULL);
    list_snapshot(&found, 1, 0);
    list_snapshot(&found, 2, made);
    for (size_t i = 0; i < n; i++)
        list_segment(&found, parts[i].index, parts[i].before ? BEHIND(parts[i].before) : 0, parts[i].time);
    scene->listing = make_listing(&found);
    for (size_t i = 0; i < 2; i++)
        learn_snapshot(scene->listing->snapshots[i], 9);
    for (size_t i = 0; i < n; i++)
        learn_segment(scene->listing->segments[i], 1, 4 + (uint32_t)i);
    scene->second = scene->listing->snapshots[1];
    assert_int_equal(scene->second->index, 2);
}

#define SCENE_BEGIN(scene, made, parts) scene_begin(scene, made, parts, sizeof(parts) / sizeof *(parts))

static void scene_end(struct scene *scene)
{
    chain_finish(&scene->chain);
    v03_listing_unref(scene->listing);
    pthread_mutex_destroy(&scene->generation.base.lock);
    pthread_cond_destroy(&scene->generation.base.learnt);
}

/* What is made of the second snapshot and the first `n_segments` segments is read on the one of `snapshot`.
 */
static void expect(struct scene *scene, size_t n_segments, uint32_t snapshot, uint32_t index, uint32_t frame,
                   uint32_t pages)
{
    struct task task;

    task_init(&task, NULL);
    chain_finish(&scene->chain);
    assert_int_equal(lead_replay(&scene->generation, scene->listing, scene->second, n_segments, no_limit,
                                 &task, &scene->chain),
                     0);
    assert_int_equal(scene->chain.snapshot->index, snapshot);
    assert_int_equal(scene->chain.position.index, index);
    assert_int_equal(scene->chain.position.frame, frame);
    assert_int_equal(chain_size(&scene->chain), pages * PAGE_SIZE);
    assert_true(scene->chain.time >= scene->second->object.modified);
    assert_null(scene->chain.gap);
    assert_null(scene->chain.mixture);
}

/* Its own point, and the end of the first segment that is younger: the snapshot before. */
static void is_read_on_the_one_before_until_a_younger_one_is_behind(void **state)
{
    static const struct part parts[] = {
        {1, 0, 10}, {2, 0, 20}, {2, 1, 40}, {2, 2, 50}, {2, 3, 60}, {3, 0, 70},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, 30, parts);
    expect(&scene, 1, 1, 2, 0, 4); /* the WAL's beginning is the end of the one before */
    expect(&scene, 2, 1, 2, 1, 5);
    expect(&scene, 3, 1, 2, 2, 6);
    expect(&scene, 4, 2, 2, 3, 7);
    expect(&scene, 5, 2, 2, 4, 8);
    expect(&scene, 6, 2, 3, 1, 9);
    scene_end(&scene);
}

/* Stores that tell whole seconds. */
static void an_equal_time_is_not_younger(void **state)
{
    static const struct part parts[] = {{1, 0, 10}, {2, 0, 30}, {2, 1, 30}, {2, 2, 40}, {2, 3, 50}};
    struct scene scene;
    SCENE_BEGIN(&scene, 30, parts);
    expect(&scene, 3, 1, 2, 2, 6);
    expect(&scene, 4, 1, 2, 3, 7);
    expect(&scene, 5, 2, 2, 4, 8);
    scene_end(&scene);
}

/* All of the snapshot's WAL is replayed. */
static void the_end_of_a_wal_is_sure(void **state)
{
    static const struct part parts[] = {{1, 0, 10}, {2, 0, 20}, {3, 0, 40}};
    struct scene scene;
    SCENE_BEGIN(&scene, 30, parts);
    expect(&scene, 2, 2, 2, 1, 5);
    scene_end(&scene);
}

/* What is younger came so late that it can't have been there. */
static void nothing_is_ahead_of_a_quiet_wal(void **state)
{
    static const struct part later[] = {{1, 0, 10}, {2, 0, 20}, {2, 1, 1000 * SECOND}, {2, 2, 1001 * SECOND}};
    static const struct part never[] = {{1, 0, 10}, {2, 0, 20}};
    struct scene scene;
    SCENE_BEGIN(&scene, 30, later);
    expect(&scene, 2, 2, 2, 1, 5);
    expect(&scene, 3, 2, 2, 2, 6);
    scene_end(&scene);
    SCENE_BEGIN(&scene, 1000 * SECOND, never);
    expect(&scene, 2, 2, 2, 1, 5);
    scene_end(&scene);
    SCENE_BEGIN(&scene, 30, never);
    expect(&scene, 2, 1, 2, 1, 5);
    scene_end(&scene);
}

/* A hole lies between, or nothing of the WAL before is there: the snapshot is all there is. */
static void is_read_on_its_own_where_no_other_leads(void **state)
{
    static const struct part hole[] = {{1, 0, 10}, {1, 2, 11}, {2, 0, 20}};
    static const struct part alone[] = {{2, 0, 20}, {2, 1, 40}};
    struct scene scene;
    SCENE_BEGIN(&scene, 30, hole);
    expect(&scene, 3, 2, 2, 1, 6);
    scene_end(&scene);
    SCENE_BEGIN(&scene, 30, alone);
    expect(&scene, 1, 2, 2, 1, 4);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_read_on_the_one_before_until_a_younger_one_is_behind),
        cmocka_unit_test(an_equal_time_is_not_younger),
        cmocka_unit_test(the_end_of_a_wal_is_sure),
        cmocka_unit_test(nothing_is_ahead_of_a_quiet_wal),
        cmocka_unit_test(is_read_on_its_own_where_no_other_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
