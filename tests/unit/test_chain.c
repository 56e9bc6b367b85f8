/* How far a snapshot and the segments upon it reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain_scene.h"

static void reaches_the_end_of_what_is_whole(void **state)
{
    struct scene scene;
    SCENE_BEGIN(&scene, whole);
    scene_open(&scene, 6, no_limit);
    expect_end(&scene.chain, 0, 6, 3, 4);
    expect_gap(&scene.chain, NULL);
    assert_int_equal(scene.chain.pages, 9);
    assert_int_equal(scene.chain.page_size, PAGE_SIZE);
    assert_int_equal(scene.chain.time, 106);
    assert_int_equal(scene.chain.source_size, 7000 + 6 * 1000);
    assert_int_equal(scene.chain.n_shrinks, 0);
    scene_end(&scene);
}

static void is_the_snapshot_alone_where_no_segment_counts(void **state)
{
    struct scene scene;
    SCENE_BEGIN(&scene, whole);
    scene_open(&scene, 0, no_limit);
    expect_end(&scene.chain, 0, 0, 1, 0);
    expect_gap(&scene.chain, NULL);
    assert_int_equal(scene.chain.time, 100);
    assert_int_equal(scene.chain.source_size, 7000);
    assert_int_equal(scene.chain.page_size, PAGE_SIZE);
    scene_end(&scene);
}

static void begins_at_its_snapshot_whatever_stands_before(void **state)
{
    static const struct part parts[] = {{0, BEHIND(7), 2, 4}, {1, 0, 2, 4}, {2, 0, 1, 5}};
    struct scene scene;
    SCENE_BEGIN(&scene, parts);
    scene_open(&scene, 3, no_limit);
    expect_end(&scene.chain, 1, 3, 2, 1);
    expect_gap(&scene.chain, NULL);
    scene_open(&scene, 1, no_limit);
    assert_int_equal(scene.chain.last.frame, 0);
    expect_gap(&scene.chain, NULL);
    scene_end(&scene);
}

static void takes_the_page_size_of_the_segments_for_an_empty_snapshot(void **state)
{
    struct scene scene;
    scene_begin(&scene, whole, 2, 0);
    scene_open(&scene, 2, no_limit);
    assert_int_equal(scene.chain.page_size, PAGE_SIZE);
    assert_int_equal(scene.chain.pages, 5);
    scene_open(&scene, 0, no_limit);
    assert_int_equal(scene.chain.page_size, 0);
    scene_end(&scene);
}

static void counts_no_transaction_beyond_the_limit(void **state)
{
    static const struct {
        struct wal_position limit, last;
        uint32_t pages;
    } cases[] = {
        {{1, 1}, {1, 0}, 0}, {{1, 2}, {1, 2}, 4}, {{1, 4}, {1, 2}, 4}, {{1, 5}, {1, 5}, 5},
        {{2, 0}, {1, 5}, 5}, {{2, 1}, {2, 1}, 6}, {{3, 3}, {3, 2}, 8}, {{9, 9}, {3, 4}, 9},
    };
    struct scene scene;
    SCENE_BEGIN(&scene, whole);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scene_open(&scene, 6, cases[i].limit);
        assert_int_equal(scene.chain.last.index, cases[i].last.index);
        assert_int_equal(scene.chain.last.frame, cases[i].last.frame);
        assert_int_equal(scene.chain.pages, cases[i].pages);
    }
    scene_end(&scene);
}

/* Each history is broken in one place; what is before it stands. */
static void ends_before_a_hole_and_names_it(void **state)
{
    static const struct {
        struct part parts[4];
        size_t n, end;
        struct wal_position last;
        const char *gap;
    } cases[] = {
        {{{2, 0, 1, 5}}, 1, 0, {1, 0}, "WAL 00000001 does not begin with a segment at offset 0"},
        {{{1, BEHIND(2), 1, 5}, {2, 0, 1, 5}},
         2,
         0,
         {1, 0},
         "WAL 00000001 does not begin with a segment at offset 0"},
        {{{1, 0, 2, 4}, {3, 0, 1, 5}}, 2, 1, {1, 2}, "WAL 00000002 has no beginning"},
        {{{1, 0, 2, 4}, {2, BEHIND(1), 1, 5}}, 2, 1, {1, 2}, "WAL 00000002 has no beginning"},
        {{{1, 0, 2, 4}, {1, BEHIND(3), 1, 5}, {2, 0, 1, 6}},
         3,
         1,
         {1, 2},
         "segment 00000001/00000668 does not continue what is before it"},
        {{{1, 0, 2, 4}, {1, BEHIND(1), 3, 5}},
         2,
         1,
         {1, 2},
         "segment 00000001/00000238 does not continue what is before it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        scene_begin(&scene, cases[i].parts, cases[i].n, 3);
        scene_open(&scene, cases[i].n, no_limit);
        assert_int_equal(scene.chain.end, cases[i].end);
        assert_int_equal(scene.chain.last.index, cases[i].last.index);
        assert_int_equal(scene.chain.last.frame, cases[i].last.frame);
        expect_gap(&scene.chain, cases[i].gap);
        assert_int_equal(scene.chain.time, 100 + (int64_t)cases[i].end);
        scene_end(&scene);
    }
}

static void ends_before_a_damaged_segment(void **state)
{
    static const struct {
        size_t damaged, end;
        const char *gap;
    } cases[] = {
        {0, 0, "segment 00000001/00000000 is damaged"},
        {1, 1, "segment 00000001/00000450 is damaged"},
        {2, 2, "segment 00000002/00000000 is damaged"},
        {5, 5, "segment 00000003/00000450 is damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        SCENE_BEGIN(&scene, whole);
        scene.listing->segments[cases[i].damaged]->learnt.state = LEARNT_DAMAGED;
        scene_open(&scene, 6, no_limit);
        assert_int_equal(scene.chain.end, cases[i].end);
        expect_gap(&scene.chain, cases[i].gap);
        scene_open(&scene, cases[i].damaged, no_limit); /* not asked that far, it is no gap */
        expect_gap(&scene.chain, NULL);
        scene_end(&scene);
    }
}

/* Another WAL's segment in the right place: the checksum chain, which the salts begin, tells. */
static void ends_where_the_checksum_chain_breaks(void **state)
{
    for (int word = 0; word < 2; word++) {
        struct scene scene;
        SCENE_BEGIN(&scene, whole);
        scene.listing->segments[3]->chain_before[word] ^= 1;
        scene_open(&scene, 6, no_limit);
        expect_end(&scene.chain, 0, 3, 2, 1);
        expect_gap(&scene.chain, "segment 00000002/00000238 does not continue what is before it");
        scene_end(&scene);
    }
}

/* Litestream copies whole transactions: frames behind the last commit mean that the WAL went on. */
static void does_not_pass_a_wal_whose_end_is_missing(void **state)
{
    static const struct part parts[] = {{1, 0, 2, 4}, {1, BEHIND(2), 3, 0}, {2, 0, 1, 6}};
    struct scene scene;
    SCENE_BEGIN(&scene, parts);
    scene_open(&scene, 3, no_limit);
    expect_end(&scene.chain, 0, 2, 1, 2);
    assert_non_null(scene.chain.gap);
    scene_end(&scene);
}

static void passes_a_wal_that_holds_only_its_header(void **state)
{
    static const struct part parts[] = {{1, 0, 2, 4}, {2, 0, 0, 0}, {3, 0, 1, 6}};
    struct scene scene;
    SCENE_BEGIN(&scene, parts);
    scene_open(&scene, 3, no_limit);
    expect_end(&scene.chain, 0, 3, 3, 1);
    expect_gap(&scene.chain, NULL);
    scene_end(&scene);
}

/* The file is cut when a WAL has been replayed, never before. */
static void notes_where_the_database_was_cut(void **state)
{
    static const struct {
        struct part parts[5];
        size_t n;
        struct shrink shrinks[2];
        size_t n_shrinks;
    } cases[] = {
        {{{1, 0, 1, 2}, {2, 0, 1, 9}}, 2, {{1, 2}}, 1},                    /* below the snapshot's pages */
        {{{1, 0, 1, 2}, {1, BEHIND(1), 1, 3}, {2, 0, 1, 9}}, 3, {{0}}, 0}, /* it grew again within the WAL */
        {{{1, 0, 1, 9}, {1, BEHIND(1), 1, 8}, {2, 0, 1, 9}}, 3, {{1, 8}}, 1},
        {{{1, 0, 1, 9}, {2, 0, 1, 4}}, 2, {{0}}, 0}, /* the last WAL's own end is its size */
        {{{1, 0, 1, 9}, {2, 0, 1, 5}, {3, 0, 1, 4}, {4, 0, 1, 9}}, 4, {{2, 5}, {3, 4}}, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        scene_begin(&scene, cases[i].parts, cases[i].n, 3);
        scene_open(&scene, cases[i].n, no_limit);
        assert_int_equal(scene.chain.n_shrinks, cases[i].n_shrinks);
        for (size_t j = 0; j < cases[i].n_shrinks; j++) {
            assert_int_equal(scene.chain.shrinks[j].index, cases[i].shrinks[j].index);
            assert_int_equal(scene.chain.shrinks[j].pages, cases[i].shrinks[j].pages);
        }
        scene_end(&scene);
    }
}

/* A cut is noted once, not with every WAL that follows it: each page that is read asks all of them. */
static void notes_a_cut_once(void **state)
{
    static const struct part parts[] = {{1, 0, 1, 9}, {2, 0, 1, 5}, {3, 0, 1, 5}, {4, 0, 1, 6}, {5, 0, 1, 6}};
    struct scene scene;
    SCENE_BEGIN(&scene, parts);
    scene_open(&scene, 5, no_limit);
    assert_int_equal(scene.chain.n_shrinks, 1);
    assert_int_equal(scene.chain.shrinks[0].index, 2);
    assert_int_equal(scene.chain.shrinks[0].pages, 5);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_the_end_of_what_is_whole),
        cmocka_unit_test(is_the_snapshot_alone_where_no_segment_counts),
        cmocka_unit_test(begins_at_its_snapshot_whatever_stands_before),
        cmocka_unit_test(takes_the_page_size_of_the_segments_for_an_empty_snapshot),
        cmocka_unit_test(counts_no_transaction_beyond_the_limit),
        cmocka_unit_test(ends_before_a_hole_and_names_it),
        cmocka_unit_test(ends_before_a_damaged_segment),
        cmocka_unit_test(ends_where_the_checksum_chain_breaks),
        cmocka_unit_test(does_not_pass_a_wal_whose_end_is_missing),
        cmocka_unit_test(passes_a_wal_that_holds_only_its_header),
        cmocka_unit_test(notes_where_the_database_was_cut),
        cmocka_unit_test(notes_a_cut_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
