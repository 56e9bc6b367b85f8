#include "image.h"
#include "test_cache.h"

#include <pthread.h>
#include <time.h>

#define THREADS 16

/* Milliseconds: far above what an answer takes, so that a busy machine fails no test. */
#define SOON 900

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* One thread's read, and how it went. */
struct job {
    pthread_t thread;
    struct cache_image *image;
    struct source *source;
    uint64_t offset;
    size_t length;
    struct task task;
    int64_t result, took;
};

static void *run_job(void *argument)
{
    struct job *job = argument;
    int64_t start = milliseconds();
    job->result = read_and_compare(job->image, job->source, job->offset, job->length, &job->task);
    job->took = milliseconds() - start;
    return NULL;
}

static void start(struct job *job, struct cache_image *image, struct source *source, uint64_t offset,
                  size_t length)
{
    *job = (struct job){.image = image, .source = source, .offset = offset, .length = length};
    task_init(&job->task, NULL);
    assert_int_equal(pthread_create(&job->thread, NULL, run_job, job), 0);
}

static int64_t finish(struct job *job)
{
    pthread_join(job->thread, NULL);
    return job->result;
}

static void wait_for_calls(struct source *source, unsigned calls)
{
    for (int i = 0; i < 2000 && atomic_load(&source->calls) < calls; i++)
        pause_ms(1);
    assert_true(atomic_load(&source->calls) >= calls);
}

static void take_a_while(struct source *source, struct task *task)
{
    pause_ms(3);
}

static void makes_each_piece_once(void **state)
{
    enum { PIECE = 4096, PIECES = 3000 };
    static struct source source = {
        .size = PIECES * PIECE - 17, .piece = PIECE, .block = PIECE, .during = take_a_while};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job jobs[THREADS];

    for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < THREADS; i++)
            start(&jobs[i], image, &source, (round * 71 + (THREADS - 1 - i) * (round % 5)) * PIECE + i,
                  100 * PIECE);
        for (unsigned i = 0; i < THREADS; i++)
            assert_int_equal(finish(&jobs[i]), expected_length(&source, jobs[i].offset, jobs[i].length));
    }
    for (unsigned i = 0; i < PIECES; i++)
        assert_true(source.made[i] <= 1);
    cache_image_close(image);
    cache_close(cache);
}

static atomic_bool gate; /* a maker waits until it opens, or its task is cancelled */

static void wait_at_gate(struct source *source, struct task *task)
{
    while (!atomic_load(&gate) && !task_cancelled(task))
        pause_ms(1);
}

/* Hangs whatever its task says. */
static void wait_stubbornly(struct source *source, struct task *task)
{
    while (!atomic_load(&gate))
        pause_ms(1);
}

/* Two whose ranges overlap: the second makes only what the first does not, and waits for the rest. */
static void makes_what_nobody_else_does(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096, .during = wait_at_gate};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job first, second;

    atomic_store(&gate, false);
    start(&first, image, &source, 4 * 4096, 4 * 4096);
    wait_for_calls(&source, 1);
    start(&second, image, &source, 0, 10 * 4096);
    wait_for_calls(&source, 2);
    atomic_store(&gate, true);
    assert_int_equal(finish(&first), 4 * 4096);
    assert_int_equal(finish(&second), 10 * 4096);
    assert_int_equal(source.calls, 3);
    for (int i = 0; i < 10; i++)
        assert_int_equal(source.made[i], 1);
    cache_image_close(image);
    cache_close(cache);
}

static void whole_block(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end)
{
    const struct source *source = context;
    *ret_begin = offset - offset % source->block;
    *ret_end = *ret_begin + source->block;
}

/* The rest of a block that is being made comes along: nobody asks for it, before or behind what was asked. */
static void waits_for_the_rest_of_a_unit(void **state)
{
    static struct source source = {
        .size = 100000, .piece = 4096, .block = 8 * 4096, .unit = whole_block, .during = wait_at_gate};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job maker, before, behind;

    atomic_store(&gate, false);
    start(&maker, image, &source, 3 * 4096, 4096);
    wait_for_calls(&source, 1);
    start(&before, image, &source, 0, 4096);
    start(&behind, image, &source, 7 * 4096, 4096);
    pause_ms(100);
    atomic_store(&gate, true);
    assert_int_equal(finish(&maker), 4096);
    assert_int_equal(finish(&before), 4096);
    assert_int_equal(finish(&behind), 4096);
    assert_int_equal(source.calls, 1);
    cache_image_close(image);
    cache_close(cache);
}

static void a_waiter_can_be_cancelled(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096, .during = wait_stubbornly};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job maker, waiter;

    atomic_store(&gate, false);
    start(&maker, image, &source, 0, 8192);
    wait_for_calls(&source, 1);
    start(&waiter, image, &source, 4096, 4096);
    pause_ms(20);
    int64_t before = milliseconds();
    task_cancel(&waiter.task);
    assert_int_equal(finish(&waiter), -ECANCELED);
    assert_true(milliseconds() - before < SOON);
    atomic_store(&gate, true);
    assert_int_equal(finish(&maker), 8192);
    assert_int_equal(source.calls, 1);
    cache_image_close(image);
    cache_close(cache);
}

static void a_cancelled_maker_is_taken_over(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096, .during = wait_at_gate};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job maker, waiters[4];

    atomic_store(&gate, false);
    start(&maker, image, &source, 0, 8192);
    wait_for_calls(&source, 1);
    for (int i = 0; i < 4; i++)
        start(&waiters[i], image, &source, 4096, 4096);
    pause_ms(20);
    task_cancel(&maker.task);
    assert_int_equal(finish(&maker), -ECANCELED);
    wait_for_calls(&source, 2);
    atomic_store(&gate, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(finish(&waiters[i]), 4096);
    assert_int_equal(source.calls, 2);
    assert_int_equal(source.made[1], 1);
    cache_image_close(image);
    cache_close(cache);
}

static void a_makers_error_reaches_those_who_wait(void **state)
{
    static struct source source = {
        .size = 100000, .piece = 4096, .block = 4096, .during = wait_at_gate, .failure = -ESTALE};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job maker, waiters[4];

    atomic_store(&gate, false);
    start(&maker, image, &source, 0, 8192);
    wait_for_calls(&source, 1);
    for (int i = 0; i < 4; i++)
        start(&waiters[i], image, &source, 4096, 4096);
    pause_ms(300); /* all have come to wait */
    atomic_store(&gate, true);
    assert_int_equal(finish(&maker), -ESTALE);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(finish(&waiters[i]), -ESTALE);
        assert_string_equal(task_reason(&waiters[i].task, ESTALE), "the source is broken");
    }
    assert_int_equal(source.calls, 1);
    source.failure = 0;
    assert_read(image, &source, 0, 8192);
    cache_image_close(image);
    cache_close(cache);
}

/* A maker of several blocks: those who want the first need not wait for the last. */
static int make_two_slowly(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                           struct task *task)
{
    struct source *source = context;
    atomic_fetch_add(&source->calls, 1);
    while (!atomic_load(&gate))
        pause_ms(1);
    int r = source_put(source, 4096, fill);
    pause_ms(2 * SOON);
    return r < 0 ? r : source_put(source, 0, fill);
}

static void *read_both(void *argument)
{
    struct job *job = argument;
    uint8_t bytes[8192];
    job->result =
        cache_image_read(job->image, 0, 8192, bytes,
                         &(struct cache_maker){.make = make_two_slowly, .context = job->source}, &job->task);
    return NULL;
}

static void a_put_reaches_those_who_wait_at_once(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job maker = {.image = image, .source = &source}, waiter;

    atomic_store(&gate, false);
    task_init(&maker.task, NULL);
    assert_int_equal(pthread_create(&maker.thread, NULL, read_both, &maker), 0);
    wait_for_calls(&source, 1);
    start(&waiter, image, &source, 5000, 100);
    pause_ms(20);
    int64_t before = milliseconds();
    atomic_store(&gate, true);
    assert_int_equal(finish(&waiter), 100);
    assert_true(milliseconds() - before < SOON);
    assert_int_equal(finish(&maker), 8192);
    assert_int_equal(source.calls, 1);
    cache_image_close(image);
    cache_close(cache);
}

/* The first make waits at the gate; the others go through. */
static void hold_the_first(struct source *source, struct task *task)
{
    if (atomic_load(&source->calls) == 1)
        wait_at_gate(source, task);
}

static void who_has_waited_long_makes_it_too(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096, .during = hold_the_first};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct job stuck, waiters[3];

    cache->patience = SOON * INT64_C(1000000);
    atomic_store(&gate, false);
    start(&stuck, image, &source, 0, 20000);
    wait_for_calls(&source, 1);
    for (int i = 0; i < 3; i++)
        start(&waiters[i], image, &source, 0, 20000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(finish(&waiters[i]), 20000);
    assert_int_equal(source.calls, 2); /* one for all of them, and for all that was wanted */
    atomic_store(&gate, true);
    assert_int_equal(finish(&stuck), 20000);
    assert_read(image, &source, 0, 20000);
    cache_image_close(image);
    cache_close(cache);
}

static void *read_at_random(void *argument)
{
    struct job *job = argument;
    unsigned random = (unsigned)job->offset;
    int64_t end = milliseconds() + 2000;

    while (milliseconds() < end && job->result == 0) {
        uint64_t offset = (uint64_t)rand_r(&random) % (job->source->size + 1000);
        size_t length = (size_t)rand_r(&random) % 300000;
        struct task task;
        task_init(&task, NULL);
        if (rand_r(&random) % 16 == 0)
            task_cancel(&task);
        if (rand_r(&random) % 512 == 0)
            cache_image_discard(job->image);
        int64_t n = read_and_compare(job->image, job->source, offset, length, &task);
        if (n != expected_length(job->source, offset, length) && n != -ECANCELED)
            job->result = n ? n : -EIO;
    }
    return NULL;
}

/* Too small a limit for all: eviction, discards, cancellation and reads at once. */
static void many_readers_at_random(void **state)
{
    static struct source sources[4];
    struct cache *cache = open_cache(*state, 6 << 20);
    struct cache_image *images[4];
    struct job jobs[THREADS];
    char name[20];

    for (unsigned i = 0; i < 4; i++) {
        sources[i] = (struct source){.size = 2500001, .seed = i, .piece = 512u << 2 * i, .block = 65536};
        snprintf(name, sizeof name, "image %u", i);
        images[i] = open_image(cache, &sources[i], name);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){.image = images[i % 4], .source = &sources[i % 4], .offset = i};
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, read_at_random, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(finish(&jobs[i]), 0);
    assert_true(disk_usage(*state) <= 6 << 20);
    for (unsigned i = 0; i < 4; i++)
        cache_image_close(images[i]);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(makes_each_piece_once),
        folder_test(makes_what_nobody_else_does),
        folder_test(waits_for_the_rest_of_a_unit),
        folder_test(a_waiter_can_be_cancelled),
        folder_test(a_cancelled_maker_is_taken_over),
        folder_test(a_makers_error_reaches_those_who_wait),
        folder_test(who_has_waited_long_makes_it_too),
        folder_test(a_put_reaches_those_who_wait_at_once),
        folder_test(many_readers_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
