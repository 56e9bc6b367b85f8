#include <errno.h>
/* Which objects belong to an instant. The rules are those of Litestream v0.3.13's replica.go: SnapshotIndexAt
 * and walSegmentMap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "litemount/instant.h"
#include "v03_objects.h"

static void counts_segments_up_to_the_first_that_is_later(void **state)
{
    static const int64_t modified[] = {10, 30, 20, 30, 50, 40};
    static const int64_t running[] = {10, 30, 30, 30, 50, 50};
    static const struct {
        int64_t time;
        size_t n;
    } cases[] = {
        {INT64_MIN, 0}, {9, 0}, {10, 1}, {29, 1}, {30, 4}, {49, 4}, {50, 6}, {INT64_MAX, 6},
    };
    struct listing found = {0};
    for (uint32_t i = 0; i < 6; i++)
        list_segment(&found, i / 2, i % 2 ? BEHIND(1) : 0, modified[i]);
    struct v03_listing *listing = make_listing(&found);

    for (size_t i = 0; i < 6; i++)
        assert_int_equal(listing->times[i], running[i]);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(v03_segments_at(listing, cases[i].time), cases[i].n);
    v03_listing_unref(listing);
}

static void orders_segments_by_position_not_by_name(void **state)
{
    struct listing found = {0};
    list_segment(&found, 1, 0, 3);
    list_segment(&found, 0, UINT64_C(1) << 32, 2); /* its name sorts before that of fffffff0 */
    list_segment(&found, 0, 0xfffffff0, 1);
    list_segment(&found, 0, 0, 0);
    struct v03_listing *listing = make_listing(&found);

    assert_int_equal(listing->n_segments, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(listing->segments[i]->object.modified, i);
    v03_listing_unref(listing);
}

static void orders_snapshots_by_time(void **state)
{
    static const struct {
        int64_t time;
        size_t n;
    } cases[] = {{99, 0}, {100, 1}, {199, 1}, {200, 2}, {299, 2}, {300, 3}, {INT64_MAX, 3}};
    struct listing found = {0};
    list_snapshot(&found, 1, 300);
    list_snapshot(&found, 2, 100);
    list_snapshot(&found, 7, 200);
    struct v03_listing *listing = make_listing(&found);

    assert_int_equal(listing->snapshots[0]->index, 2);
    assert_int_equal(listing->snapshots[1]->index, 7);
    assert_int_equal(listing->snapshots[2]->index, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(v03_snapshots_at(listing, cases[i].time), cases[i].n);
    v03_listing_unref(listing);
}

/* SnapshotIndexAt takes a snapshot only if it is later than the best so far, and they come by index. */
static void takes_the_first_of_snapshots_of_one_time(void **state)
{
    struct listing found = {0};
    list_snapshot(&found, 3, 100);
    list_snapshot(&found, 5, 100);
    list_snapshot(&found, 4, 100);
    struct v03_listing *listing = make_listing(&found);

    assert_int_equal(v03_snapshots_at(listing, 100), 3);
    assert_int_equal(listing->snapshots[2]->index, 3);
    v03_listing_unref(listing);
}

static void tells_when_the_newest_state_came_to_be(void **state)
{
    static const struct {
        int64_t time, point; /* 0: there is none */
    } cases[] = {
        {99, 0},    {100, 100}, {109, 100},       {110, 110}, {119, 110},
        {120, 120}, {149, 120}, {150, 150}, /* the second snapshot, whose WAL has nothing yet */
        {159, 150}, {160, 160}, {INT64_MAX, 160},
    };
    struct listing found = {0};
    list_segment(&found, 0, 0, 5); /* before there was any snapshot */
    list_snapshot(&found, 1, 100);
    list_segment(&found, 1, 0, 110);
    list_segment(&found, 1, BEHIND(1), 120);
    list_snapshot(&found, 2, 150);
    list_segment(&found, 2, 0, 160);
    struct v03_listing *listing = make_listing(&found);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t point = 0;
        assert_int_equal(v03_point_at(listing, cases[i].time, &point), cases[i].point != 0);
        assert_int_equal(point, cases[i].point);
    }
    assert_int_equal(listing->earliest, 5);
    assert_int_equal(listing->latest, 160);
    v03_listing_unref(listing);
}

static void finds_a_wal_by_its_index(void **state)
{
    static const struct {
        uint32_t index;
        size_t at;
    } cases[] = {{0, 0}, {2, 0}, {3, 2}, {5, 2}, {6, 3}, {UINT32_MAX, 3}};
    struct listing found = {0};
    list_segment(&found, 2, 0, 1);
    list_segment(&found, 2, BEHIND(1), 1);
    list_segment(&found, 5, 0, 1);
    struct v03_listing *listing = make_listing(&found);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(v03_find_index(listing, cases[i].index), cases[i].at);
    v03_listing_unref(listing);
}

static void passes_over_junk_and_takes_a_place_once(void **state)
{
    struct listing found = {0};
    list_object(&found, "generations/0123456789abcdef/wal/00000000_00000000.wal.lz4", "a", 1, 10);
    list_object(&found, "generations/0123456789abcdef/wal/00000000_000000000.wal.lz4", "b", 1, 11);
    list_object(&found, "generations/0123456789abcdef/wal/00000000_00000000.wal.lz4.tmp", "c", 1, 12);
    list_object(&found, "generations/0123456789abcdef/wal/README", "d", 1, 13);
    struct v03_listing *listing = make_listing(&found);

    assert_int_equal(listing->n_segments, 1);
    assert_int_equal(listing->n_snapshots, 0);
    assert_int_equal(listing->latest, listing->segments[0]->object.modified);
    v03_listing_unref(listing);
}

static void shows_nothing_where_there_is_nothing(void **state)
{
    struct listing found = {0};
    int64_t point;
    struct v03_listing *listing = make_listing(&found);

    assert_int_equal(v03_segments_at(listing, INT64_MAX), 0);
    assert_int_equal(v03_snapshots_at(listing, INT64_MAX), 0);
    assert_int_equal(v03_find_index(listing, 0), 0);
    assert_false(v03_point_at(listing, INT64_MAX, &point));
    assert_true(listing->earliest > listing->latest);
    v03_listing_unref(listing);
}

/* What is listed again unchanged keeps what was learnt of it; a new segment is added. */
static void knows_objects_again(void **state)
{
    struct listing found = {0}, again = {0};
    struct v03_listing *fresh;
    list_snapshot(&found, 0, 5);
    list_segment(&found, 0, 0, 10);
    struct v03_listing *known = make_listing(&found);

    list_snapshot(&again, 0, 5);
    list_segment(&again, 0, 0, 10);
    list_segment(&again, 0, BEHIND(1), 20);
    assert_int_equal(v03_listing_make(&again, known, false, &fresh), 0);
    listing_finish(&again);
    assert_int_equal(fresh->n_segments, 2);
    assert_ptr_equal(fresh->segments[0], known->segments[0]);
    assert_ptr_equal(fresh->snapshots[0], known->snapshots[0]);
    assert_ptr_equal(fresh->frames, known->frames);
    v03_listing_unref(known);
    v03_listing_unref(fresh);
}

/* Frames of what was replaced or deleted must not be found for what is there now: the table is begun anew. */
static void begins_anew_if_a_segment_was_replaced(void **state)
{
    struct listing found = {0}, again = {0};
    struct v03_listing *fresh;
    list_snapshot(&found, 0, 5);
    list_segment(&found, 0, 0, 10);
    list_segment(&found, 0, BEHIND(1), 20);
    struct v03_listing *known = make_listing(&found);

    list_snapshot(&again, 0, 5);
    list_segment(&again, 0, 0, 10);
    list_object(&again, "generations/0123456789abcdef/wal/00000000_00000238.wal.lz4", "v2", 1000, 20);
    assert_int_equal(BEHIND(1), 0x238);
    assert_int_equal(v03_listing_make(&again, known, true, &fresh), -ESTALE);
    assert_int_equal(v03_listing_make(&again, known, false, &fresh), 0);
    listing_finish(&again);
    assert_int_equal(fresh->n_segments, 2);
    assert_ptr_not_equal(fresh->segments[0], known->segments[0]);
    assert_ptr_not_equal(fresh->frames, known->frames);
    assert_ptr_equal(fresh->snapshots[0], known->snapshots[0]);
    v03_listing_unref(known);
    assert_string_equal(fresh->segments[1]->object.version, "v2");
    v03_listing_unref(fresh);
}

/* A refresh lists again what is not much older than the newest, and what follows; earlier ones are taken
 * over. */
static void adds_what_came_since(void **state)
{
    struct listing found = {0}, again = {0};
    struct v03_listing *fresh;
    const int64_t later = 1000 * INSTANT_SECOND;
    list_snapshot(&found, 0, 5);
    list_segment(&found, 0, 0, 10);
    list_segment(&found, 1, 0, later);
    list_segment(&found, 2, 0, later + 1);
    struct v03_listing *known = make_listing(&found);
    assert_int_equal(v03_first_to_list_again(known), 1);

    list_snapshot(&again, 2, 15);
    list_segment(&again, 1, 0, later);
    list_segment(&again, 1, BEHIND(1), later); /* it was missed before */
    list_segment(&again, 2, 0, later + 1);
    list_segment(&again, 3, 0, later + 2);
    assert_int_equal(v03_listing_make(&again, known, true, &fresh), 0);
    listing_finish(&again);
    assert_int_equal(fresh->n_segments, 5);
    assert_ptr_equal(fresh->segments[0], known->segments[0]);
    assert_ptr_equal(fresh->segments[1], known->segments[1]);
    assert_ptr_equal(fresh->segments[3], known->segments[2]);
    assert_ptr_equal(fresh->frames, known->frames);
    assert_int_equal(fresh->n_snapshots, 1); /* these are always listed whole */
    v03_listing_unref(fresh);

    list_segment(&again, 2, 0, 20); /* the last WAL known is gone: the rest is not enough to tell */
    assert_int_equal(v03_listing_make(&again, known, true, &fresh), -ESTALE);
    assert_int_equal(v03_listing_make(&again, known, false, &fresh), 0);
    assert_int_equal(fresh->n_segments, 1);
    assert_int_equal(fresh->segments[0]->index, 2);
    listing_finish(&again);
    v03_listing_unref(fresh);
    v03_listing_unref(known);
}

/* Where to begin: not much before the newest object, not more than a page of a listing, and at a WAL's
 * beginning where keys may not come in the order of offsets. */
static void lists_again_no_more_than_a_page(void **state)
{
    static const struct {
        int64_t apart;   /* nanoseconds from one segment to the next */
        uint64_t offset; /* of the first, in WAL 1 */
        size_t n, first;
    } cases[] = {
        {INSTANT_SECOND, BEHIND(1), 5000, 4700},
        {100 * INSTANT_SECOND, BEHIND(1), 5000, 4997},
        {10000 * INSTANT_SECOND, BEHIND(1), 5000, 4999},
        {0, BEHIND(1), 5000, 4000},
        {INSTANT_SECOND, UINT64_C(0xfff00000), 5000, 1},
        {INSTANT_SECOND, UINT64_C(1) << 32, 500, 1},
        {INSTANT_SECOND, BEHIND(1), 10, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listing found = {0};
        list_segment(&found, 0, 0, 0);
        for (size_t j = 1; j < cases[i].n; j++)
            list_segment(&found, 1, cases[i].offset + j * FRAME_SIZE, (int64_t)j * cases[i].apart);
        struct v03_listing *listing = make_listing(&found);
        assert_int_equal(v03_first_to_list_again(listing), cases[i].first);
        v03_listing_unref(listing);
    }
}

static void is_the_same_listing_if_nothing_has_changed(void **state)
{
    struct listing found = {0}, again = {0};
    struct v03_listing *same, *other;
    list_snapshot(&found, 0, 5);
    list_segment(&found, 0, 0, 10);
    struct v03_listing *known = make_listing(&found);

    list_snapshot(&again, 0, 5);
    list_segment(&again, 0, 0, 10);
    assert_int_equal(v03_listing_make(&again, known, false, &same), 0);
    assert_ptr_equal(same, known);
    list_snapshot(&again, 1, 20);
    assert_int_equal(v03_listing_make(&again, known, false, &other), 0);
    assert_ptr_not_equal(other, known);
    assert_int_equal(other->n_snapshots, 2);
    assert_int_equal(other->latest, 20);
    listing_finish(&again);
    v03_listing_unref(same);
    v03_listing_unref(other);
    v03_listing_unref(known);
}

/* What follows stands in the same row; who has the earlier listing does not see it. */
static void shares_the_row_while_segments_come_at_its_end(void **state)
{
    struct listing found = {0};
    struct v03_listing *listings[40];
    size_t rows = 1;
    for (uint32_t i = 0; i < 40; i++) {
        list_segment(&found, i, 0, 100 - (int64_t)i % 2);
        assert_int_equal(v03_listing_make(&found, i ? listings[i - 1] : NULL, i % 3 == 0, &listings[i]), 0);
        rows += i && listings[i]->row != listings[i - 1]->row;
    }
    listing_finish(&found);
    assert_in_range(rows, 2, 8);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(listings[i]->n_segments, i + 1);
        assert_int_equal(v03_segments_at(listings[i], INT64_MAX), i + 1);
        assert_int_equal(listings[i]->sizes[i], (i + 1) * 1000);
        assert_int_equal(listings[i]->times[i], 100);
        assert_int_equal(listings[i]->earliest, i ? 99 : 100);
        assert_ptr_equal(listings[i]->segments[i], listings[39]->segments[i]);
        if (i % 2)
            v03_listing_unref(listings[i]);
    }
    for (uint32_t i = 0; i < 40; i += 2)
        v03_listing_unref(listings[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_segments_up_to_the_first_that_is_later),
        cmocka_unit_test(orders_segments_by_position_not_by_name),
        cmocka_unit_test(orders_snapshots_by_time),
        cmocka_unit_test(takes_the_first_of_snapshots_of_one_time),
        cmocka_unit_test(tells_when_the_newest_state_came_to_be),
        cmocka_unit_test(finds_a_wal_by_its_index),
        cmocka_unit_test(passes_over_junk_and_takes_a_place_once),
        cmocka_unit_test(shows_nothing_where_there_is_nothing),
        cmocka_unit_test(knows_objects_again),
        cmocka_unit_test(begins_anew_if_a_segment_was_replaced),
        cmocka_unit_test(adds_what_came_since),
        cmocka_unit_test(lists_again_no_more_than_a_page),
        cmocka_unit_test(is_the_same_listing_if_nothing_has_changed),
        cmocka_unit_test(shares_the_row_while_segments_come_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
