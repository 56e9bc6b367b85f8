/* When bytes that do not hold are damage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "generation/learnt.h"
#include "litemount/clock.h"
#include "litemount/task.h"

/* What comes of each attempt. */
struct script {
    const char *bodies[LEARNT_ATTEMPTS + 1]; /* "right" holds; NULL: the store does not answer */
    int n;
};

static int play(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct script *script = context;
    const char *body = script->bodies[script->n];

    assert_int_equal(anew, script->n > 0);
    assert_string_equal(task->reason, "");
    script->n++;
    if (!body)
        return task_fail(task, ETIMEDOUT, "silent");
    *ret_sum = learnt_sum(0, body, strlen(body));
    return strcmp(body, "right") == 0 ? 0 : task_fail(task, EBADMSG, "KEY is damaged");
}

static void only_the_same_bytes_twice_are_damage(void **state)
{
    const struct {
        struct script script;
        int result, attempts;
    } cases[] = {
        {{{"right"}, 0}, 0, 1},
        {{{"wrong", "right"}, 0}, 0, 2},
        {{{"wrong", "wrong"}, 0}, -EBADMSG, 2},
        {{{"wrong", "worse", "right"}, 0}, 0, 3},
        {{{"wrong", "worse", "wrong"}, 0}, -EBADMSG, 3},
        {{{"wrong", NULL}, 0}, -ETIMEDOUT, 2},
        {{{"a", "b", "c", "d"}, 0}, -EREMOTEIO, 4},
        {{{"", "", "right"}, 0}, -EBADMSG, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct script script = cases[i].script;
        struct task task;
        task_init(&task, NULL);
        assert_int_equal(learnt_read(play, &script, &task), cases[i].result);
        assert_int_equal(script.n, cases[i].attempts);
        assert_int_equal(task.reason[0] != '\0', cases[i].result != 0);
    }
}

/* One bit, anywhere, and the length. */
static void a_sum_tells_bytes_apart(void **state)
{
    uint8_t bytes[40] = {0};
    uint64_t sum = learnt_sum(0, bytes, sizeof bytes);

    for (size_t i = 0; i < sizeof bytes * 8; i++) {
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_true(learnt_sum(0, bytes, sizeof bytes) != sum);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t n = 0; n < sizeof bytes; n++)
        assert_true(learnt_sum(0, bytes, n) != sum);
    assert_true(learnt_sum(0, bytes, sizeof bytes) == sum);
    assert_true(learnt_sum(1, bytes, sizeof bytes) != sum);
}

static void damage_lasts_for_a_minute(void **state)
{
    assert_false(learnt_is_over(clock_now() - LEARNT_DAMAGE_LASTS / 2));
    assert_true(learnt_is_over(clock_now() - LEARNT_DAMAGE_LASTS));
}

/* What comes of it to learn an object, and what was made of that. */
struct learner {
    struct learnt learnt;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    const char *damage; /* NULL: it is sound */
    int error;          /* why it can't be had */
    int n_found_out, n_taken_over, n_damaged;
};

static int find_out(void *context, struct task *task)
{
    struct learner *learner = context;
    learner->n_found_out++;
    assert_int_equal(learner->learnt.state, LEARNT_PENDING);
    if (learner->error)
        return task_fail(task, learner->error, "it can't be had");
    return learner->damage ? task_fail(task, EBADMSG, "%s", learner->damage) : 0;
}

static int take_over(void *context)
{
    ((struct learner *)context)->n_taken_over++;
    return 0;
}

static void note_damage(void *context)
{
    ((struct learner *)context)->n_damaged++;
}

static int learn(struct learner *learner)
{
    const struct learning learning = {&learner->learnt, &learner->lock, &learner->changed, learner,
                                      find_out,         take_over,      note_damage};
    struct task task;

    task_init(&task, NULL);
    int r = learnt_once(&learning, &task);
    assert_int_equal(task.reason[0] != '\0', r != 0);
    return r;
}

static void an_object_is_learnt_once(void **state)
{
    struct learner learner = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

    learner.error = ETIMEDOUT;
    assert_int_equal(learn(&learner), -ETIMEDOUT);
    assert_int_equal(learner.learnt.state, LEARNT_NOTHING);
    learner.error = 0;
    assert_int_equal(learn(&learner), 0);
    assert_int_equal(learn(&learner), 0);
    assert_int_equal(learner.learnt.state, LEARNT_SOUND);
    assert_int_equal(learner.n_found_out, 2);
    assert_int_equal(learner.n_taken_over, 1);
    assert_int_equal(learner.n_damaged, 0);
    learnt_finish(&learner.learnt);
}

/* It is no failure, and is looked at again once it is over. */
static void that_it_is_damaged_is_learnt_too(void **state)
{
    struct learner learner = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .damage = "it is cut short"};

    assert_int_equal(learn(&learner), 0);
    assert_int_equal(learn(&learner), 0);
    assert_int_equal(learner.learnt.state, LEARNT_DAMAGED);
    assert_string_equal(learner.learnt.damage, "it is cut short");
    assert_int_equal(learner.n_found_out, 1);
    assert_int_equal(learner.n_taken_over, 0);
    assert_int_equal(learner.n_damaged, 1);
    assert_int_equal(learnt_expire_locked(&learner.learnt), learner.learnt.damage_found);
    assert_int_equal(learner.learnt.state, LEARNT_DAMAGED);
    learner.learnt.damage_found -= LEARNT_DAMAGE_LASTS;
    assert_int_equal(learnt_expire_locked(&learner.learnt), 0);
    assert_int_equal(learner.learnt.state, LEARNT_NOTHING);
    assert_string_equal(learner.learnt.damage, "it is cut short");
    assert_false(learnt_set_damaged_locked(&learner.learnt, "it is cut short"));
    assert_true(learnt_set_damaged_locked(&learner.learnt, "it is another one"));
    learnt_finish(&learner.learnt);
}

static void large_objects_are_learnt_fewer_at_once(void **state)
{
    assert_int_equal(learnt_at_once(0), 64);
    assert_int_equal(learnt_at_once(512 << 10), 64);
    assert_int_equal(learnt_at_once((512 << 10) + 1), 63);
    assert_int_equal(learnt_at_once(1 << 20), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_same_bytes_twice_are_damage),
        cmocka_unit_test(a_sum_tells_bytes_apart),
        cmocka_unit_test(damage_lasts_for_a_minute),
        cmocka_unit_test(an_object_is_learnt_once),
        cmocka_unit_test(that_it_is_damaged_is_learnt_too),
        cmocka_unit_test(large_objects_are_learnt_fewer_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
