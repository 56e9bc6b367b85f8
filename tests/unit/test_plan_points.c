/* When the state changes, and to what: plan_points over listings that are made by hand, beside plan_make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_sketch.h"

static struct plan plan_at(const struct made_listing *made, int64_t time)
{
    struct plan plan = {0};
    assert_int_equal(plan_make_locked(&made->listing, time, NO_LIMIT, &plan), 0);
    plan_finish(&(struct plan){.chain = plan.chain});
    return plan;
}

static bool is_held(const struct made_listing *made, uint64_t txid)
{
    for (size_t i = 0; i < made->listing.n_files; i++) {
        const struct ltx_file *file = made->files[i];
        if (file->level != 9 && file->learnt.state != LEARNT_DAMAGED && file->min_txid <= txid &&
            txid <= file->max_txid)
            return true;
    }
    return false;
}

/* What is missing at `time` behind `txid`, file by file: up to before the first that is there; 0: nothing, or
 * a file has what is next whose time has not come. */
static uint64_t missing_at(const struct made_listing *made, int64_t time, uint64_t txid)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; i < made->listing.n_files; i++) {
        const struct ltx_file *file = made->files[i];
        bool damaged = file->learnt.state == LEARNT_DAMAGED, counts = damaged || !is_held(made, txid + 1);
        uint64_t first = damaged ? file->max_txid + 1 : file->min_txid;
        if (file->time <= time && file->max_txid > txid && (damaged || file->level != 9) && counts &&
            first < next)
            next = first;
    }
    return next == UINT64_MAX ? 0 : next - 1;
}

static void check_point(const struct plan_point *point, const struct plan *plan, bool is_base)
{
    assert_int_equal(point->txid, plan->txid);
    assert_ptr_equal(point->base, plan->base);
    assert_int_equal(point->last->max_txid, plan->txid);
    assert_int_equal(point->is_base, is_base);
    assert_int_equal(point->last->level == 9, plan->n_chain == 0);
    if (plan->n_chain == 0)
        assert_int_equal(point->last->time, plan->base->time);
}

/* A point is where the plan leads elsewhere, or from another base, than a nanosecond before, and nothing else
 * is: over listings of a base and three files, one of which may be a base too, that come in many orders. What
 * it says of its state is the plan's, and what it says is missing is so until the next one. */
static void test_points_are_where_plans_change(void **state)
{
    for (unsigned bits = 0; bits < 1 << 14; bits++) {
        struct sketch sketches[MAX_FILES] = {{9, 1, 1 + bits % 2, 1 + bits % 3, bits % 7 == 0}};
        struct made_listing made;
        struct plan_points points;
        size_t next = 0;

        for (unsigned i = 0; i < 3; i++) {
            uint64_t min = 1 + (bits >> (1 + 3 * i)) % 4, max = min + (bits >> (3 + 3 * i)) % 2;
            bool base = i == 2 && bits % 5 == 0;
            sketches[i + 1] = (struct sketch){base ? 9 : i, base ? 1 : min, max,
                                              1 + (bits >> (4 + 2 * i)) % 4, bits % 11 == i};
        }
        make_listing(sketches, &made);
        assert_int_equal(plan_points_locked(&made.listing, &points), 0);
        for (int64_t time = 1; time <= 4; time++) {
            struct plan before = plan_at(&made, time - 1), then = plan_at(&made, time);
            bool changed = before.txid != then.txid || before.base != then.base;
            assert_true(changed == (next < points.n && points.items[next].time == time));
            if (changed)
                check_point(&points.items[next], &then, before.base != then.base);
            next += changed;
            if (next && time + 1 == (next < points.n ? points.items[next].time : 5))
                assert_int_equal(points.items[next - 1].missing, missing_at(&made, time, then.txid));
        }
        assert_int_equal(next, points.n);
        free(points.items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_are_where_plans_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
