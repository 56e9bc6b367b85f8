#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/parallel.h"
#include "litemount/task.h"

#define ITEMS 1000

struct tally {
    atomic_int calls[ITEMS];
    atomic_int running, most;
    size_t bad; /* this item fails */
};

static int count_call(void *context, size_t item, struct task *task)
{
    struct tally *tally = context;
    int running = atomic_fetch_add(&tally->running, 1) + 1;
    int most = atomic_load(&tally->most);
    while (running > most && !atomic_compare_exchange_weak(&tally->most, &most, running))
        ;
    atomic_fetch_add(&tally->calls[item], 1);
    atomic_fetch_sub(&tally->running, 1);
    return item == tally->bad ? task_fail(task, EIO, "item %zu", item) : 0;
}

static void does_every_item_once_within_the_limit(void **state)
{
    static struct tally tally = {.bad = SIZE_MAX};
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(parallel_each(ITEMS, 4, count_call, &tally, &task), 0);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(tally.calls[i], 1);
    assert_true(tally.most <= 4);
}

static void tells_the_failure_and_stops(void **state)
{
    static struct tally tally = {.bad = 3};
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(parallel_each(ITEMS, 1, count_call, &tally, &task), -EIO);
    assert_string_equal(task_reason(&task, EIO), "item 3");
    assert_int_equal(tally.calls[4], 0);
    assert_false(task_cancelled(&task));
}

static void gives_up_when_cancelled(void **state)
{
    static struct tally tally = {.bad = SIZE_MAX};
    struct task parent, task;
    task_init(&parent, NULL);
    task_init(&task, &parent);
    task_cancel(&parent);
    assert_int_equal(parallel_each(ITEMS, 4, count_call, &tally, &task), -ECANCELED);
    assert_int_equal(tally.calls[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_every_item_once_within_the_limit),
        cmocka_unit_test(tells_the_failure_and_stops),
        cmocka_unit_test(gives_up_when_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
