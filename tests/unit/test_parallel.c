#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "litemount/parallel.h"
#include "litemount/task.h"
#include "litemount/thread_pool.h"

#define ITEMS 1000

struct tally {
    atomic_int calls[ITEMS];
    atomic_int running, most;
    size_t bad; /* this item fails */
};

static struct thread_pool *pool;

/* So few threads that work which waits for work has to do it itself. */
static int open_pool(void **state)
{
    static const struct thread_pool_bounds bounds[N_THREAD_KINDS] = {[THREADS_HELP] = {2, 4, 0}};
    return thread_pool_open(bounds, &pool);
}

static int close_pool(void **state)
{
    thread_pool_close(pool);
    return 0;
}

static void task_begin(struct task *task)
{
    task_init(task, thread_pool_task(pool));
}

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    nanosleep(&moment, NULL);
}

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
    task_begin(&task);
    assert_int_equal(parallel_each(ITEMS, 4, count_call, &tally, &task), 0);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(tally.calls[i], 1);
    assert_true(tally.most <= 4);
}

static void tells_the_failure_and_stops(void **state)
{
    static struct tally tally = {.bad = 3};
    struct task task;
    task_begin(&task);
    assert_int_equal(parallel_each(ITEMS, 1, count_call, &tally, &task), -EIO);
    assert_string_equal(task_reason(&task, EIO), "item 3");
    assert_int_equal(tally.calls[4], 0);
    assert_false(task_cancelled(&task));
}

static void gives_up_when_cancelled(void **state)
{
    static struct tally tally = {.bad = SIZE_MAX};
    struct task parent, task;
    task_begin(&parent);
    task_init(&task, &parent);
    task_cancel(&parent);
    assert_int_equal(parallel_each(ITEMS, 4, count_call, &tally, &task), -ECANCELED);
    assert_int_equal(tally.calls[0], 0);
}

static void does_without_threads(void **state)
{
    static struct tally tally = {.bad = SIZE_MAX};
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(parallel_each(ITEMS, 4, count_call, &tally, &task), 0);
    assert_int_equal(tally.most, 1);
}

/* The other threads come as soon as the first item waits for them. */
static int wait_for_company(void *context, size_t item, struct task *task)
{
    atomic_int *present = context;

    atomic_fetch_add(present, 1);
    while (*present < 3)
        pause_a_moment();
    return 0;
}

static void is_helped(void **state)
{
    atomic_int present = 0;
    struct task task;
    task_begin(&task);
    assert_int_equal(parallel_each(3, 3, wait_for_company, &present, &task), 0);
}

static int count_nested(void *context, size_t item, struct task *task)
{
    atomic_fetch_add((atomic_int *)context, 1);
    if (item % 10 == 0)
        pause_a_moment();
    return 0;
}

static int begin_nested(void *context, size_t item, struct task *task)
{
    return parallel_each(100, 64, count_nested, context, task);
}

static void nests_without_a_thread_to_spare(void **state)
{
    atomic_int calls = 0;
    struct task task;
    task_begin(&task);
    assert_int_equal(parallel_each(100, 64, begin_nested, &calls, &task), 0);
    assert_int_equal(calls, 100 * 100);
}

#define SILENT 10 /* items whose holder does not answer */

struct silence {
    atomic_int answered, running, most;
};

static const void *holder_of(void *context, size_t item)
{
    return item < SILENT ? "silent" : "good";
}

/* Those that answer all do before one that does not is let go. */
static int answer(void *context, size_t item, struct task *task)
{
    struct silence *silence = context;

    assert_ptr_equal(task->holder, holder_of(context, item));
    if (item >= SILENT)
        return atomic_fetch_add(&silence->answered, 1) >= 0 ? 0 : -EIO;
    int running = atomic_fetch_add(&silence->running, 1) + 1;
    if (running > silence->most)
        atomic_store(&silence->most, running);
    while (silence->answered < ITEMS - SILENT)
        pause_a_moment();
    atomic_fetch_sub(&silence->running, 1);
    return 0;
}

static void a_silent_holder_does_not_stall_another(void **state)
{
    struct silence silence = {0};
    struct task task;
    task_begin(&task);
    assert_int_equal(parallel_each_holder(ITEMS, 64, holder_of, answer, &silence, &task), 0);
    assert_int_equal(silence.answered, ITEMS - SILENT);
    assert_true(silence.most <= 3); /* its share, and the caller */
}

/* How many items of each of two holders are being done. */
struct bound {
    atomic_int running[2], most[2];
};

static const void *holder_of_bound(void *context, size_t item)
{
    return &((struct bound *)context)->running[item >= SILENT];
}

static int run_bound(void *context, size_t item, struct task *task)
{
    struct bound *bound = context;
    int running = atomic_fetch_add(&bound->running[item >= SILENT], 1) + 1;

    if (running > bound->most[item >= SILENT])
        atomic_store(&bound->most[item >= SILENT], running);
    pause_a_moment();
    atomic_fetch_sub(&bound->running[item >= SILENT], 1);
    return 0;
}

/* The caller's thread counts too, whosever items it is at. */
static void the_limit_is_of_each_holder(void **state)
{
    struct bound bound = {0};
    struct task task;
    task_begin(&task);
    assert_int_equal(parallel_each_holder(ITEMS, 2, holder_of_bound, run_bound, &bound, &task), 0);
    assert_in_range(bound.most[0], 1, 2);
    assert_in_range(bound.most[1], 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_every_item_once_within_the_limit),
        cmocka_unit_test(tells_the_failure_and_stops),
        cmocka_unit_test(gives_up_when_cancelled),
        cmocka_unit_test(does_without_threads),
        cmocka_unit_test(is_helped),
        cmocka_unit_test(nests_without_a_thread_to_spare),
        cmocka_unit_test(a_silent_holder_does_not_stall_another),
        cmocka_unit_test(the_limit_is_of_each_holder),
    };
    return cmocka_run_group_tests(tests, open_pool, close_pool);
}
