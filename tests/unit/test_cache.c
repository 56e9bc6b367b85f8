#include "test_cache.h"

#include <fcntl.h>
#include <pthread.h>

static const struct {
    size_t piece, block;
    uint64_t size;
} shapes[] = {
    {512, 512, 1},
    {512, 512, 512},
    {512, 512, 513},
    {512, 4096, 300001},
    {4096, 4096, 40960},
    {4096, 65536, 1234567},
    {65536, 65536, 65535},
    {65536, 4 << 20, 9 << 20},
    {1 << 20, 1 << 20, 5},
    {1 << 20, 4 << 20, 6 << 20},
    {1 << 20, 1 << 20, 3000000},
    {4096, 4096, 257 * 4096},
    {4096, 4096, 256 * 4096},
};

static const struct {
    uint64_t offset;
    size_t length;
} ranges[] = {
    {0, 1},          {0, 512},     {511, 2},       {4095, 4098},       {100, 100000},      {65536, 131072},
    {1048575, 3},    {0, 2000000}, {2999999, 10},  {1 << 20, 1 << 20}, {5 << 20, 8 << 20}, {300000, 5},
    {UINT64_MAX, 1}, {1, 0},       {INT64_MAX, 9},
};

static void gives_the_bytes_of_every_shape(void **state)
{
    static struct source source;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char name[32];
        source = (struct source){
            .size = shapes[i].size, .seed = i, .piece = shapes[i].piece, .block = shapes[i].block};
        snprintf(name, sizeof name, "shape %zu", i);
        /* Cold and warm, then in another process' stead. */
        for (int life = 0; life < 2; life++) {
            struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
            struct cache_image *image = open_image(cache, &source, name);
            for (int again = 0; again < 2; again++)
                for (size_t j = 0; j < sizeof ranges / sizeof *ranges; j++)
                    assert_read(image, &source, ranges[j].offset, ranges[j].length);
            assert_read(image, &source, 0, source.size + 1);
            cache_image_close(image);
            cache_close(cache);
        }
        for (size_t j = 0; j < MAX_PIECES && j * source.piece < source.size; j++)
            if (source.block == source.piece && j * source.piece + source.piece < source.size)
                assert_int_equal(source.made[j], 1);
    }
}

static void makes_only_what_is_missing(void **state)
{
    static struct source source = {.size = 100 * 4096, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct cache_stats stats;

    assert_read(image, &source, 10 * 4096, 4096);
    assert_read(image, &source, 12 * 4096, 4096);
    assert_int_equal(source.calls, 2);
    /* Before, between and behind the two: a run each, none of them twice. */
    assert_read(image, &source, 8 * 4096, 8 * 4096);
    assert_int_equal(source.calls, 5);
    for (int i = 8; i < 16; i++)
        assert_int_equal(source.made[i], 1);
    assert_int_equal(source.made[7], 0);
    assert_int_equal(source.made[16], 0);
    cache_get_stats(cache, &stats);
    assert_int_equal(stats.misses, 8);
    assert_int_equal(stats.hits, 2);
    assert_true(stats.bytes >= disk_usage(*state) - 2 * 4096);
    assert_int_equal(stats.limit, CACHE_SIZE_DEFAULT);
    cache_image_close(image);
    cache_close(cache);
}

static void keeps_more_than_was_asked(void **state)
{
    static struct source source = {.size = 10 << 20, .piece = 65536, .block = 4 << 20};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");

    assert_read(image, &source, 5 << 20, 1);
    assert_read(image, &source, 4 << 20, 4 << 20);
    assert_int_equal(source.calls, 1);
    cache_image_close(image);
    cache_close(cache);
}

static int64_t have(struct cache_image *image, struct source *source, uint64_t offset, size_t length)
{
    const struct cache_maker maker = {.make = source_make, .context = source};
    struct task task;
    task_init(&task, NULL);
    return cache_image_read(image, offset, length, NULL, &maker, &task);
}

static void makes_for_a_reader_to_come(void **state)
{
    static struct source source = {.size = 100 * 4096 + 1, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct cache_stats stats;

    assert_read(image, &source, 20 * 4096, 4096);
    assert_int_equal(have(image, &source, 10 * 4096, 20 * 4096), 20 * 4096);
    assert_int_equal(have(image, &source, 10 * 4096, 20 * 4096), 20 * 4096);
    assert_int_equal(source.calls, 3);
    assert_int_equal(source.made[9] + source.made[30], 0);
    assert_int_equal(have(image, &source, 99 * 4096, 9 * 4096), 4097);
    cache_get_stats(cache, &stats);
    assert_int_equal(stats.hits, 0); /* nobody has read anything yet that was there */
    assert_read(image, &source, 10 * 4096, 20 * 4096);
    assert_read(image, &source, 99 * 4096, 4097);
    for (size_t i = 10; i < 30; i++)
        assert_int_equal(source.made[i], 1);
    cache_image_close(image);
    cache_close(cache);
}

static void makes_little_that_it_cannot_keep(void **state)
{
    static struct source source = {.size = 2000 * 4096, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, 0);
    struct cache_image *image = open_image(cache, &source, "a");

    assert_read(image, &source, 0, 4096);
    unsigned calls = source.calls;
    assert_int_equal(have(image, &source, 10 * 4096, 1500 * 4096), -ENOSPC);
    assert_int_equal(source.calls, calls);
    assert_int_equal(have(image, &source, 10 * 4096, 20 * 4096), 20 * 4096);
    calls = source.calls;
    assert_read(image, &source, 10 * 4096, 20 * 4096);
    assert_int_equal(source.calls, calls); /* memory had them for a moment */
    cache_image_close(image);
    cache_close(cache);
}

static void images_do_not_mix(void **state)
{
    static struct source a = {.size = 8192, .seed = 1, .piece = 4096, .block = 4096};
    static struct source b = {.size = 5000, .seed = 2, .piece = 4096, .block = 4096};
    static struct source c = {.size = 8192, .seed = 3, .piece = 512, .block = 512};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *images[] = {open_image(cache, &a, "a"), open_image(cache, &b, "b"),
                                    open_image(cache, &c, "a")}; /* the name of another, with other pieces */

    for (int again = 0; again < 3; again++) {
        assert_read(images[0], &a, 0, 10000);
        assert_read(images[1], &b, 0, 10000);
    }
    cache_image_close(images[0]);
    /* What the other size of pieces left behind is no piece of this one's. */
    assert_read(images[2], &c, 0, 10000);
    cache_image_close(images[1]);
    cache_image_close(images[2]);
    cache_close(cache);
}

static int put_nothing(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                       struct task *task)
{
    return 0;
}

/* What each put returns, in the order of the table. */
static int put_oddly(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                     struct task *task)
{
    static uint8_t bytes[16384];
    assert_int_equal(cache_fill_put(fill, 1, bytes, 4096, false), -EINVAL);
    assert_int_equal(cache_fill_put(fill, 0, bytes, 4095, false), -EINVAL);
    assert_int_equal(cache_fill_put(fill, UINT64_MAX - 4095, bytes, 8192, false), -EINVAL);
    assert_int_equal(cache_fill_put(fill, UINT64_C(1) << 63, bytes, 4096, false), -EINVAL);
    assert_int_equal(cache_fill_put(fill, 0, bytes, 0, false), 0);
    assert_int_equal(cache_fill_put(fill, 0, bytes, 8192, false), 0);
    assert_int_equal(cache_fill_put(fill, 8192, NULL, 0, true), 0);
    assert_int_equal(cache_fill_put(fill, 8192, bytes, 4096, false), -EINVAL);
    assert_int_equal(cache_fill_put(fill, 4096, bytes, 100, true), -EINVAL);
    assert_int_equal(cache_fill_put(fill, 4096, bytes, 4096, true), 0);
    return 0;
}

static void refuses_puts_that_cannot_be(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    uint8_t bytes[20000];
    struct task task;

    task_init(&task, NULL);
    for (int life = 0; life < 2; life++) {
        struct cache_image *image;
        assert_int_equal(cache_image_open(cache, "a", 4096, &image), 0);
        assert_int_equal(
            cache_image_read(image, 0, sizeof bytes, bytes,
                             &(struct cache_maker){.make = life ? put_nothing : put_oddly, .context = NULL},
                             &task),
            8192);
        cache_image_close(image);
    }
    cache_close(cache);
}

static int put_empty(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                     struct task *task)
{
    return cache_fill_put(fill, 0, NULL, 0, true);
}

static void holds_an_empty_image(void **state)
{
    uint8_t bytes[10];
    struct task task;

    task_init(&task, NULL);
    for (int life = 0; life < 2; life++) {
        struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
        struct cache_image *image;
        assert_int_equal(cache_image_open(cache, "a", 4096, &image), 0);
        assert_int_equal(
            cache_image_read(image, 0, sizeof bytes, bytes,
                             &(struct cache_maker){.make = life ? put_nothing : put_empty, .context = NULL},
                             &task),
            0);
        cache_image_close(image);
        cache_close(cache);
    }
}

static void refuses_odd_piece_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 256, 511, 513, 4097, 1 << 21};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(cache_image_open(cache, "a", sizes[i], &image), -EINVAL);
    cache_close(cache);
}

static void discards(void **state)
{
    static struct source source = {.size = 100000, .seed = 1, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");

    assert_read(image, &source, 0, 200000);
    cache_image_discard(image);
    source.seed = 2; /* what was there was wrong: now it is right */
    source.size = 90000;
    for (int again = 0; again < 2; again++)
        assert_read(image, &source, 0, 200000);
    assert_int_equal(source.made[0], 2);
    cache_image_close(image);
    cache_close(cache);
}

static struct cache_image *discarded;

static void discard_once(struct source *source, struct task *task)
{
    if (atomic_load(&source->calls) == 1)
        cache_image_discard(discarded);
}

static void stores_nothing_of_a_make_that_was_discarded(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096, .during = discard_once};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);

    discarded = open_image(cache, &source, "a");
    for (int again = 0; again < 3; again++)
        assert_read(discarded, &source, 0, 8192);
    assert_int_equal(source.calls, 2);
    cache_image_close(discarded);
    cache_close(cache);
}

/* A reader who begins while a discarded make is still at it. */
struct late_reader {
    pthread_t thread;
    struct source *source;
    int64_t read;
};

static void *read_late(void *argument)
{
    struct late_reader *late = argument;
    struct task task;

    task_init(&task, NULL);
    late->read = read_and_compare(discarded, late->source, 0, 4096, &task);
    return NULL;
}

/* A make whose bytes are wrong, and which learns so only from another. */
static int make_wrong(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                      struct task *task)
{
    static const uint8_t wrong[4096] = "wrong";
    struct late_reader *late = context;

    cache_image_discard(discarded);
    assert_int_equal(pthread_create(&late->thread, NULL, read_late, late), 0);
    usleep(100000); /* it waits for what is made */
    return cache_fill_put(fill, 0, wrong, sizeof wrong, false);
}

static void who_begins_after_a_discard_gets_nothing_made_before(void **state)
{
    static struct source source = {.size = 100000, .piece = 4096, .block = 4096};
    struct late_reader late = {.source = &source};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    uint8_t bytes[4096];
    struct task task;

    task_init(&task, NULL);
    discarded = open_image(cache, &source, "a");
    assert_int_equal(cache_image_read(discarded, 0, sizeof bytes, bytes,
                                      &(struct cache_maker){.make = make_wrong, .context = &late}, &task),
                     sizeof bytes);
    pthread_join(late.thread, NULL);
    assert_int_equal(late.read, 4096);
    cache_image_close(discarded);
    cache_close(cache);
}

/* More images than files are kept open. */
static void many_images(void **state)
{
    static struct source source = {.size = 5000, .piece = 4096, .block = 4096};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *images[1000];
    char name[20];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "image %d", i);
        source.seed = (uint64_t)i;
        images[i] = open_image(cache, &source, name);
        assert_read(images[i], &source, 0, 5000);
    }
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_in_range(fd, 0, 300);
    close(fd);
    for (int i = 0; i < 1000; i++) {
        source.seed = (uint64_t)i;
        assert_read(images[i], &source, 0, 5000);
        if (i % 2)
            cache_image_close(images[i]);
    }
    assert_int_equal(source.calls, 1000);
    for (int i = 0; i < 1000; i += 2)
        cache_image_close(images[i]);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(gives_the_bytes_of_every_shape),
        folder_test(makes_only_what_is_missing),
        folder_test(keeps_more_than_was_asked),
        folder_test(makes_for_a_reader_to_come),
        folder_test(makes_little_that_it_cannot_keep),
        folder_test(images_do_not_mix),
        folder_test(refuses_puts_that_cannot_be),
        folder_test(holds_an_empty_image),
        folder_test(refuses_odd_piece_sizes),
        folder_test(discards),
        folder_test(stores_nothing_of_a_make_that_was_discarded),
        folder_test(who_begins_after_a_discard_gets_nothing_made_before),
        folder_test(many_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
