#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_state.h"
#include "litemount/task.h"
#include "litemount/thread_pool.h"

#define MIB (UINT64_C(1) << 20)
#define SIZE (200 * MIB)

/* Which 64 KiB of the state were brought, and how often. */
static unsigned brought[SIZE / (64 << 10)];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t note_read(struct state *state, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    if (bytes)
        return (int64_t)length;
    pthread_mutex_lock(&lock);
    for (uint64_t at = offset >> 16; at << 16 < offset + length; at++)
        brought[at]++;
    pthread_mutex_unlock(&lock);
    return (int64_t)length;
}

static const struct state_ops ops = {.read = note_read, .close = fake_state_close};

static struct state *open_state(struct thread_pool *pool)
{
    struct generation *generation = calloc(1, sizeof *generation);
    static const struct generation_ops generation_ops = {.close = fake_generation_close};
    const struct history_options options = {.pool = pool};
    struct state *state = calloc(1, sizeof *state);

    assert_int_equal(generation_init(generation, &generation_ops, "g", NULL, &options), 0);
    state_init(state, &ops, generation);
    generation_unref(generation);
    state->size = SIZE;
    memset(brought, 0, sizeof brought);
    return state;
}

static void read_bytes(struct state *state, uint64_t offset, size_t length)
{
    static char bytes[4 << 20];
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(state_read(state, offset, length, bytes, &task), length);
}

/* Work that waits for a semaphore, or posts it. */
struct sem_work {
    struct thread_pool_work work;
    sem_t *sem;
};

static void post(struct thread_pool_work *work, struct task *task)
{
    sem_post(((struct sem_work *)work)->sem);
}

/* Waits until the jobs that were asked for have ended: the pool's one thread does them in order. */
static void settle(struct thread_pool *pool)
{
    sem_t done;
    struct sem_work work = {{.run = post}, &done};
    sem_init(&done, 0, 0);
    while (!thread_pool_add(pool, THREADS_AHEAD, &work.work))
        sched_yield();
    sem_wait(&done);
    sem_destroy(&done);
}

static uint64_t total(void)
{
    uint64_t n = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < sizeof brought / sizeof *brought; i++)
        n += brought[i];
    pthread_mutex_unlock(&lock);
    return n << 16;
}

/* Of one thread, for which so much may wait. */
static struct thread_pool *open_pool(unsigned waiting)
{
    const struct thread_pool_bounds bounds[N_THREAD_KINDS] = {[THREADS_AHEAD] = {1, 1, waiting}};
    struct thread_pool *pool;

    assert_int_equal(thread_pool_open(bounds, &pool), 0);
    return pool;
}

static void stays_ahead_of_a_reader_in_order(void **context)
{
    struct thread_pool *pool = open_pool(12);
    struct state *state = open_state(pool);

    for (uint64_t at = 0; at < SIZE; at += 128 << 10) {
        read_bytes(state, at, 128 << 10);
        settle(pool);
        assert_true(total() <= at + 66 * MIB);
    }
    settle(pool);
    assert_int_equal(brought[0], 0); /* what was read before it was known to be in order */
    for (size_t i = MIB >> 16; i < SIZE >> 16; i++)
        assert_int_equal(brought[i], 1);
    thread_pool_close(pool);
    state_unref(state);
}

static void lookups_set_off_nothing(void **context)
{
    struct thread_pool *pool = open_pool(12);
    struct state *state = open_state(pool);

    for (uint64_t i = 0; i < 2000; i++)
        read_bytes(state, i * 7919 % (SIZE >> 12) << 12, 4096);
    settle(pool);
    assert_int_equal(total(), 0);
    thread_pool_close(pool);
    state_unref(state);
}

static void tells_readers_apart(void **context)
{
    struct thread_pool *pool = open_pool(12);
    struct state *state = open_state(pool);

    /* Two in order, the second one out of step as the kernel is, and a lookup in between. */
    for (uint64_t at = 0; at < 8 * MIB; at += 256 << 10) {
        read_bytes(state, at, 128 << 10);
        read_bytes(state, 100 * MIB + at + (128 << 10), 128 << 10);
        read_bytes(state, 60 * MIB + at * 5 % (30 * MIB), 4096);
        read_bytes(state, 100 * MIB + at, 128 << 10);
        read_bytes(state, at + (128 << 10), 128 << 10);
        settle(pool);
    }
    assert_true(brought[8 * MIB >> 16] && brought[108 * MIB >> 16]);
    assert_int_equal(brought[60 * MIB >> 16], 0);
    thread_pool_close(pool);
    state_unref(state);
}

static void reads_through_what_is_left_out(void **context)
{
    struct thread_pool *pool = open_pool(12);
    struct state *state = open_state(pool);

    /* Two tables in alternating runs, of which one is read. */
    for (uint64_t at = 0; at < 100 * MIB; at += 256 << 10) {
        if (at % (4 * MIB) < 2 * MIB)
            read_bytes(state, at, 256 << 10);
        settle(pool);
    }
    for (size_t i = 8 * MIB >> 16; i < 100 * MIB >> 16; i++)
        assert_int_equal(brought[i], 1);
    thread_pool_close(pool);
    state_unref(state);
}

static void wait_for(struct thread_pool_work *work, struct task *task)
{
    sem_wait(((struct sem_work *)work)->sem);
}

static void asks_again_for_what_no_thread_had_time_for(void **context)
{
    struct thread_pool *pool = open_pool(2);
    sem_t go;
    struct sem_work work = {{.run = wait_for}, &go};
    struct state *state = open_state(pool);

    sem_init(&go, 0, 0);
    assert_true(thread_pool_add(pool, THREADS_AHEAD, &work.work));
    for (uint64_t at = 0; at < 16 * MIB; at += MIB)
        read_bytes(state, at, MIB);
    sem_post(&go);
    settle(pool);
    for (uint64_t at = 16 * MIB; at < SIZE; at += MIB) {
        read_bytes(state, at, MIB);
        settle(pool);
    }
    for (size_t i = 20 * MIB >> 16; i < SIZE >> 16; i++)
        assert_int_equal(brought[i], 1);
    sem_destroy(&go);
    thread_pool_close(pool);
    state_unref(state);
}

static void does_without_threads(void **context)
{
    struct state *state = open_state(NULL);
    for (uint64_t at = 0; at < 8 * MIB; at += MIB)
        read_bytes(state, at, MIB);
    assert_int_equal(total(), 0);
    state_unref(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_ahead_of_a_reader_in_order),
        cmocka_unit_test(lookups_set_off_nothing),
        cmocka_unit_test(tells_readers_apart),
        cmocka_unit_test(reads_through_what_is_left_out),
        cmocka_unit_test(asks_again_for_what_no_thread_had_time_for),
        cmocka_unit_test(does_without_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
