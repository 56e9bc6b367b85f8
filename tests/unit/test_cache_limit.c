#include "test_cache.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { PIECE = 4096, LIMIT = 8 << 20 };

/* Reads 50 images of 50 to 550 KB from `first` on, twice. Returns false if a byte was wrong, or `folder` (if
 * it is given) ever too large. */
static bool read_many(const char *folder, struct cache *cache, struct source *source, unsigned first)
{
    for (unsigned i = first; i < first + 50; i++) {
        struct cache_image *image;
        struct task task;
        char name[20];

        task_init(&task, NULL);
        source->seed = i;
        source->size = 50000 + i * 7919 % 500000;
        snprintf(name, sizeof name, "image %u", i);
        if (cache_image_open(cache, name, source->piece, &image) < 0)
            return false;
        for (int again = 0; again < 2; again++)
            if (read_and_compare(image, source, 0, source->size, &task) != (int64_t)source->size)
                return false;
        cache_image_close(image);
        if (folder && disk_usage(folder) > LIMIT)
            return false;
    }
    return true;
}

static void stays_below_the_limit(void **state)
{
    static struct source source;
    static const size_t pieces[] = {512, 4096, 65536};

    for (unsigned i = 0; i < 3; i++) {
        struct cache *cache = open_cache(*state, LIMIT);
        struct cache_stats stats;
        source = (struct source){.piece = pieces[i], .block = 65536};
        assert_true(read_many(*state, cache, &source, 0));
        cache_get_stats(cache, &stats);
        assert_true(stats.bytes <= LIMIT && disk_usage(*state) <= LIMIT);
        /* It is used, too; and the second read of each found what the first had stored. */
        assert_true(disk_usage(*state) >= LIMIT / 2);
        assert_true(stats.hits >= stats.misses);
        cache_close(cache);
    }
}

enum { CHILDREN = 4 };

static void signal_all(const pid_t children[CHILDREN], int signal)
{
    for (int i = 0; i < CHILDREN; i++)
        kill(children[i], signal);
}

static bool all_ended(const pid_t children[CHILDREN])
{
    siginfo_t info;
    for (int i = 0; i < CHILDREN; i++) {
        info.si_pid = 0;
        if (waitid(P_PID, (id_t)children[i], &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
            return false;
    }
    return true;
}

/* While one walks the folder the others must stand still, or the walk sees what was never there at once. */
static void stays_below_the_limit_with_many_processes(void **state)
{
    static struct source source = {.piece = PIECE, .block = 65536};
    pid_t children[CHILDREN];
    unsigned walks = 0;
    int status;

    for (unsigned i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct cache *cache = open_cache(*state, LIMIT);
            bool good = read_many(NULL, cache, &source, i * 25); /* each image is read by two */
            cache_close(cache);
            _exit(good ? 0 : 1);
        }
    }
    for (; !all_ended(children); walks++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        signal_all(children, SIGSTOP);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        uint64_t used = disk_usage(*state);
        signal_all(children, SIGCONT);
        assert_true(used <= LIMIT);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_true(walks > 10);
    assert_true(disk_usage(*state) >= LIMIT / 2);
}

/* A fact that replaces another is counted as one more, until somebody looks what is there. */
static void the_count_comes_back_to_the_truth(void **state)
{
    static struct source source = {.size = LIMIT / 2, .piece = PIECE, .block = 65536};
    struct cache *cache = open_cache(*state, LIMIT);
    struct cache_image *image = open_image(cache, &source, "a");
    struct cache_stats stats;

    for (int i = 0; i < 1100; i++)
        cache_put_fact(cache, "a", "frames", 1, "fact", 4);
    assert_read(image, &source, 0, source.size);
    assert_true(disk_usage(*state) >= source.size);
    for (int i = 0; i < 1100; i++)
        cache_put_fact(cache, "a", "frames", 1, "fact", 4);
    cache_get_stats(cache, &stats);
    assert_true(stats.bytes <= LIMIT && stats.bytes >= disk_usage(*state) - 4096);
    assert_true(disk_usage(*state) >= source.size);
    cache_image_close(image);
    cache_close(cache);
}

/* What was used last stays. */
static void the_least_recently_used_goes_first(void **state)
{
    static struct source source = {.size = 1 << 20, .piece = PIECE, .block = 65536};
    struct cache_image *image;
    struct cache *cache;
    char name[20];

    /* Each image's use is noted when a cache uses it for the first time. */
    for (int i = 0; i < 7; i++) {
        cache = open_cache(*state, LIMIT);
        snprintf(name, sizeof name, "image %d", i);
        image = open_image(cache, &source, name);
        assert_read(image, &source, 0, source.size);
        cache_image_close(image);
        cache_close(cache);
    }
    cache = open_cache(*state, LIMIT);
    image = open_image(cache, &source, "image 0");
    assert_read(image, &source, 0, 100);
    cache_image_close(image);
    image = open_image(cache, &source, "one more");
    assert_read(image, &source, 0, source.size);
    cache_image_close(image);
    source.calls = 0;
    image = open_image(cache, &source, "image 0");
    assert_read(image, &source, 0, source.size);
    cache_image_close(image);
    assert_int_equal(source.calls, 0);
    image = open_image(cache, &source, "image 1");
    assert_read(image, &source, 0, source.size);
    cache_image_close(image);
    assert_true(source.calls > 0);
    cache_close(cache);
}

static void an_image_larger_than_the_limit_stays_in_part(void **state)
{
    static struct source source = {.size = 3 * LIMIT, .piece = 65536, .block = 1 << 18};
    struct cache *cache = open_cache(*state, LIMIT);
    struct cache_image *image = open_image(cache, &source, "a");

    for (int again = 0; again < 3; again++)
        for (uint64_t offset = 0; offset < source.size; offset += source.block)
            assert_read(image, &source, offset, source.block);
    assert_true(disk_usage(*state) <= LIMIT);
    /* Nine tenths of the limit were stored in the first round, and made in none of the others. */
    assert_true(source.calls <= 3 * (source.size / source.block) - 2 * (LIMIT / source.block) * 9 / 10);
    cache_image_close(image);
    cache_close(cache);
}

/* Reads an image twice, block by block. What can't be stored is still right, and is made at most once as long
 * as what is remembered in memory lasts. */
static void read_through(const char *folder, uint64_t limit)
{
    static struct source source;
    struct cache *cache = open_cache(folder, limit);
    struct cache_image *image;

    source = (struct source){.size = 24 << 20, .piece = 65536, .block = 4 << 20};
    image = open_image(cache, &source, "a");
    for (int again = 0; again < 2; again++)
        for (uint64_t offset = 0; offset < source.size; offset += 1 << 17)
            assert_read(image, &source, offset, 1 << 17);
    assert_int_equal(source.calls, 6);
    /* More at once than is remembered. */
    source = (struct source){.size = 36 << 20, .piece = 1 << 20, .block = 36 << 20};
    cache_image_close(image);
    image = open_image(cache, &source, "b");
    assert_read(image, &source, 0, source.size);
    assert_int_equal(source.calls, 1);
    cache_image_close(image);
    cache_close(cache);
}

static void reads_through_where_nothing_fits(void **state)
{
    static const uint64_t limits[] = {0, 100000, 3 << 20};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        read_through(*state, limits[i]);
        assert_true(limits[i] < 3 << 20 || disk_usage(*state) <= limits[i]);
    }
}

static void reads_through_on_a_full_disk(void **state)
{
    if (mount("none", *state, "tmpfs", 0, "size=1m") < 0) {
        print_message("skipped: mounting a file system for the test needs root\n");
        skip();
    }
    read_through(*state, CACHE_SIZE_DEFAULT);
    /* Room that appears is used. */
    mount("none", *state, "tmpfs", MS_REMOUNT, "size=200m");
    read_through(*state, CACHE_SIZE_DEFAULT);
    bool used = disk_usage(*state) > 24 << 20;
    umount(*state);
    assert_true(used);
}

static void reads_through_beyond_the_file_size_limit(void **state)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit limit = {1 << 20, 1 << 20};
        setrlimit(RLIMIT_FSIZE, &limit);
        read_through(*state, CACHE_SIZE_DEFAULT);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void fill_a_little(const char *folder)
{
    static struct source source;
    struct cache *cache = open_cache(folder, CACHE_SIZE_DEFAULT);
    source = (struct source){.size = 24 << 20, .piece = 65536, .block = 4 << 20};
    struct cache_image *image = open_image(cache, &source, "a");
    assert_read(image, &source, 0, 1000);
    cache_put_fact(cache, "a", "frames", 1, "fact", 4);
    cache_image_close(image);
    cache_close(cache);
}

static void reads_a_read_only_folder(void **state)
{
    static struct source source = {.size = 24 << 20, .piece = 65536, .block = 4 << 20};
    struct buffer fact = {0};

    fill_a_little(*state);
    if (mount(*state, *state, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, *state, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0) {
        print_message("skipped: mounting a file system for the test needs root\n");
        skip();
    }
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image = open_image(cache, &source, "a");
    assert_read(image, &source, 0, 4 << 20);
    assert_int_equal(source.calls, 0);
    assert_read(image, &source, 0, source.size);
    assert_read(image, &source, 0, source.size);
    assert_int_equal(source.calls, 1);
    cache_put_fact(cache, "a", "blocks", 1, "fact", 4);
    assert_int_equal(cache_get_fact(cache, "a", "blocks", 1, &fact), -ENOENT);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 1, &fact), 0);
    cache_image_close(image);
    cache_close(cache);
    buffer_finish(&fact);
    umount(*state);
}

static void works_in_an_empty_read_only_folder(void **state)
{
    if (mount("none", *state, "tmpfs", MS_RDONLY, NULL) < 0) {
        print_message("skipped: mounting a file system for the test needs root\n");
        skip();
    }
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    static struct source source = {.size = 1 << 20, .piece = 65536, .block = 1 << 20};
    struct cache_image *image = open_image(cache, &source, "a");
    assert_read(image, &source, 0, source.size);
    assert_read(image, &source, 0, source.size);
    assert_int_equal(source.calls, 1);
    cache_image_close(image);
    cache_close(cache);
    umount(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(stays_below_the_limit),
        folder_test(stays_below_the_limit_with_many_processes),
        folder_test(the_count_comes_back_to_the_truth),
        folder_test(the_least_recently_used_goes_first),
        folder_test(an_image_larger_than_the_limit_stays_in_part),
        folder_test(reads_through_where_nothing_fits),
        folder_test(reads_through_on_a_full_disk),
        folder_test(reads_through_beyond_the_file_size_limit),
        folder_test(reads_a_read_only_folder),
        folder_test(works_in_an_empty_read_only_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
