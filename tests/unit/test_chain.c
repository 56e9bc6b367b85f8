/* How far a snapshot and the segments upon it reach. Everything here is known as learnt, so nothing is
 * fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "v03_objects.h"

static const struct wal_position no_limit = {UINT32_MAX, UINT32_MAX};

/* A history that a test puts together: a snapshot of three pages at index 1, and segments. */
struct scene {
    struct v03_generation generation;
    struct v03_listing *listing;
    struct chain chain;
};

/* A segment of the scene. One at offset 0 is `frames` frames behind the WAL's header. */
struct part {
    uint32_t index;
    uint64_t offset;
    uint32_t frames;
    uint32_t pages; /* the database's size at its end; 0: no commit there */
};

static void scene_begin(struct scene *scene, const struct part *parts, size_t n, uint32_t snapshot_pages)
{
    struct listing found = {0};

    *scene = (struct scene){0};
    pthread_mutex_init(&scene->generation.lock, NULL);
    pthread_cond_init(&scene->generation.learnt, NULL);
    list_snapshot(&found, 1, 100);
    for (size_t i = 0; i < n; i++)
        list_segment(&found, parts[i].index, parts[i].offset, 101 + (int64_t)i);
    scene->listing = make_listing(&found);
    learn_snapshot(scene->listing->snapshots[0], snapshot_pages);
    for (size_t i = 0; i < n; i++)
        learn_segment(scene->listing->segments[i], parts[i].frames, parts[i].pages);
}

#define SCENE_BEGIN(scene, parts) scene_begin(scene, parts, sizeof(parts) / sizeof *(parts), 3)

static void scene_open(struct scene *scene, size_t n_segments, struct wal_position limit)
{
    struct task task;
    task_init(&task, NULL);
    chain_finish(&scene->chain);
    assert_int_equal(chain_open(&scene->generation, scene->listing, scene->listing->snapshots[0], n_segments,
                                limit, &task, &scene->chain),
                     0);
}

static void scene_end(struct scene *scene)
{
    chain_finish(&scene->chain);
    v03_listing_unref(scene->listing);
    pthread_mutex_destroy(&scene->generation.lock);
    pthread_cond_destroy(&scene->generation.learnt);
}

static void expect_end(const struct chain *chain, size_t begin, size_t end, uint32_t index, uint32_t frame)
{
    assert_int_equal(chain->begin, begin);
    assert_int_equal(chain->end, end);
    assert_int_equal(chain->last.index, index);
    assert_int_equal(chain->last.frame, frame);
}

static void expect_gap(const struct chain *chain, const char *gap)
{
    if (!gap)
        assert_null(chain->gap);
    else
        assert_string_equal(chain->gap, gap);
}

/* Three WALs of two segments each. */
static const struct part whole[] = {
    {1, 0, 2, 4},         {1, BEHIND(2), 3, 5}, {2, 0, 1, 6},
    {2, BEHIND(1), 1, 7}, {3, 0, 2, 8},         {3, BEHIND(2), 2, 9},
};

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
        scene.listing->segments[cases[i].damaged]->learnt = LEARNT_DAMAGED;
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

/* What names alone tell, before anything has been fetched. */
static void tells_from_names_how_far_it_may_reach(void **state)
{
    static const struct part parts[] = {{1, 0, 2, 4}, {1, BEHIND(2), 1, 5}, {2, 0, 1, 6}, {4, 0, 1, 6}};
    struct scene scene;
    SCENE_BEGIN(&scene, parts);
    for (size_t i = 0; i < 4; i++)
        scene.listing->segments[i]->learnt = LEARNT_NOTHING;

    struct snapshot *snapshot = scene.listing->snapshots[0];
    const struct replay *replay = replay_get(scene.listing, snapshot);
    for (size_t n = 0; n <= 4; n++)
        assert_int_equal(replay_outlook(replay, scene.listing, n), n < 3 ? n : 3);
    assert_int_equal(replay->begin, 0);
    assert_int_equal(replay->end, 0);
    assert_true(replay_can_begin(scene.listing, snapshot, 0));
    assert_false(replay_can_begin(scene.listing, snapshot, 1));
    assert_false(replay_can_begin(scene.listing, snapshot, 2));
    assert_false(replay_can_begin(scene.listing, snapshot, 4));
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
    scene.listing->segments[1]->learnt = LEARNT_DAMAGED;
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
        if (all->segments[i]->learnt == LEARNT_NOTHING)
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
        cmocka_unit_test(tells_from_names_how_far_it_may_reach),
        cmocka_unit_test(goes_on_where_it_ended),
        cmocka_unit_test(begins_anew_if_a_segment_came_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
