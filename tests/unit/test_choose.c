/* Which generation an instant belongs to, against the rules of Litestream v0.3.13's CalcRestoreTarget, and
 * ours where it fails. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "choose.h"
#include "fake_state.h"
#include "litemount/instant.h"
#include "litemount/task.h"

#define MOST_POINTS 4
#define MOST_GENERATIONS 4

/* A generation that says what the test wants. Its state at a time is its newest point at or before it. */
struct fake {
    struct generation base;
    const struct plan *plan;
};

struct plan {
    const char *name;
    int64_t earliest, latest;       /* of all objects; earliest > latest: there are none */
    int64_t points[MOST_POINTS];    /* ascending, the rest 0 */
    size_t promised;                /* the first so many are only promised by names: what opens is older */
    int failure;                    /* of open_at */
    bool is_ltx;                    /* of the other format */
    int64_t snapshots[MOST_POINTS]; /* as points */
};

static bool fake_bounds(struct generation *base, struct generation_listing *listing, int64_t *ret_earliest,
                        int64_t *ret_latest)
{
    const struct plan *plan = ((struct fake *)base)->plan;
    *ret_earliest = plan->earliest;
    *ret_latest = plan->latest;
    return plan->earliest <= plan->latest;
}

static bool newest(const struct plan *plan, size_t n, int64_t time, int64_t *ret_point)
{
    bool found = false;
    for (size_t i = 0; i < n && plan->points[i]; i++)
        if (plan->points[i] <= time) {
            *ret_point = plan->points[i];
            found = true;
        }
    return found;
}

static bool fake_point_at(struct generation *base, struct generation_listing *listing, int64_t time,
                          int64_t *ret_point)
{
    return newest(((struct fake *)base)->plan, MOST_POINTS, time, ret_point);
}

static int fake_open_at(struct generation *base, struct generation_listing *listing, int64_t time,
                        struct task *task, struct state **ret_state)
{
    const struct plan *plan = ((struct fake *)base)->plan;
    int64_t point, promised = 0;

    assert_ptr_equal(task->holder, base->store);
    if (plan->failure < 0)
        return task_fail(task, -plan->failure, "%s fails", plan->name);
    if (!newest(plan, plan->promised ? plan->promised : MOST_POINTS, time, &point))
        return -ENOENT;
    *ret_state = fake_state(generation_ref(base), 1, point);
    if (newest(plan, MOST_POINTS, time, &promised) && promised > point)
        (*ret_state)->gap = strdup("a hole");
    if (asprintf(&(*ret_state)->position, "%lld", (long long)point) < 0)
        return -ENOMEM;
    return 0;
}

/* Positions are times here; the last object covers 20. */
static bool fake_goes_beyond(struct generation *base, struct generation_listing *listing, int64_t time,
                             const char *position)
{
    const struct plan *plan = ((struct fake *)base)->plan;
    return (plan->latest < time ? plan->latest : time) - 20 >= atoll(position);
}

static int fake_list_objects(struct generation *base, struct generation_listing *listing,
                             enum object_kind kind, struct listed_objects *objects)
{
    const struct plan *plan = ((struct fake *)base)->plan;

    assert_int_equal(kind, OBJECT_SNAPSHOT);
    for (size_t i = 0; i < MOST_POINTS && plan->snapshots[i]; i++) {
        const struct listed_object snapshot = {.created = plan->snapshots[i]};
        assert_int_equal(listed_objects_add(objects, &snapshot), 0);
    }
    return 0;
}

#define FAKE_OPS                                                                                             \
    {                                                                                                        \
        .learn_times = fake_generation_learn_times, .bounds = fake_bounds, .point_at = fake_point_at,        \
        .open_at = fake_open_at, .list_objects = fake_list_objects, .goes_beyond = fake_goes_beyond,         \
        .close = fake_generation_close                                                                       \
    }

static const struct generation_ops v03_ops = FAKE_OPS, ltx_ops = FAKE_OPS;

static struct generation_listing fake_listing = {.references = 1}; /* it is never let go */

static struct generation *fake_generation(const struct plan *plan)
{
    struct fake *fake = calloc(1, sizeof *fake);
    fake->base.ops = plan->is_ltx ? &ltx_ops : &v03_ops;
    fake->base.name = strdup(plan->name);
    fake->base.listing = &fake_listing;
    fake->base.store = plan;
    atomic_init(&fake->base.references, 1);
    pthread_mutex_init(&fake->base.lock, NULL);
    fake->plan = plan;
    return &fake->base;
}

static struct generations make(const struct plan *plans)
{
    struct generations generations = {0};
    for (size_t i = 0; i < MOST_GENERATIONS && plans[i].name; i++)
        assert_int_equal(generations_add(&generations, fake_generation(&plans[i])), 0);
    return generations;
}

/* Asks for each of the times; `expected` is the generation, "" for none; `point` the state's time. */
struct question {
    int64_t time;
    const char *expected;
    int64_t point;
};

static void ask_all(const struct plan *plans, const struct question *questions, size_t n)
{
    struct generations generations = make(plans);
    for (size_t i = 0; i < n; i++) {
        struct state *found = NULL;
        struct task task;
        task_init(&task, NULL);
        int r = choose_state(&generations, questions[i].time, &task, &found);
        assert_int_equal(r, *questions[i].expected ? 0 : -ENOENT);
        if (r < 0)
            continue;
        assert_string_equal(state_generation(found), questions[i].expected);
        assert_int_equal(state_time(found), questions[i].point);
        state_unref(found);
    }
    generations_finish(&generations);
}

#define ASK_ALL(plans, questions) ask_all(plans, questions, sizeof(questions) / sizeof *(questions))

static void takes_the_generation_that_contains_the_time(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 200, {110, 200}, 0, 0, false, {0}},
                                                        {"b", 300, 400, {310, 400}, 0, 0, false, {0}}};
    static const struct question questions[] = {
        {99, "", 0},     {100, "", 0},    {109, "", 0},    {110, "a", 110}, {199, "a", 110},
        {200, "a", 200}, {310, "b", 310}, {399, "b", 310}, {400, "b", 400}, {INSTANT_MAX, "b", 400},
        {250, "a", 200}, /* between two, litestream restore refuses */
        {300, "a", 200}, /* b has no snapshot yet: it refuses */
        {500, "b", 400}, /* after the last object, too */
    };
    ASK_ALL(plans, questions);
}

/* Also where another one of them has the newer state. */
static void takes_the_one_that_ends_last_of_several(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 300, {100, 240}, 0, 0, false, {0}},
                                                        {"b", 200, 400, {200, 400}, 0, 0, false, {0}},
                                                        {"c", 150, 350, {150, 245}, 0, 0, false, {0}}};
    static const struct question questions[] = {
        {149, "a", 100}, {150, "c", 150}, {199, "c", 150}, {200, "b", 200},         {250, "b", 200},
        {301, "b", 200}, {400, "b", 400}, {450, "b", 400}, {INSTANT_MAX, "b", 400},
    };
    ASK_ALL(plans, questions);
}

#define MS(milliseconds) ((milliseconds)*INSTANT_MILLISECOND)

/* An upgrade, and back for a while: where the newer program takes the newest snapshot. */
static void takes_the_newest_snapshot_of_two_formats(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {
        {"a", MS(100), MS(200), {MS(100), MS(190)}, 0, 0, false, {MS(100)}},
        {"b", MS(400), MS(500), {MS(400), MS(450)}, 0, 0, false, {MS(400)}},
        {"ltx", MS(150), MS(600), {MS(150), MS(195), MS(300), MS(600)}, 0, 0, true, {MS(250)}}};
    static const struct question questions[] = {
        {MS(140), "a", MS(100)},   {MS(151), "a", MS(100)},       {MS(196), "a", MS(190)},
        {MS(195), "ltx", MS(195)}, /* its own time */
        {MS(240), "a", MS(190)},   {MS(255), "ltx", MS(195)},     {MS(399), "ltx", MS(300)},
        {MS(401), "b", MS(400)},   {MS(450), "b", MS(450)},       {MS(599), "b", MS(450)},
        {MS(600), "ltx", MS(600)}, {INSTANT_MAX, "ltx", MS(600)},
    };
    ASK_ALL(plans, questions);
}

/* CalcRestoreTarget replaces its choice only by one that ends later. */
static void takes_the_first_of_several_that_end_at_once(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 300, {100}, 0, 0, false, {0}},
                                                        {"b", 50, 300, {200}, 0, 0, false, {0}},
                                                        {"c", 50, 299, {250}, 0, 0, false, {0}}};
    static const struct question questions[] = {{260, "a", 100}, {300, "a", 100}, {INSTANT_MAX, "a", 100}};
    ASK_ALL(plans, questions);
}

/* Ours is the newest state at or before the time over all of them. */
static void asks_the_others_where_the_choice_has_no_state(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 200, {100, 190}, 0, 0, false, {0}},
                                                        {"b", 150, 250, {150, 195}, 0, 0, false, {0}},
                                                        {"c", 180, 900, {0}, 0, 0, false, {0}},
                                                        {"d", 1, 0, {0}, 0, 0, false, {0}}};
    static const struct question questions[] = {
        {185, "b", 150}, {190, "a", 190}, {194, "a", 190},
        {195, "b", 195}, {800, "b", 195}, {INSTANT_MAX, "b", 195},
    };
    ASK_ALL(plans, questions);
}

/* Names promise 190 and 195, but what is sound ends at 110 and 170. */
static void passes_over_promises_that_damage_broke(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 200, {110, 190}, 1, 0, false, {0}},
                                                        {"b", 100, 250, {105, 195}, 1, 0, false, {0}},
                                                        {"c", 120, 170, {120, 170}, 0, 0, false, {0}}};
    static const struct question questions[] = {{300, "c", 170}, {260, "c", 170}, {115, "b", 105}};
    ASK_ALL(plans, questions);
}

/* That the one which goes on longest is not to be had must be told, and nothing else: a point that is asked
 * for by its own time is all that was asked for. */
static void tells_what_is_newer_and_lost(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {
        {"a", MS(100), MS(200), {MS(110), MS(200)}, 0, 0, false, {0}},
        {"b", MS(300), MS(400), {MS(310)}, 0, -EIO, false, {0}},
        {"c", MS(500), MS(600), {MS(520), MS(600)}, 0, 0, false, {0}},
        {"d", MS(700), MS(800), {0}, 0, 0, false, {0}}};
    static const struct {
        int64_t time;
        const char *expected, *gap; /* a part of it; NULL: none */
    } cases[] = {
        {MS(150), "a", NULL},
        {MS(250), "a", NULL}, /* nothing is lost between two */
        {MS(305), "a", "generation b can't be read: b fails"},
        {MS(450), "a", "generation b can't be read: b fails"},
        {MS(510), "a", "generation c, which goes on until 1970-01-01T00:00:00.600Z, has no usable"},
        {MS(200), "a", NULL},
        {MS(525), "c", NULL},
        {MS(650), "c", NULL},
        {MS(700), "c", "generation d, which goes on until 1970-01-01T00:00:00.800Z, has no usable"},
        {MS(900), "c", "generation d"},
        {MS(600), "c", NULL},
        {INSTANT_MAX, "c", "generation d"},
    };
    struct generations generations = make(plans);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct state *found = NULL;
        struct task task;
        task_init(&task, NULL);
        assert_int_equal(choose_state(&generations, cases[i].time, &task, &found), 0);
        assert_string_equal(state_generation(found), cases[i].expected);
        if (cases[i].gap)
            assert_non_null(strstr(state_gap(found), cases[i].gap));
        else
            assert_null(state_gap(found));
        state_unref(found);
    }
    generations_finish(&generations);
}

/* Of one generation in two replicas the one that was updated last answers. Where it can't, what the other
 * lacks counts: what begins before the other's end is there. */
static void asks_the_other_replica_of_the_same_generation(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 400, {110, 400}, 0, 0, false, {0}},
                                                        {"a", 100, 500, {120, 460, 500}, 1, 0, false, {0}},
                                                        {"a", 100, 490, {130, 440, 485}, 0, 0, false, {0}}};
    static const struct {
        int64_t time, point;
        bool is_lost;
    } cases[] = {
        {200, 120, false}, /* not 130: it is the second's that ends last */
        {470, 440, true},
        {495, 485, false},
        {INSTANT_MAX, 485, false},
    };
    struct generations generations = make(plans);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct state *found = NULL;
        struct task task;
        task_init(&task, NULL);
        assert_int_equal(choose_state(&generations, cases[i].time, &task, &found), 0);
        assert_int_equal(state_time(found), cases[i].point);
        assert_int_equal(state_gap(found) != NULL, cases[i].is_lost);
        state_unref(found);
    }
    generations_finish(&generations);
}

static int ask_two(int failure, int64_t time, struct task *task, struct state **ret_state)
{
    const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 200, {100}, 0, 0, false, {0}},
                                                 {"b", 300, 400, {300}, 0, failure, false, {0}}};
    struct generations generations = make(plans);

    task_init(task, NULL);
    int r = choose_state(&generations, time, task, ret_state);
    generations_finish(&generations);
    return r;
}

/* A store that does not answer may the next time: what else it holds is no answer. */
static void takes_no_older_one_for_a_store_that_is_silent(void **state)
{
    static const int failures[] = {-ETIMEDOUT, -EREMOTEIO, -ESTALE, -ECANCELED};
    static const int64_t times[] = {350, 450, INSTANT_MAX};
    struct state *found = NULL;
    struct task task;

    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        for (size_t j = 0; j < sizeof times / sizeof *times; j++) {
            assert_int_equal(ask_two(failures[i], times[j], &task, &found), failures[i]);
            assert_string_equal(task_reason(&task, failures[i]), "b fails");
        }
    assert_int_equal(ask_two(-EACCES, 350, &task, &found), 0);
    state_unref(found);
}

static void tells_why_none_can_be_read(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{"a", 100, 200, {0}, 0, 0, false, {0}},
                                                        {"b", 300, 400, {300}, 0, -EIO, false, {0}}};
    struct generations generations = make(plans);
    struct state *found = NULL;
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(choose_state(&generations, INSTANT_MAX, &task, &found), -EIO);
    assert_string_equal(task_reason(&task, -EIO), "b fails");
    generations_finish(&generations);
}

static void has_no_state_without_generations(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{0}};
    static const struct question questions[] = {{100, "", 0}, {INSTANT_MAX, "", 0}};
    ASK_ALL(plans, questions);
}

static void finds_generations_by_name_and_copies_references(void **state)
{
    static const struct plan plans[MOST_GENERATIONS] = {{.name = "a"}, {.name = "b"}};
    struct generations generations = make(plans), copy = {0};

    assert_int_equal(generations_copy(&generations, &copy), 0);
    assert_int_equal(copy.n, 2);
    assert_ptr_equal(generations_find(&copy, "b"), generations.items[1]);
    assert_null(generations_find(&copy, "c"));
    generations_finish(&generations);
    assert_string_equal(copy.items[1]->name, "b");
    generations_finish(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_generation_that_contains_the_time),
        cmocka_unit_test(takes_the_newest_snapshot_of_two_formats),
        cmocka_unit_test(takes_the_one_that_ends_last_of_several),
        cmocka_unit_test(takes_the_first_of_several_that_end_at_once),
        cmocka_unit_test(asks_the_others_where_the_choice_has_no_state),
        cmocka_unit_test(passes_over_promises_that_damage_broke),
        cmocka_unit_test(tells_what_is_newer_and_lost),
        cmocka_unit_test(asks_the_other_replica_of_the_same_generation),
        cmocka_unit_test(takes_no_older_one_for_a_store_that_is_silent),
        cmocka_unit_test(tells_why_none_can_be_read),
        cmocka_unit_test(has_no_state_without_generations),
        cmocka_unit_test(finds_generations_by_name_and_copies_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
