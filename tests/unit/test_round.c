/* One question to several at once: who is waited for, and whose answer comes later. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/clock.h"
#include "litemount/task.h"
#include "litemount/thread_pool.h"
#include "round.h"

#define PEOPLE 3
#define SHORT (INT64_C(400) * 1000000) /* nanoseconds of patience */

/* What each of them does. */
struct people {
    int answers[PEOPLE];
    atomic_bool silent[PEOPLE]; /* until this is false, or the task is cancelled */
    atomic_uint asked;
};

static int ask(void *context, size_t item, struct task *task)
{
    struct people *people = context;

    atomic_fetch_add(&people->asked, 1);
    while (atomic_load(&people->silent[item]))
        if (task_cancelled(task))
            return -ECANCELED;
    return people->answers[item] < 0 ? task_fail(task, -people->answers[item], "number %zu fails", item)
                                     : people->answers[item];
}

static struct thread_pool *pool;

static int open_pool(void **state)
{
    static const struct thread_pool_bounds bounds[N_THREAD_KINDS] = {[THREADS_ASK] = {PEOPLE, PEOPLE, 0}};
    return thread_pool_open(bounds, &pool);
}

static int close_pool(void **state)
{
    thread_pool_close(pool);
    return 0;
}

static struct round *start(struct people *people)
{
    struct round *round = NULL;
    assert_int_equal(round_open(PEOPLE, pool, ask, people, &round), 0);
    for (size_t i = 0; i < PEOPLE; i++)
        round_start(round, i, NULL, "a test");
    return round;
}

static int taken(struct round *round, size_t item)
{
    char reason[TASK_REASON_SIZE];
    int r;

    if (!round_take(round, item, &r, reason))
        return -EAGAIN;
    if (r < 0)
        assert_non_null(strstr(reason, " fails"));
    return r;
}

static void brings_every_answer(void **state)
{
    struct people people = {.answers = {1, -EIO, 0}};
    struct round *round = start(&people);
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(round_wait(round, ROUND_PATIENCE, &task), 0);
    assert_int_equal(taken(round, 0), 1);
    assert_int_equal(taken(round, 0), -EAGAIN);
    assert_int_equal(taken(round, 1), -EIO);
    assert_int_equal(taken(round, 2), 0);
    assert_int_equal(round_age(round, 0), 0);
    round_close(round);
    assert_int_equal(people.asked, PEOPLE);
}

static void passes_over_who_is_silent(void **state)
{
    struct people people = {.answers = {1, 1, 1}, .silent = {false, true, false}};
    struct round *round = start(&people);
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(round_wait(round, SHORT, &task), 0);
    assert_int_equal(taken(round, 0), 1);
    assert_int_equal(taken(round, 1), -EAGAIN);
    assert_true(round_is_late(round, 1) && round_age(round, 1) > 0);
    assert_false(round_is_late(round, 2));
    assert_int_equal(taken(round, 2), 1);

    /* Who is late already is not waited for again: this would last for ever. */
    round_start(round, 0, NULL, "a test");
    assert_int_equal(round_wait(round, INT64_MAX, &task), 0);
    assert_int_equal(taken(round, 0), 1);
    assert_int_equal(taken(round, 1), -EAGAIN);

    /* But alone he is; and then he was in time. */
    atomic_store(&people.silent[1], false);
    assert_int_equal(round_wait(round, SHORT, &task), 0);
    assert_int_equal(taken(round, 1), 1);
    assert_false(round_is_late(round, 1));
    round_close(round);
}

/* Those who say that they have nothing, or fail, are no reason to go without one who may have something. */
static void waits_for_an_answer_that_is_worth_something(void **state)
{
    struct people people = {.answers = {0, 1, -EIO}, .silent = {false, true, false}};
    struct round *round = start(&people);
    struct task task;

    task_init(&task, NULL);
    task_cancel_later(&task, 4 * SHORT);
    assert_int_equal(round_wait(round, SHORT, &task), -ECANCELED);
    assert_false(round_is_late(round, 1));
    assert_int_equal(taken(round, 0), 0);
    round_close(round); /* ends what is under way */
}

/* No thread is left: what waits for one is passed over too, and need not begin for the round to be closed. */
static void closes_what_has_not_begun(void **state)
{
    struct people silent = {.answers = {1, 1, 1}, .silent = {true, true, true}},
                  people = {.answers = {1, 1, 1}};
    struct round *first = start(&silent), *second = start(&people);
    struct task task;

    task_init(&task, NULL);
    task_cancel_later(&task, SHORT);
    assert_int_equal(round_wait(second, SHORT, &task), -ECANCELED);
    assert_int_equal(taken(second, 0), -EAGAIN);
    round_close(second);
    assert_int_equal(people.asked, 0);
    round_close(first);
}

static void asks_without_threads(void **state)
{
    struct people people = {.answers = {1, 0, 1}};
    struct round *round = NULL;

    assert_int_equal(round_open(PEOPLE, NULL, ask, &people, &round), 0);
    round_start(round, 2, NULL, "a test");
    assert_int_equal(taken(round, 2), 1);
    assert_int_equal(taken(round, 0), -EAGAIN);
    round_close(round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_every_answer),
        cmocka_unit_test(passes_over_who_is_silent),
        cmocka_unit_test(waits_for_an_answer_that_is_worth_something),
        cmocka_unit_test(closes_what_has_not_begun),
        cmocka_unit_test(asks_without_threads),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
