#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "litemount/instant.h"
#include "litemount/task.h"
#include "refresh_gate.h"

#define HOUR (3600 * INSTANT_SECOND)

static void pause_for(int64_t nanoseconds)
{
    nanosleep(
        &(struct timespec){.tv_sec = nanoseconds / INSTANT_SECOND, .tv_nsec = nanoseconds % INSTANT_SECOND},
        NULL);
}

static void is_due_when_it_is_old_enough(void **state)
{
    struct refresh_gate gate;
    struct task task;
    refresh_gate_init(&gate);
    task_init(&task, NULL);
    assert_int_equal(refresh_gate_time(&gate), 0);
    assert_int_equal(refresh_gate_begin(&gate, INSTANT_MAX, &task), 1); /* there never was one */
    int64_t before = gate.wall;
    assert_int_equal(refresh_gate_time(&gate), 0);
    refresh_gate_end(&gate, 0, &task);
    assert_true(refresh_gate_time(&gate) == before);

    assert_int_equal(refresh_gate_begin(&gate, HOUR, &task), 0);
    assert_int_equal(refresh_gate_begin(&gate, INSTANT_MAX, &task), 0);
    pause_for(2 * INSTANT_MILLISECOND);
    assert_int_equal(refresh_gate_begin(&gate, INSTANT_MILLISECOND, &task), 1);
    refresh_gate_end(&gate, 0, &task);
    assert_int_equal(refresh_gate_begin(&gate, 0, &task), 1);
    refresh_gate_end(&gate, 0, &task);
    refresh_gate_finish(&gate);
}

/* What a look found is as old as its beginning: an object may have come while it was under way. */
static void counts_from_the_beginning_of_a_look(void **state)
{
    struct refresh_gate gate;
    struct task task;
    refresh_gate_init(&gate);
    task_init(&task, NULL);
    assert_int_equal(refresh_gate_begin(&gate, 0, &task), 1);
    pause_for(20 * INSTANT_MILLISECOND);
    int64_t end = instant_now();
    refresh_gate_end(&gate, 0, &task);
    assert_true(refresh_gate_time(&gate) <= end - 20 * INSTANT_MILLISECOND);
    assert_int_equal(refresh_gate_begin(&gate, 20 * INSTANT_MILLISECOND, &task), 1);
    refresh_gate_end(&gate, 0, &task);
    refresh_gate_finish(&gate);
}

static void does_not_count_a_look_that_failed(void **state)
{
    struct refresh_gate gate;
    struct task task;
    refresh_gate_init(&gate);
    task_init(&task, NULL);
    assert_int_equal(refresh_gate_begin(&gate, HOUR, &task), 1);
    refresh_gate_end(&gate, -EIO, &task);
    assert_int_equal(refresh_gate_time(&gate), 0);
    assert_int_equal(refresh_gate_begin(&gate, HOUR, &task), 1);
    refresh_gate_end(&gate, 0, &task);
    int64_t good = refresh_gate_time(&gate);
    assert_int_equal(refresh_gate_begin(&gate, 0, &task), 1);
    refresh_gate_end(&gate, -EIO, &task);
    assert_true(refresh_gate_time(&gate) == good);
    assert_int_equal(refresh_gate_begin(&gate, HOUR, &task), 0); /* what is known is no older for that */
    refresh_gate_finish(&gate);
}

static void answers_from_a_look_that_began_after_the_question(void **state)
{
    struct refresh_gate gate;
    struct task task;
    refresh_gate_init(&gate);
    task_init(&task, NULL);
    assert_int_equal(refresh_gate_begin(&gate, 0, &task), 1);
    refresh_gate_end(&gate, 0, &task);
    gate.succeeded += HOUR; /* another's look, since */
    assert_int_equal(refresh_gate_begin(&gate, 0, &task), 0);
    refresh_gate_finish(&gate);
}

#define ASKERS 16

struct crowd {
    struct refresh_gate gate;
    atomic_int looks, running, served;
    int64_t age;
};

static void *ask(void *argument)
{
    struct crowd *crowd = argument;
    struct task task;
    task_init(&task, NULL);
    int r = refresh_gate_begin(&crowd->gate, crowd->age, &task);
    if (r == 1) {
        assert_int_equal(atomic_fetch_add(&crowd->running, 1), 0);
        atomic_fetch_add(&crowd->looks, 1);
        pause_for(30 * INSTANT_MILLISECOND);
        atomic_fetch_sub(&crowd->running, 1);
        refresh_gate_end(&crowd->gate, 0, &task);
    }
    atomic_fetch_add(&crowd->served, r >= 0);
    return NULL;
}

static void looks_once_for_all_who_ask_at_the_same_time(void **state)
{
    struct crowd crowd = {.age = HOUR};
    pthread_t threads[ASKERS];
    refresh_gate_init(&crowd.gate);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &crowd), 0);
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.looks, 1);
    assert_int_equal(crowd.served, ASKERS);
    refresh_gate_finish(&crowd.gate);
}

/* A store that does not answer is asked once for all who wait, not by each in turn. */
static void *ask_in_vain(void *argument)
{
    struct crowd *crowd = argument;
    struct task task;
    task_init(&task, NULL);
    int r = refresh_gate_begin(&crowd->gate, crowd->age, &task);
    if (r == 1) {
        atomic_fetch_add(&crowd->looks, 1);
        pause_for(200 * INSTANT_MILLISECOND);
        r = task_fail(&task, EIO, "nobody there");
        refresh_gate_end(&crowd->gate, r, &task);
    }
    assert_string_equal(task_reason(&task, r), "nobody there");
    atomic_fetch_add(&crowd->served, r == -EIO);
    return NULL;
}

static void shares_a_look_that_failed(void **state)
{
    struct crowd crowd = {.age = 0};
    pthread_t threads[ASKERS];
    refresh_gate_init(&crowd.gate);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_in_vain, &crowd), 0);
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.looks, 1);
    assert_int_equal(crowd.served, ASKERS);
    refresh_gate_finish(&crowd.gate);
}

struct waiter {
    struct refresh_gate *gate;
    struct task task;
    int result;
};

static void *wait_for_look(void *argument)
{
    struct waiter *waiter = argument;
    waiter->result = refresh_gate_begin(waiter->gate, 0, &waiter->task);
    return NULL;
}

static void lets_a_waiter_go_that_is_cancelled(void **state)
{
    struct refresh_gate gate;
    struct task task;
    struct waiter waiter = {.gate = &gate};
    pthread_t thread;

    refresh_gate_init(&gate);
    task_init(&task, NULL);
    task_init(&waiter.task, NULL);
    assert_int_equal(refresh_gate_begin(&gate, 0, &task), 1);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_look, &waiter), 0);
    pause_for(20 * INSTANT_MILLISECOND);
    task_cancel(&waiter.task);
    pthread_join(thread, NULL); /* though the look goes on */
    assert_int_equal(waiter.result, -ECANCELED);
    refresh_gate_end(&gate, 0, &task);
    assert_int_equal(refresh_gate_begin(&gate, HOUR, &task), 0);
    refresh_gate_finish(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_due_when_it_is_old_enough),
        cmocka_unit_test(counts_from_the_beginning_of_a_look),
        cmocka_unit_test(does_not_count_a_look_that_failed),
        cmocka_unit_test(answers_from_a_look_that_began_after_the_question),
        cmocka_unit_test(looks_once_for_all_who_ask_at_the_same_time),
        cmocka_unit_test(shares_a_look_that_failed),
        cmocka_unit_test(lets_a_waiter_go_that_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
