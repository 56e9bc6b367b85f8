/* How far a chain may reach by names alone, and how it goes on, or not, when a later listing holds more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain_scene.h"

/* What names alone tell, before anything has been fetched. */
static void tells_from_names_how_far_it_may_reach(void **state)
{
    static const struct part parts[] = {{1, 0, 2, 4}, {1, BEHIND(2), 1, 5}, {2, 0, 1, 6}, {4, 0, 1, 6}};
    struct scene scene;
    SCENE_BEGIN(&scene, parts);
    for (size_t i = 0; i < 4; i++)
        scene.listing->segments[i]->learnt.state = LEARNT_NOTHING;

    struct snapshot *snapshot = scene.listing->snapshots[0];
    const struct replay *replay = replay_get_locked(scene.listing, snapshot);
    for (size_t n = 0; n <= 4; n++)
        assert_int_equal(replay_outlook_locked(replay, scene.listing, n), n < 3 ? n : 3);
    assert_int_equal(replay->begin, 0);
    assert_int_equal(replay->end, 0);
    assert_true(replay_can_follow(scene.listing, snapshot, 0, 0));
    assert_false(replay_can_follow(scene.listing, snapshot, 1, 1));
    assert_false(replay_can_follow(scene.listing, snapshot, 2, 2));
    assert_false(replay_can_follow(scene.listing, snapshot, 4, 4));
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(segment_continues(scene.listing, i), i < 3);
    scene_end(&scene);
}

/* A later listing: of parts that came to be at these times. */
static struct v03_listing *list_again(const struct scene *scene, const struct part *parts,
                                      const int64_t *times, size_t n)
{
    struct listing found = {0};
    struct v03_listing *listing = NULL;

    list_snapshot(&found, 1, 100);
    for (size_t i = 0; i < n; i++)
        list_segment(&found, parts[i].index, parts[i].offset, times[i]);
    assert_int_equal(v03_listing_make(&found, scene->listing, false, &listing), 0);
    listing_finish(&found);
    return listing;
}

/* A replay goes on where it ended: what it holds is not looked at again, however it may look now. */
static void goes_on_where_it_ended(void **state)
{
    static const int64_t times[] = {101, 102, 103, 104, 105, 106};
    struct scene scene;
    scene_begin(&scene, whole, 4, 3);
    scene_open(&scene, 4, no_limit);
    expect_end(&scene.chain, 0, 4, 2, 2);

    struct v03_listing *longer = list_again(&scene, whole, times, 6);
    assert_ptr_equal(longer->frames, scene.listing->frames);
    scene.listing->segments[1]->learnt.state = LEARNT_DAMAGED;
    for (size_t i = 4; i < 6; i++)
        learn_segment(longer->segments[i], whole[i].frames, whole[i].pages);
    scene_open(&scene, 3, no_limit); /* an instant before */
    expect_end(&scene.chain, 0, 3, 2, 1);
    v03_listing_unref(scene.listing);
    scene.listing = longer;
    scene_open(&scene, 6, no_limit);
    expect_end(&scene.chain, 0, 6, 3, 4);
    assert_int_equal(scene.chain.source_size, 7000 + 6 * 1000);
    assert_int_equal(scene.chain.pages, 9);
    scene_end(&scene);
}

/* A segment that a look had missed stands in the middle: the numbers behind it are others now. */
static void begins_anew_if_a_segment_came_between(void **state)
{
    static const struct part parts[] = {
        {1, 0, 2, 4}, {1, BEHIND(2), 3, 5}, {2, 0, 1, 6}, {2, BEHIND(1), 1, 7}};
    static const struct part seen[] = {{1, 0, 2, 4}, {2, 0, 1, 6}, {2, BEHIND(1), 1, 7}};
    static const int64_t times[] = {101, 102, 102, 103};
    struct scene scene;
    SCENE_BEGIN(&scene, seen);
    scene_open(&scene, 3, no_limit);
    expect_end(&scene.chain, 0, 3, 2, 2);

    struct v03_listing *all = list_again(&scene, parts, times, 4);
    assert_ptr_equal(all->segments[0], scene.listing->segments[0]);
    for (size_t i = 0; i < 4; i++)
        if (all->segments[i]->learnt.state == LEARNT_NOTHING)
            learn_segment(all->segments[i], parts[i].frames, parts[i].pages);
    v03_listing_unref(scene.listing);
    scene.listing = all;
    scene_open(&scene, 4, no_limit);
    expect_end(&scene.chain, 0, 4, 2, 2);
    assert_int_equal(scene.chain.source_size, 7000 + 4 * 1000);
    scene_open(&scene, 2, no_limit);
    expect_end(&scene.chain, 0, 2, 1, 5);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_from_names_how_far_it_may_reach),
        cmocka_unit_test(goes_on_where_it_ended),
        cmocka_unit_test(begins_anew_if_a_segment_came_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
