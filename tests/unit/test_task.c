/* What a task tells of itself for the log. That of cancelling and failing is seen wherever tasks are used. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "litemount/log.h"
#include "litemount/task.h"

static char text[TASK_PURPOSE_SIZE + TASK_STEP_SIZE];

static const char *describe(const struct task *task)
{
    task_describe(task, text, sizeof text);
    return text;
}

static int set_up(void **state)
{
    log_set_level(LOG_LEVEL_DEBUG);
    return 0;
}

static int tear_down(void **state)
{
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static void tells_step_and_purpose(void **state)
{
    struct task task;
    task_init(&task, NULL);
    assert_string_equal(describe(&task), "");
    task_set_purpose(&task, "read %s", "latest/app.db");
    assert_string_equal(describe(&task), "read latest/app.db");
    task_set_step(&task, "block %d", 3);
    assert_string_equal(describe(&task), "block 3, to read latest/app.db");
    task_set_step(&task, "block %d", 4);
    assert_string_equal(describe(&task), "block 4, to read latest/app.db");
}

static void inherits_each_by_itself(void **state)
{
    struct task top, middle, bottom;
    task_init(&top, NULL);
    task_init(&middle, &top);
    task_init(&bottom, &middle);
    task_set_step(&middle, "its index");
    assert_string_equal(describe(&bottom), "its index");
    task_set_purpose(&top, "list latest");
    assert_string_equal(describe(&bottom), "its index, to list latest");
    task_set_step(&bottom, "its header");
    assert_string_equal(describe(&bottom), "its header, to list latest");
    assert_string_equal(describe(&top), "list latest");
    task_set_purpose(&middle, "read ahead");
    assert_string_equal(describe(&bottom), "its header, to read ahead");
}

static void keeps_what_a_terminal_obeys_out_of_a_reason(void **state)
{
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(task_fail(&task, EACCES, "it says %s", "\x1b]0;title\a\nforged"), -EACCES);
    assert_string_equal(task_reason(&task, EACCES), "it says ?]0;title??forged");
}

static void cuts_what_is_too_long(void **state)
{
    char name[TASK_PURPOSE_SIZE * 2];
    struct task task;

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    task_init(&task, NULL);
    task_set_purpose(&task, "%s", name);
    task_set_step(&task, "%s", name);
    assert_true(strlen(describe(&task)) < sizeof text);
    assert_int_equal(strlen(task.purpose), TASK_PURPOSE_SIZE - 1);
    assert_int_equal(strlen(task.step), TASK_STEP_SIZE - 1);
}

static void writes_nothing_at_another_level(void **state)
{
    struct task task;
    log_set_level(LOG_LEVEL_INFO);
    task_init(&task, NULL);
    task_set_purpose(&task, "read latest/app.db");
    task_set_step(&task, "block 3");
    assert_string_equal(describe(&task), "");
    log_set_level(LOG_LEVEL_DEBUG);
}

static void give_up(void *context)
{
    struct task *task = context;
    task_cancel(task);
}

/* Not at once; and whoever works for a child asks for its parent as well. */
static void probes_while_it_is_waited_for(void **state)
{
    struct task task, child;
    struct task_probe probe = {.ask = give_up, .context = &task};
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};

    task_init(&task, NULL);
    task_init(&child, &task);
    task_set_probe(&task, &probe);
    assert_false(task_cancelled(&child));
    for (int i = 0; i < 500 && !task_cancelled(&child); i++)
        nanosleep(&moment, NULL);
    assert_true(task_cancelled(&child));
    assert_true(task_cancelled(&task));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_step_and_purpose),
        cmocka_unit_test(inherits_each_by_itself),
        cmocka_unit_test(keeps_what_a_terminal_obeys_out_of_a_reason),
        cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(writes_nothing_at_another_level),
        cmocka_unit_test(probes_while_it_is_waited_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
