/* What the head of every format's generation does before it hands over to the format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_state.h"
#include "litemount/task.h"

static int begins_by(struct generation *generation, struct generation_listing *listing, int64_t time,
                     struct task *task)
{
    assert_ptr_equal(task->holder, generation->store);
    return time >= 10;
}

static void keep_listing(struct generation_listing *listing)
{
}

/* Whether a generation had begun may have to be asked of its store, like all else that takes a task. */
static void asking_whether_it_had_begun_is_of_the_stores_share(void **state)
{
    static const struct generation_ops ops = {.begins_by = begins_by};
    const struct history_options options = {0};
    struct generation_listing listing = {.references = 1, .free = keep_listing};
    struct generation generation = {0};
    struct task task;

    task_init(&task, NULL);
    task.holder = "another store";
    assert_int_equal(generation_init(&generation, &ops, "a", NULL, &options), 0);
    generation.listing = &listing;
    generation.store = "its own store";
    assert_int_equal(generation_begins_by(&generation, 9, &task), 0);
    assert_int_equal(generation_begins_by(&generation, 10, &task), 1);
    generation_finish(&generation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking_whether_it_had_begun_is_of_the_stores_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
