/* An object that goes bad on its store after it was learnt: what it decodes to then is never served, and
 * never kept. One that was damaged and is so no more. */
#include <fcntl.h>
#include <time.h>

#include "litemount/clock.h"
#include "test_history.h"

/* A segment of 1.2 MB when decoded: too large to be kept in the cache when it is learnt. */
#define GENERATION "replica/p65536.db/generations/b189c3f885048734/"
#define OBJECT GENERATION "wal/00000001_001d02d8.wal.lz4"
#define SNAPSHOTS                                                                                            \
    {                                                                                                        \
        GENERATION "snapshots/00000000.snapshot.lz4", GENERATION "snapshots/00000001.snapshot.lz4"           \
    }
#define FLIPS 24

static struct fixture shared;
static int64_t ahead; /* how much later it is than it is: nanoseconds */

/* In place of the program's. */
int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INSTANT_SECOND + now.tv_nsec + ahead;
}

static int set_up(void **state)
{
    fixture_unpack(&shared, "pagesizes-v03");
    return 0;
}

static int tear_down(void **state)
{
    fixture_remove(&shared);
    return 0;
}

/* Flips a bit and leaves the times as they were: nothing shows that this is another object. */
static void flip_object(const char *object, off_t offset)
{
    char path[PATH_MAX + 128];
    struct stat before;
    uint8_t byte;

    snprintf(path, sizeof path, "%s/%s", shared.folder, object);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static void flip_objects(const char *const objects[2], off_t offset)
{
    for (size_t i = 0; i < 2 && objects[i]; i++)
        flip_object(objects[i], offset);
}

static void flip(off_t offset)
{
    flip_object(OBJECT, offset);
}

static struct state *open_latest(struct backups *backups)
{
    struct state *found = NULL;
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(history_open_latest(backups_find(backups, "p65536.db"), NULL, &task, &found), 0);
    return found;
}

/* Reads page by page; every page is right, or an error. Returns how many were errors. */
static size_t read_pages(struct state *state, const struct buffer *whole)
{
    static uint8_t page[65536];
    size_t errors = 0;
    for (size_t offset = 0; offset < whole->size; offset += sizeof page) {
        struct task task;
        task_init(&task, NULL);
        int64_t n = state_read(state, offset, sizeof page, page, &task);
        errors += n < 0;
        if (n >= 0)
            assert_memory_equal(page, whole->data + offset, (size_t)n);
    }
    return errors;
}

static void serves_no_page_of_an_object_that_went_bad(void **state)
{
    struct backups backups = {0};
    size_t failures = 0;

    backups_open(&backups, &shared, "truth");
    struct state *found = open_latest(&backups);
    struct buffer whole = state_bytes(found);
    state_unref(found);
    backups_close(&backups);
    for (size_t i = 0; i < FLIPS; i++) {
        char cache[16];
        off_t offset = 100 + (off_t)i * 3600;
        snprintf(cache, sizeof cache, "cache%zu", i);
        backups_open(&backups, &shared, cache);
        found = open_latest(&backups);
        flip(offset);
        failures += read_pages(found, &whole);
        read_pages(found, &whole); /* what was kept of the first time */
        flip(offset);
        assert_int_equal(read_pages(found, &whole), 0); /* it is whole again, and so is what is served */
        state_unref(found);
        backups_close(&backups);
    }
    assert_true(failures > FLIPS);
    buffer_finish(&whole);
}

/* What the newest state is, and how many points there are; -ENOENT if there is none. */
static int look(struct backups *backups, int64_t *ret_time, size_t *ret_points)
{
    struct history *history = backups_find(backups, "p65536.db");
    struct instants points = {0};
    struct state *found = NULL;
    struct task task;

    task_init(&task, NULL);
    int r = history_open_latest(history, NULL, &task, &found);
    *ret_time = r == 0 ? state_time(found) : 0;
    state_unref(found);
    task_forgive(&task);
    assert_int_equal(history_list_points(history, "b189c3f885048734", &task, &points), 0);
    *ret_points = points.n;
    instants_finish(&points);
    return r;
}

static void damage_is_looked_at_again_after_a_minute(void **state)
{
    const struct {
        const char *objects[2];
        int result;
    } cases[] = {{{OBJECT}, 0}, {SNAPSHOTS, -ENOENT}};
    struct backups backups = {0};
    int64_t right, time;
    size_t n_right, n;

    backups_open(&backups, &shared, "right");
    assert_int_equal(look(&backups, &right, &n_right), 0);
    backups_close(&backups);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char cache[16];
        snprintf(cache, sizeof cache, "heal%zu", i);
        flip_objects(cases[i].objects, 200);
        backups_open(&backups, &shared, cache);
        for (int looks = 0; looks < 2; looks++) {
            assert_int_equal(look(&backups, &time, &n), cases[i].result);
            assert_true(time < right && n < n_right);
            ahead += looks == 0 ? 61 * INSTANT_SECOND : 0; /* another look, and it still is */
        }
        flip_objects(cases[i].objects, 200);
        assert_int_equal(look(&backups, &time, &n), cases[i].result);
        assert_true(time < right && n < n_right);
        ahead += 61 * INSTANT_SECOND;
        assert_int_equal(look(&backups, &time, &n), 0);
        assert_int_equal(time, right);
        assert_int_equal(n, n_right);
        backups_close(&backups);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_no_page_of_an_object_that_went_bad),
        cmocka_unit_test(damage_is_looked_at_again_after_a_minute),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
