/* Files of the cache that somebody truncates, or that lie on a full disk, while the cache is in use: what
 * they held is made again, and the limit holds. */
#include "test_cache.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define LIMIT (2 << 20) /* bytes */
#define PIECE 4096

static int cut_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    if (kind == FTW_F)
        (void)truncate(path, 0);
    return 0;
}

static void cut_all(const char *folder)
{
    nftw(folder, cut_one, 16, FTW_PHYS);
}

static void cut_usage(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/v1/usage", folder);
    assert_int_equal(truncate(path, 0), 0);
}

static struct source sources[8];

/* Reads images that take twice the limit, `before` each of them. */
static void read_much(struct cache *cache, const char *folder, void (*before)(const char *folder))
{
    for (size_t i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "%zu", i);
        sources[i] = (struct source){.size = LIMIT / 4, .piece = PIECE, .block = 65536, .seed = i};
        struct cache_image *image = open_image(cache, &sources[i], name);
        if (before)
            before(folder);
        assert_read(image, &sources[i], 0, sources[i].size);
        if (before)
            before(folder);
        assert_read(image, &sources[i], 1000, sources[i].size - 5000);
        cache_image_close(image);
        assert_true(disk_usage(folder) <= LIMIT);
    }
}

static void a_count_that_is_gone_is_counted_anew(void **state)
{
    struct cache *cache = open_cache(*state, LIMIT);
    struct cache_stats stats;

    read_much(cache, *state, cut_usage);
    cut_usage(*state);
    cache_get_stats(cache, &stats);
    assert_true(stats.bytes >= disk_usage(*state) - 2 * 4096); /* too many rather than too few */
    read_much(cache, *state, NULL);
    assert_true(disk_usage(*state) >= LIMIT / 2); /* it is in use again */
    cache_get_stats(cache, &stats);
    assert_true(stats.bytes >= disk_usage(*state) - 2 * 4096 && stats.bytes <= LIMIT);
    cache_close(cache);
}

static void files_that_are_cut_are_made_again(void **state)
{
    struct cache *cache = open_cache(*state, LIMIT);
    struct buffer fact = {0};

    cache_put_fact(cache, "a", "frames", 1, "fact", 4);
    read_much(cache, *state, cut_all);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 1, &fact), -ENOENT);
    cache_put_fact(cache, "a", "frames", 1, "again", 5);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 1, &fact), 0);
    assert_true(fact.size == 5 && memcmp(fact.data, "again", 5) == 0);
    buffer_finish(&fact);
    read_much(cache, *state, NULL);
    cache_close(cache);
}

/* A count for which there is no room is none. */
static void a_count_that_cannot_be_written(void **state)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        const struct rlimit limit = {0, 0};
        struct cache *cache = open_cache(*state, LIMIT);
        cut_usage(*state);
        setrlimit(RLIMIT_FSIZE, &limit);
        read_much(cache, *state, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static atomic_bool reading;

static void *cut_always(void *folder)
{
    while (atomic_load(&reading)) {
        cut_all(folder);
        usleep(1000);
    }
    return NULL;
}

static void cut_at_any_moment(void **state)
{
    struct cache *cache = open_cache(*state, LIMIT);
    pthread_t thread;

    atomic_store(&reading, true);
    assert_int_equal(pthread_create(&thread, NULL, cut_always, *state), 0);
    for (int i = 0; i < 10; i++)
        read_much(cache, *state, NULL);
    atomic_store(&reading, false);
    pthread_join(thread, NULL);
    read_much(cache, *state, NULL);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(a_count_that_is_gone_is_counted_anew),
        folder_test(files_that_are_cut_are_made_again),
        folder_test(a_count_that_cannot_be_written),
        folder_test(cut_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
