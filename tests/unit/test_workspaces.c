/* Memory that is shared out: no more of it than there is, none to those who gave up, all of it back at the
 * end.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/task.h"
#include "litemount/workspaces.h"

#define SIZE 4096
#define COUNT 3
#define THREADS 8
#define ROUNDS 200

static void keeps_memory_only_while_it_is_in_use(void **state)
{
    struct workspaces workspaces;
    struct task task;
    uint8_t *first, *second;

    task_init(&task, NULL);
    workspaces_init(&workspaces, COUNT, SIZE);
    workspaces_hold(&workspaces);
    assert_int_equal(workspaces_take(&workspaces, NULL, &task, &first), 0);
    memset(first, 1, SIZE);
    workspaces_give(&workspaces, NULL, first);
    assert_int_equal(workspaces.n_kept, 1);
    assert_int_equal(workspaces_take(&workspaces, NULL, &task, &second), 0);
    assert_ptr_equal(first, second);
    workspaces_give(&workspaces, NULL, second);
    workspaces_release(&workspaces);
    assert_int_equal(workspaces.n_kept, 0);
    workspaces_finish(&workspaces);
}

static void gives_up_when_cancelled(void **state)
{
    struct workspaces workspaces;
    struct task task;
    uint8_t *taken, *none = NULL;

    task_init(&task, NULL);
    workspaces_init(&workspaces, 1, SIZE);
    assert_int_equal(workspaces_take(&workspaces, NULL, &task, &taken), 0);
    task_cancel(&task);
    assert_int_equal(workspaces_take(&workspaces, NULL, &task, &none), -ECANCELED);
    assert_null(none);
    workspaces_give(&workspaces, NULL, taken);
    assert_int_equal(workspaces.slots.n, 0);
    workspaces_finish(&workspaces);
}

/* A holder that gives nothing back is in nobody else's way. */
static void holders_do_not_wait_for_each_other(void **state)
{
    struct workspaces workspaces;
    uint8_t *silent[COUNT], *good[COUNT], *none = NULL;
    struct task task, hurried;

    task_init(&task, NULL);
    task_init(&hurried, NULL);
    task_cancel_later(&hurried, 1);
    workspaces_init(&workspaces, COUNT, SIZE);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(workspaces_take(&workspaces, "silent", &task, &silent[i]), 0);
    assert_int_equal(workspaces_take(&workspaces, "silent", &hurried, &none), -ECANCELED);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(workspaces_take(&workspaces, "good", &task, &good[i]), 0);
    for (size_t i = 0; i < COUNT; i++) {
        workspaces_give(&workspaces, "good", good[i]);
        workspaces_give(&workspaces, "silent", silent[i]);
    }
    assert_int_equal(workspaces.slots.n, 0);
    workspaces_finish(&workspaces);
}

static void *use_them(void *argument)
{
    struct workspaces *workspaces = argument;
    struct task task;
    uint8_t *bytes;

    task_init(&task, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        if (workspaces_take(workspaces, NULL, &task, &bytes) < 0)
            return argument;
        memset(bytes, i, SIZE);
        for (size_t k = 0; k < SIZE; k++)
            if (bytes[k] != (uint8_t)i)
                return argument;
        workspaces_give(workspaces, NULL, bytes);
    }
    return NULL;
}

static void shares_among_many_threads(void **state)
{
    struct workspaces workspaces;
    pthread_t threads[THREADS];
    void *failed;

    workspaces_init(&workspaces, COUNT, SIZE);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_them, &workspaces), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(workspaces.slots.n, 0);
    assert_int_equal(workspaces.n_kept, 0);
    workspaces_finish(&workspaces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_memory_only_while_it_is_in_use),
        cmocka_unit_test(gives_up_when_cancelled),
        cmocka_unit_test(holders_do_not_wait_for_each_other),
        cmocka_unit_test(shares_among_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
