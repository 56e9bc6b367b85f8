#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "litemount/task.h"
#include "litemount/thread_pool.h"

static atomic_uint ran, cancelled;
static atomic_bool held;

static void count(void *context, struct task *task)
{
    atomic_fetch_add(&ran, 1);
    atomic_fetch_add(&cancelled, task_cancelled(task));
}

/* Keeps a thread busy until it is let go, or cancelled. */
static void hold(void *context, struct task *task)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    atomic_store(&held, true);
    while (!task_cancelled(task))
        nanosleep(&moment, NULL);
    count(context, task);
}

static void runs_every_job_once(void **state)
{
    struct thread_pool *pool;
    unsigned refused = 0;

    atomic_store(&ran, 0);
    assert_int_equal(thread_pool_open(4, 8, &pool), 0);
    for (int i = 0; i < 1000; i++)
        refused += !thread_pool_add(pool, NULL, count, NULL);
    thread_pool_close(pool);
    assert_int_equal(ran + refused, 1000);
    assert_true(ran >= 8);
}

static void refuses_what_has_no_room_and_cancels_the_rest(void **state)
{
    struct thread_pool *pool;

    atomic_store(&ran, 0);
    atomic_store(&cancelled, 0);
    assert_int_equal(thread_pool_open(1, 3, &pool), 0);
    assert_true(thread_pool_add(pool, NULL, hold, NULL));
    while (!held)
        ;
    for (int i = 0; i < 3; i++)
        assert_true(thread_pool_add(pool, NULL, count, NULL));
    assert_false(thread_pool_add(pool, NULL, count, NULL));
    thread_pool_close(pool);
    assert_int_equal(ran, 4);
    assert_int_equal(cancelled, 4);
}

static void tell(void *context, struct task *task)
{
    atomic_store((atomic_bool *)context, true);
}

/* All of one holder's threads are busy, and jobs wait for them. */
static void holders_do_not_wait_for_each_other(void **state)
{
    struct thread_pool *pool;
    atomic_bool told = false;

    assert_int_equal(thread_pool_open(2, 4, &pool), 0);
    while (thread_pool_add(pool, "silent", hold, NULL))
        ;
    assert_true(thread_pool_add(pool, "good", tell, &told));
    while (!told)
        ;
    thread_pool_close(pool);
}

/* More holders than there are threads for share some. */
static void any_number_of_holders_is_served(void **state)
{
    const char holders[THREAD_POOL_HOLDERS * 64] = "";
    struct thread_pool *pool;
    unsigned added = 0;

    atomic_store(&ran, 0);
    assert_int_equal(thread_pool_open(1, sizeof holders, &pool), 0);
    for (size_t i = 0; i < sizeof holders; i++)
        added += thread_pool_add(pool, &holders[i], count, NULL);
    thread_pool_close(pool);
    assert_int_equal(added, sizeof holders);
    assert_int_equal(ran, sizeof holders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_job_once),
        cmocka_unit_test(refuses_what_has_no_room_and_cancels_the_rest),
        cmocka_unit_test(holders_do_not_wait_for_each_other),
        cmocka_unit_test(any_number_of_holders_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
