#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "v03/wal/versions.h"

/* The same numbers in every run. */
static uint32_t draw(uint32_t below)
{
    static uint64_t seed = 1;
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % below);
}

/* What versions.c does, by looking at everything. */
struct model {
    struct version items[20000];
    size_t n;
};

static bool model_find(const struct model *model, uint32_t page, struct wal_position first,
                       struct wal_position last, struct wal_position *ret_at)
{
    bool found = false;
    for (size_t i = 0; i < model->n; i++) {
        const struct version *item = &model->items[i];
        if (item->page != page || wal_position_compare(item->at, first) < 0 ||
            wal_position_compare(item->at, last) > 0)
            continue;
        if (!found || wal_position_compare(item->at, *ret_at) > 0)
            *ret_at = item->at;
        found = true;
    }
    return found;
}

static struct wal_position draw_position(void)
{
    return (struct wal_position){draw(6), draw(50)};
}

static void add(struct versions *versions, struct model *model, size_t n)
{
    struct version *items = calloc(n + 1, sizeof *items);
    for (size_t i = 0; i < n; i++) {
        items[i] = (struct version){1 + draw(30), {draw(6), 1 + draw(49)}};
        model->items[model->n++] = items[i];
    }
    assert_int_equal(versions_add(versions, items, n), 0);
}

static void compare(const struct versions *versions, const struct model *model)
{
    struct wal_position expected, found, first = draw_position(), last = draw_position();
    uint32_t page = draw(32);
    bool is_there = model_find(model, page, first, last, &expected);

    assert_int_equal(versions_find(versions, page, first, last, &found), is_there);
    if (!is_there)
        return;
    assert_int_equal(found.index, expected.index);
    assert_int_equal(found.frame, expected.frame);
}

static void finds_what_a_search_of_everything_finds(void **state)
{
    static const size_t most[] = {1, 2, 5, 40, 700};
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        static struct model model;
        struct versions versions = {0};
        model.n = 0;
        for (size_t adds = 0; adds < 25; adds++) {
            add(&versions, &model, draw((uint32_t)most[i] + 1));
            for (size_t j = 0; j < 200; j++)
                compare(&versions, &model);
        }
        versions_finish(&versions);
    }
}

/* Each run is at least twice as long as the next: that is what makes a lookup cheap. */
static void keeps_few_runs_whatever_the_order_of_lengths(void **state)
{
    static struct model model;
    for (int growing = 0; growing < 2; growing++) {
        struct versions versions = {0};
        size_t total = 0;
        model.n = 0;
        for (size_t i = 1; i <= 100; i++) {
            size_t n = growing ? i : 101 - i;
            add(&versions, &model, n);
            total += n;
            size_t held = 0;
            for (size_t j = 0; j < versions.n_runs; j++) {
                held += versions.runs[j].n;
                assert_true(j == 0 || versions.runs[j - 1].n >= 2 * versions.runs[j].n);
            }
            assert_int_equal(held, total);
        }
        versions_finish(&versions);
    }
}

static struct version *one(uint32_t page, uint32_t index, uint32_t frame)
{
    struct version *item = malloc(sizeof *item);
    *item = (struct version){page, {index, frame}};
    return item;
}

static void takes_both_ends_of_the_range_in(void **state)
{
    static const struct {
        struct wal_position first, last;
        bool found;
        uint32_t frame;
    } cases[] = {
        {{2, 3}, {2, 3}, true, 3},  {{2, 3}, {2, 9}, true, 7},          {{2, 4}, {2, 6}, false, 0},
        {{2, 4}, {2, 7}, true, 7},  {{0, 0}, {2, 2}, false, 0},         {{2, 8}, {9, 9}, false, 0},
        {{0, 0}, {2, 6}, true, 3},  {{0, 0}, {UINT32_MAX, 0}, true, 7}, {{2, 7}, {2, 3}, false, 0},
        {{1, 50}, {3, 0}, true, 7},
    };
    struct versions versions = {0};
    struct wal_position at;

    assert_int_equal(versions_add(&versions, one(5, 2, 7), 1), 0);
    assert_int_equal(versions_add(&versions, one(5, 2, 3), 1), 0);
    assert_int_equal(versions_add(&versions, one(4, 2, 5), 1), 0);
    assert_int_equal(versions_add(&versions, one(6, 2, 5), 1), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(versions_find(&versions, 5, cases[i].first, cases[i].last, &at), cases[i].found);
        if (cases[i].found) {
            assert_int_equal(at.index, 2);
            assert_int_equal(at.frame, cases[i].frame);
        }
    }
    versions_finish(&versions);
    assert_false(versions_find(&versions, 5, (struct wal_position){0, 0}, (struct wal_position){9, 9}, &at));
}

static void orders_positions_by_index_then_frame(void **state)
{
    static const struct wal_position order[] = {{0, 0}, {0, 1},          {0, UINT32_MAX},         {1, 0},
                                                {1, 2}, {UINT32_MAX, 0}, {UINT32_MAX, UINT32_MAX}};
    const int n = sizeof order / sizeof *order;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            assert_int_equal(wal_position_compare(order[i], order[j]), (i > j) - (i < j));
}

/* Written behind frame 3 of WAL 1, up to frame 6, and not before in that WAL. */
static void lists_what_a_transaction_writes_first(void **state)
{
    static const struct version written[] = {
        {1, {0, 9}}, {2, {1, 2}}, {3, {1, 3}}, {1, {1, 4}},
        {2, {1, 5}}, {4, {1, 6}}, {5, {1, 7}}, {6, {2, 4}},
    };
    struct versions versions = {0};
    struct version *items = malloc(sizeof written);
    uint32_t pages[4];
    bool others;

    memcpy(items, written, sizeof written);
    assert_int_equal(versions_add(&versions, items, sizeof written / sizeof *written), 0);
    const struct wal_position before = {1, 3}, last = {1, 6};
    assert_int_equal(versions_list_new(&versions, before, last, pages, 4, &others), 2);
    assert_int_equal(pages[0], 1);
    assert_int_equal(pages[1], 4);
    assert_true(others);
    assert_int_equal(versions_list_new(&versions, before, last, pages, 1, &others), 1);
    const struct wal_position next = {1, 4};
    assert_int_equal(versions_list_new(&versions, before, next, pages, 4, &others), 1);
    assert_false(others);
    versions_finish(&versions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_search_of_everything_finds),
        cmocka_unit_test(keeps_few_runs_whatever_the_order_of_lengths),
        cmocka_unit_test(takes_both_ends_of_the_range_in),
        cmocka_unit_test(orders_positions_by_index_then_frame),
        cmocka_unit_test(lists_what_a_transaction_writes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
