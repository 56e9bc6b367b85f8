#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "litemount/task.h"
#include "litemount/thread_pool.h"

static atomic_uint ran, cancelled, held;

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

static struct thread_pool *open_pool(unsigned each, unsigned all, unsigned waiting)
{
    const struct thread_pool_bounds bounds = {each, all, waiting};
    const struct thread_pool_bounds all_bounds[N_THREAD_KINDS] = {bounds, bounds, bounds};
    struct thread_pool *pool;

    atomic_store(&ran, 0);
    atomic_store(&cancelled, 0);
    atomic_store(&held, 0);
    assert_int_equal(thread_pool_open(all_bounds, &pool), 0);
    return pool;
}

static void count(struct thread_pool_work *work, struct task *task)
{
    atomic_fetch_add(&ran, 1);
    atomic_fetch_add(&cancelled, task_cancelled(task));
    free(work);
}

/* Keeps a thread busy until it is cancelled. */
static void hold(struct thread_pool_work *work, struct task *task)
{
    atomic_fetch_add(&held, 1);
    while (!task_cancelled(task))
        pause_a_moment();
    count(work, task);
}

static bool add(struct thread_pool *pool, enum thread_pool_kind kind, const void *holder,
                void (*run)(struct thread_pool_work *work, struct task *task))
{
    struct thread_pool_work *work = malloc(sizeof *work);

    *work = (struct thread_pool_work){.run = run, .holder = holder};
    bool added = thread_pool_add(pool, kind, work);
    if (!added)
        free(work);
    return added;
}

static void runs_every_job_once(void **state)
{
    struct thread_pool *pool = open_pool(4, 4, 8);
    unsigned refused = 0;

    for (int i = 0; i < 1000; i++)
        refused += !add(pool, THREADS_AHEAD, NULL, count);
    thread_pool_close(pool);
    assert_int_equal(ran + refused, 1000);
    assert_true(ran >= 8);
}

static void refuses_what_has_no_room_and_cancels_the_rest(void **state)
{
    struct thread_pool *pool = open_pool(1, 1, 3);

    assert_true(add(pool, THREADS_AHEAD, NULL, hold));
    while (!held)
        pause_a_moment();
    for (int i = 0; i < 3; i++)
        assert_true(add(pool, THREADS_AHEAD, NULL, count));
    assert_false(add(pool, THREADS_AHEAD, NULL, count));
    thread_pool_close(pool);
    assert_int_equal(ran, 4);
    assert_int_equal(cancelled, 4);
}

/* All of one holder's threads are busy, and jobs wait for them. */
static void holders_do_not_wait_for_each_other(void **state)
{
    static const char holders[20];
    struct thread_pool *pool = open_pool(2, 32, 4);

    for (size_t i = 1; i < 16; i++)
        while (add(pool, THREADS_AHEAD, &holders[i], hold))
            ;
    while (held < 16) /* those that came late have one each */
        pause_a_moment();
    assert_true(add(pool, THREADS_AHEAD, &holders[0], count));
    while (!ran)
        pause_a_moment();
    thread_pool_close(pool);
}

/* What needs a thread of its own gets one, whatever else is under way. */
static void kinds_do_not_wait_for_each_other(void **state)
{
    struct thread_pool *pool = open_pool(2, 2, 2);

    while (add(pool, THREADS_AHEAD, NULL, hold))
        ;
    assert_true(add(pool, THREADS_ASK, NULL, count));
    while (!ran)
        pause_a_moment();
    thread_pool_close(pool);
}

static void any_number_of_holders_is_served(void **state)
{
    static const char holders[512];
    struct thread_pool *pool = open_pool(1, 2, sizeof holders);
    unsigned added = 0;

    for (size_t i = 0; i < sizeof holders; i++)
        added += add(pool, THREADS_AHEAD, &holders[i], count);
    thread_pool_close(pool);
    assert_int_equal(added, sizeof holders);
    assert_int_equal(ran, sizeof holders);
}

static void gives_back_what_has_not_begun(void **state)
{
    struct thread_pool *pool = open_pool(1, 1, 0);
    struct thread_pool_work work = {.run = count};

    assert_true(add(pool, THREADS_ASK, NULL, hold));
    while (!held)
        pause_a_moment();
    assert_true(thread_pool_add(pool, THREADS_ASK, &work));
    assert_true(thread_pool_take_back(pool, THREADS_ASK, &work));
    assert_false(thread_pool_take_back(pool, THREADS_ASK, &work));
    thread_pool_close(pool);
    assert_int_equal(ran, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_job_once),
        cmocka_unit_test(refuses_what_has_no_room_and_cancels_the_rest),
        cmocka_unit_test(holders_do_not_wait_for_each_other),
        cmocka_unit_test(kinds_do_not_wait_for_each_other),
        cmocka_unit_test(any_number_of_holders_is_served),
        cmocka_unit_test(gives_back_what_has_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
