/* Which LTX files make a state: plan_make and plan_reachable, over listings that are made by hand.
 *
 * The wanted plans follow Litestream v0.5 replica.go (CalcRestorePlan), but that a file's own time counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "litemount/instant.h"
#include "plan_sketch.h"

#define ALL INSTANT_MAX, NO_LIMIT
#define NO_BASE (-1)
#define END (-1)
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* --- plans --- */

struct plan_case {
    const char *what;
    struct sketch files[MAX_FILES];
    int64_t time;
    uint64_t limit;
    uint64_t txid;        /* where the plan leads; 0: nowhere */
    int base;             /* its number, or NO_BASE */
    int chain[MAX_FILES]; /* numbers, ended by END */
};

static const struct plan_case plan_cases[] = {
    {"nothing at all", {{0}}, ALL, 0, NO_BASE, {END}},
    {"the newest base", {{9, 1, 5, 50, false}, {9, 1, 8, 80, false}}, ALL, 8, 1, {END}},
    {"a base and what follows it",
     {{9, 1, 5, 50, false}, {0, 6, 6, 60, false}, {0, 7, 7, 70, false}},
     ALL,
     7,
     0,
     {1, 2, END}},
    {"without a base, from the first file, which is an image",
     {{1, 1, 1, 10, false}, {1, 2, 4, 40, false}, {0, 5, 5, 50, false}},
     ALL,
     5,
     NO_BASE,
     {0, 1, 2, END}},
    {"without a base, nothing leads to what begins later",
     {{0, 2, 2, 20, false}, {0, 3, 3, 30, false}},
     ALL,
     0,
     NO_BASE,
     {END}},

    {"the file that reaches farthest, whatever its level",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {1, 3, 5, 50, false}, {2, 1, 8, 80, false}},
     ALL,
     8,
     0,
     {3, END}},
    {"files that overlap",
     {{9, 1, 3, 30, false}, {1, 2, 5, 50, false}, {1, 4, 7, 70, false}, {0, 7, 8, 80, false}},
     ALL,
     8,
     0,
     {2, 3, END}},
    {"of equal reach, the one that begins first",
     {{9, 1, 3, 30, false}, {1, 4, 6, 60, false}, {2, 2, 6, 60, false}},
     ALL,
     6,
     0,
     {2, END}},
    {"of equal range, the highest level",
     {{9, 1, 3, 30, false}, {1, 4, 6, 60, false}, {3, 4, 6, 60, false}, {2, 4, 6, 60, false}},
     ALL,
     6,
     0,
     {2, END}},

    {"a gap ends it",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {0, 5, 5, 50, false}, {0, 6, 6, 60, false}},
     ALL,
     3,
     0,
     {1, END}},
    {"a gap that a higher level covers is none",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {0, 5, 5, 50, false}, {1, 3, 4, 40, false}},
     ALL,
     5,
     0,
     {3, 2, END}},
    {"a base behind the gap begins it again",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {0, 6, 6, 60, false}, {9, 1, 5, 50, false}},
     ALL,
     6,
     3,
     {2, END}},

    {"at equal TXID the base, not what leads there",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {9, 1, 3, 35, false}},
     ALL,
     3,
     2,
     {END}},
    {"at equal TXID, before the base's time what leads there",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {9, 1, 3, 35, false}},
     34,
     NO_LIMIT,
     3,
     0,
     {1, END}},
    {"of two bases of one TXID the later", {{9, 1, 3, 30, false}, {9, 1, 3, 35, false}}, ALL, 3, 1, {END}},

    {"a file's own time counts", {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}}, 30, NO_LIMIT, 3, 0, {1, END}},
    {"a nanosecond before it does not",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}},
     29,
     NO_LIMIT,
     2,
     0,
     {END}},
    {"before the first there is nothing", {{9, 1, 2, 20, false}}, 19, NO_LIMIT, 0, NO_BASE, {END}},
    {"what was compacted later is not seen earlier",
     {{9, 1, 2, 20, false}, {1, 3, 6, 60, false}, {0, 3, 3, 30, false}, {0, 4, 4, 40, false}},
     45,
     NO_LIMIT,
     4,
     0,
     {2, 3, END}},
    {"times that do not follow TXIDs",
     {{9, 1, 2, 20, false}, {0, 3, 3, 50, false}, {0, 4, 4, 40, false}},
     45,
     NO_LIMIT,
     2,
     0,
     {END}},

    {"not beyond a TXID",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {0, 4, 4, 40, false}, {9, 1, 4, 45, false}},
     INSTANT_MAX,
     3,
     3,
     0,
     {1, END}},
    {"not by a file that reaches beyond a TXID",
     {{9, 1, 2, 20, false}, {1, 3, 6, 60, false}, {0, 3, 3, 30, false}},
     INSTANT_MAX,
     5,
     3,
     0,
     {2, END}},
    {"the last TXID that there can be",
     {{9, 1, NO_LIMIT - 1, 20, false}, {0, NO_LIMIT, NO_LIMIT, 30, false}},
     ALL,
     NO_LIMIT,
     0,
     {1, END}},

    {"around a damaged base",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {0, 4, 4, 40, false}, {9, 1, 4, 45, true}},
     ALL,
     4,
     0,
     {1, 2, END}},
    {"around a damaged file by another level",
     {{9, 1, 2, 20, false}, {1, 3, 4, 40, true}, {0, 3, 3, 30, false}, {0, 4, 4, 40, false}},
     ALL,
     4,
     0,
     {2, 3, END}},
    {"up to a damaged file that nothing replaces",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, false}, {0, 4, 4, 40, true}, {0, 5, 5, 50, false}},
     ALL,
     3,
     0,
     {1, END}},
};

static int number_of(const struct made_listing *made, const struct ltx_file *file)
{
    return file ? (int)(file - made->storage) : NO_BASE;
}

static void check_chain(const struct plan_case *wanted, const struct made_listing *made,
                        const struct plan *plan)
{
    size_t n = 0;

    for (; wanted->chain[n] != END; n++) {
        assert_true(n < plan->n_chain);
        assert_int_equal(number_of(made, plan->chain[n]), wanted->chain[n]);
    }
    assert_int_equal(plan->n_chain, n);
    assert_int_equal(number_of(made, plan_last(plan)), n ? wanted->chain[n - 1] : wanted->base);
}

static void test_plans(void **state)
{
    for (size_t i = 0; i < COUNT(plan_cases); i++) {
        const struct plan_case *wanted = &plan_cases[i];
        struct made_listing made;
        struct plan plan = {0};

        print_message("%s\n", wanted->what);
        make_listing(wanted->files, &made);
        assert_int_equal(plan_make_locked(&made.listing, wanted->time, wanted->limit, &plan), 0);
        assert_true(plan.txid == wanted->txid);
        assert_int_equal(number_of(&made, plan.base), wanted->base);
        check_chain(wanted, &made, &plan);
        plan_finish(&plan);
    }
}

/* --- positions --- */

struct reach_case {
    const char *what;
    struct sketch files[MAX_FILES];
    uint64_t txids[MAX_FILES]; /* ended by 0 */
};

static const struct reach_case reach_cases[] = {
    {"nothing at all", {{0}}, {0}},
    {"each TXID once, ascending",
     {{0, 4, 4, 40, false}, {9, 1, 2, 20, false}, {1, 3, 4, 40, false}, {0, 3, 3, 30, false}},
     {2, 3, 4, 0}},
    {"without a base", {{1, 1, 1, 10, false}, {1, 2, 4, 40, false}}, {1, 4, 0}},
    {"none behind a gap", {{9, 1, 2, 20, false}, {0, 4, 4, 40, false}, {0, 5, 5, 50, false}}, {2, 0}},
    {"but behind a base",
     {{9, 1, 2, 20, false}, {0, 4, 4, 40, false}, {9, 1, 5, 50, false}, {0, 6, 6, 60, false}},
     {2, 5, 6, 0}},
    {"inside a compacted range only where level 0 leads",
     {{9, 1, 2, 20, false}, {1, 3, 6, 60, false}, {0, 5, 5, 50, false}, {0, 6, 6, 60, false}},
     {2, 6, 0}},
    {"by files that overlap",
     {{9, 1, 3, 30, false}, {1, 2, 5, 50, false}, {1, 4, 7, 70, false}},
     {3, 5, 7, 0}},
    {"none that only damage leads to",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, true}, {0, 4, 4, 40, false}, {9, 1, 6, 60, true}},
     {2, 0}},
    {"around damage",
     {{9, 1, 2, 20, false}, {0, 3, 3, 30, true}, {1, 3, 4, 40, false}, {0, 5, 5, 50, false}},
     {2, 4, 5, 0}},
};

static void test_reachable(void **state)
{
    for (size_t i = 0; i < COUNT(reach_cases); i++) {
        const struct reach_case *wanted = &reach_cases[i];
        struct made_listing made;
        struct plan_end ends[MAX_FILES];
        size_t n = 0;

        print_message("%s\n", wanted->what);
        make_listing(wanted->files, &made);
        size_t found = plan_reachable_locked(&made.listing, ends);
        for (; wanted->txids[n]; n++) {
            assert_true(n < found);
            assert_true(ends[n].txid == wanted->txids[n]);
        }
        assert_int_equal(found, n);
    }
}

/* What is reachable is where a plan leads that must not go beyond it, from that plan's base, and nothing else
 * is: over all listings of three short files upon a base, one of which may be a base too. */
static void test_plans_lead_where_is_reachable(void **state)
{
    for (unsigned bits = 0; bits < 1 << 12; bits++) {
        struct sketch sketches[MAX_FILES] = {{9, 1, 1 + bits % 2, 1, false}};
        struct made_listing made;
        struct plan_end ends[MAX_FILES];

        for (unsigned i = 0; i < 3; i++) {
            uint64_t min = 2 + (bits >> (1 + 3 * i)) % 4, max = min + (bits >> (3 + 3 * i)) % 2;
            bool base = i == 2 && bits % 5 == 0;
            sketches[i + 1] = (struct sketch){base ? 9 : i, base ? 1 : min, max, 1 + base, false};
        }
        make_listing(sketches, &made);
        size_t n = plan_reachable_locked(&made.listing, ends), next = 0;
        for (uint64_t txid = 1; txid < 8; txid++) {
            struct plan plan = {0};
            assert_int_equal(plan_make_locked(&made.listing, INSTANT_MAX, txid, &plan), 0);
            bool leads = plan.txid == txid;
            assert_true(leads == (next < n && ends[next].txid == txid));
            if (leads)
                assert_ptr_equal(ends[next].base, plan.base);
            next += leads;
            plan_finish(&plan);
        }
        assert_int_equal(next, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_reachable),
        cmocka_unit_test(test_plans_lead_where_is_reachable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
