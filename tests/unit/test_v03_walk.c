/* v03/v03_walk.h against a plain search at each time, and what is forgotten of segments that were refuted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "v03/v03.h"
#include "v03/v03_walk.h"
#include "v03_objects.h"

/* Up to 12 segments in two WALs, some of them missing, and up to 4 snapshots, some of them damaged. */
static struct v03_listing *make_random_listing(unsigned *seed)
{
    struct listing found = {0};

    for (unsigned i = 0; i < 12; i++)
        if (rand_r(seed) % 8)
            list_segment(&found, 1 + i / 6, i % 6 ? BEHIND(i % 6) : 0, 10 * (i + 1) + rand_r(seed) % 15);
    for (unsigned i = 0; i < 4; i++)
        if (rand_r(seed) % 4)
            list_snapshot(&found, i, 5 + rand_r(seed) % 150);
    struct v03_listing *listing = make_listing(&found);
    for (size_t i = 0; i < listing->n_segments; i++)
        if (rand_r(seed) % 2)
            learn_segment(listing->segments[i], 1, 3);
    for (size_t i = 0; i < listing->n_snapshots; i++)
        if (rand_r(seed) % 4 == 0)
            listing->snapshots[i]->learnt.state = LEARNT_DAMAGED;
    return listing;
}

static void check_walk(const struct v03_walk *walk, int64_t time)
{
    const struct v03_listing *listing = walk->listing;
    size_t n = v03_snapshots_at(listing, time);

    while (n && snapshot_is_damaged(listing->snapshots[n - 1]))
        n--;
    assert_ptr_equal(walk->snapshot, n ? listing->snapshots[n - 1] : NULL);
    if (!n)
        return;
    size_t begin = v03_find_index(listing, walk->snapshot->index), end = begin;
    while (end < v03_segments_at(listing, time) && replay_can_follow(listing, walk->snapshot, begin, end))
        end++;
    assert_int_equal(walk->begin, begin);
    assert_int_equal(walk->end, end);
}

static void knows_at_each_time_what_a_search_finds(void **state)
{
    unsigned seed = 1;

    for (int round = 0; round < 2000; round++) {
        struct v03_listing *listing = make_random_listing(&seed);
        struct v03_walk walk = {.listing = listing};
        for (int64_t time = 0; time < 170; time += 1 + rand_r(&seed) % 20) {
            v03_walk_to(&walk, time);
            check_walk(&walk, time);
        }
        v03_listing_unref(listing);
    }
}

static void stops_at_each_time_of_an_object(void **state)
{
    static const int64_t times[] = {100, 105, 110, 115};
    struct listing found = {0};
    list_snapshot(&found, 1, 100);
    list_segment(&found, 1, 0, 105);
    list_segment(&found, 1, BEHIND(1), 110);
    list_snapshot(&found, 2, 110);
    list_segment(&found, 1, BEHIND(2), 115);
    struct v03_listing *listing = make_listing(&found);
    struct v03_walk walk = {.listing = listing};

    for (size_t i = 0; i < 4; i++) {
        assert_true(v03_walk_on(&walk));
        assert_int_equal(v03_walk_point(&walk), times[i] == 115 ? 110 : times[i]);
        check_walk(&walk, times[i]);
    }
    assert_false(v03_walk_on(&walk));
    v03_listing_unref(listing);
}

static void forgets_segments_that_were_refuted(void **state)
{
    struct listing found = {0};
    list_snapshot(&found, 1, 100);
    list_segment(&found, 1, 0, 105);
    struct v03_listing *listing = make_listing(&found), *fresh;
    struct v03_generation generation = {.base.listing = &v03_listing_ref(listing)->base};

    learn_segment(listing->segments[0], 1, 3);
    v03_renew_locked(&generation.base);
    assert_ptr_equal(generation.base.listing, &listing->base);
    generation.is_refuted = true;
    v03_renew_locked(&generation.base);
    fresh = v03_listing_of(generation.base.listing);
    assert_ptr_not_equal(fresh, listing);
    assert_int_equal(fresh->n_segments, 1);
    assert_int_equal(fresh->segments[0]->learnt.state, LEARNT_NOTHING);
    assert_ptr_equal(fresh->snapshots[0], listing->snapshots[0]);
    assert_false(generation.is_refuted);
    v03_listing_unref(fresh);
    v03_listing_unref(listing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_at_each_time_what_a_search_finds),
        cmocka_unit_test(stops_at_each_time_of_an_object),
        cmocka_unit_test(forgets_segments_that_were_refuted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
