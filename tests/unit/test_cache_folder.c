#include "test_cache.h"

#include <fcntl.h>

/* A cache's folder, opened and closed again. Returns what cache_open did; the reason in `task`. */
static int try_folder(const char *folder, struct task *task)
{
    struct cache *cache = NULL;
    task_init(task, NULL);
    int r = cache_open(folder, CACHE_SIZE_DEFAULT, task, &cache);
    cache_close(cache);
    return r;
}

static mode_t mode_of(const char *folder, const char *name)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &info) < 0 ? 0 : info.st_mode & 07777;
}

static void makes_its_folder(void **state)
{
    const char *base = *state;
    char path[4096];
    struct task task;

    snprintf(path, sizeof path, "%s/a/b/c", base);
    umask(0);
    assert_int_equal(try_folder(path, &task), 0);
    assert_int_equal(mode_of(base, "a"), 0700);
    assert_int_equal(mode_of(base, "a/b/c"), 0700);
    assert_int_equal(mode_of(base, "a/b/c/v1"), 0700);
    assert_int_equal(mode_of(base, "a/b/c/v1/usage"), 0600);
}

static void shuts_a_folder_that_others_can_enter(void **state)
{
    char path[4096];
    struct task task;

    snprintf(path, sizeof path, "%s/v1", (char *)*state);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(try_folder(*state, &task), 0);
    assert_int_equal(mode_of(*state, "v1"), 0700);
    assert_int_equal(mode_of(*state, "."), 0755); /* may be more than a cache */
}

static const struct {
    const char *cache_home, *home; /* in the test's folder if they begin with '/', NULL: unset */
    const char *made;              /* the folder that must be there afterwards */
} homes[] = {
    {"/one", "/two", "one/litemount/v1"},
    {NULL, "/three", "three/.cache/litemount/v1"},
    {"", "/four", "four/.cache/litemount/v1"},
    {"relative", "/five", "five/.cache/litemount/v1"},
};

static void set_variable(const char *name, const char *base, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", text && text[0] == '/' ? base : "", text ? text : "");
    if (text)
        setenv(name, path, 1);
    else
        unsetenv(name);
}

static void finds_the_users_own_folder(void **state)
{
    struct task task;
    for (size_t i = 0; i < sizeof homes / sizeof *homes; i++) {
        set_variable("XDG_CACHE_HOME", *state, homes[i].cache_home);
        set_variable("HOME", *state, homes[i].home);
        assert_int_equal(try_folder(NULL, &task), 0);
        assert_int_equal(mode_of(*state, homes[i].made), 0700);
    }
}

/* A container may have no home, or none that can be written to. */
static void does_without_the_users_own_folder(void **state)
{
    struct cache *cache = NULL;
    struct buffer buffer = {0};
    struct task task;

    task_init(&task, NULL);
    setenv("XDG_CACHE_HOME", "/proc/no-such-folder", 1);
    assert_int_equal(cache_open(NULL, CACHE_SIZE_DEFAULT, &task, &cache), 0);
    assert_string_equal(task.reason, "");
    cache_put_fact(cache, "a", "frames", 1, "one", 3);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 1, &buffer), -ENOENT);
    cache_close(cache);
}

static void refuses_what_is_no_folder(void **state)
{
    char path[4096], expected[4200];
    struct task task;

    snprintf(path, sizeof path, "%s/file", (char *)*state);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(try_folder(path, &task), -ENOTDIR);
    snprintf(expected, sizeof expected, "cannot open the cache folder %s: Not a directory", path);
    assert_string_equal(task_reason(&task, 0), expected);
    snprintf(path, sizeof path, "%s/file/below", (char *)*state);
    assert_int_equal(try_folder(path, &task), -ENOTDIR);
    assert_int_equal(try_folder("/proc/no-such-folder", &task), -ENOENT);
    assert_int_equal(try_folder("", &task), -ENOENT);
}

/* A folder of somebody else's, itself or behind a link, and v1 of somebody else's or a link. */
static void refuses_what_is_not_ours(void **state)
{
    char theirs[2048], link[2048], ours[2048], version[4096];
    struct task task;

    if (geteuid() != 0) {
        print_message("skipped: giving a folder to somebody else needs root\n");
        skip();
    }
    snprintf(theirs, sizeof theirs, "%s/theirs", (char *)*state);
    snprintf(link, sizeof link, "%s/link", (char *)*state);
    snprintf(ours, sizeof ours, "%s/ours", (char *)*state);
    assert_int_equal(mkdir(theirs, 0777) | mkdir(ours, 0700) | chown(theirs, 12345, 12345), 0);
    assert_int_equal(symlink(theirs, link), 0);
    assert_int_equal(try_folder(theirs, &task), -EPERM);
    assert_int_equal(try_folder(link, &task), -EPERM);
    assert_non_null(strstr(task_reason(&task, 0), "belongs to somebody else"));
    snprintf(version, sizeof version, "%s/v1", ours);
    assert_int_equal(mkdir(version, 0777) | chown(version, 12345, 12345), 0);
    assert_int_equal(try_folder(ours, &task), -EPERM);
    assert_int_equal(rmdir(version) | symlink(theirs, version), 0);
    assert_true(try_folder(ours, &task) < 0);
}

static int get(struct cache *cache, const char *identity, const char *kind, struct buffer *buffer)
{
    buffer->size = 0;
    return cache_get_fact(cache, identity, kind, 1, buffer);
}

static bool is_unknown(struct cache *cache, const char *identity, const char *kind)
{
    struct buffer buffer = {0};
    int r = cache_get_fact(cache, identity, kind, 1, &buffer);

    assert_true(buffer.size == 0);
    buffer_finish(&buffer);
    return r == -ENOENT;
}

static void keeps_facts(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct buffer buffer = {0};

    assert_int_equal(get(cache, "a", "frames", &buffer), -ENOENT);
    cache_put_fact(cache, "a", "frames", 1, "one", 3);
    cache_put_fact(cache, "a", "blocks", 1, "", 0);
    cache_put_fact(cache, "b", "frames", 1, "three", 5);
    cache_put_fact(cache, "b", "frames", 1, "seven", 5);
    cache_close(cache);
    cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    assert_int_equal(get(cache, "a", "blocks", &buffer), 0);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(get(cache, "a", "frames", &buffer), 0);
    assert_true(buffer.size == 3 && memcmp(buffer.data, "one", 3) == 0);
    assert_int_equal(cache_get_fact(cache, "b", "frames", 1, &buffer), 0); /* appends */
    assert_true(buffer.size == 8 && memcmp(buffer.data, "oneseven", 8) == 0);
    assert_int_equal(get(cache, "b", "blocks", &buffer), -ENOENT);
    buffer_finish(&buffer);
    cache_close(cache);
}

/* What another version of the program has kept is not read, and gives way to what this one keeps. */
static void keeps_facts_of_other_versions_apart(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct buffer buffer = {0};

    cache_put_fact(cache, "a", "frames", 1, "one", 3);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 2, &buffer), -ENOENT);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 0, &buffer), -ENOENT);
    cache_put_fact(cache, "a", "frames", 2, "two", 3);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 1, &buffer), -ENOENT);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(cache_get_fact(cache, "a", "frames", 2, &buffer), 0);
    assert_true(buffer.size == 3 && memcmp(buffer.data, "two", 3) == 0);
    buffer_finish(&buffer);
    cache_close(cache);
}

static void refuses_kinds_that_are_no_words(void **state)
{
    static const char *const kinds[] = {"", "img", "../x", "Frames", "a b", "averyveryverylongword", "a.tmp"};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct buffer buffer = {0};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cache_put_fact(cache, "a", kinds[i], 1, "x", 1);
        assert_int_equal(cache_get_fact(cache, "a", kinds[i], 1, &buffer), -ENOENT);
    }
    assert_null(buffer.data);
    cache_close(cache);
}

static char fact_path[4096]; /* the one that the walk under way finds */

static int find_fact(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    if (strstr(path, ".frames"))
        snprintf(fact_path, sizeof fact_path, "%s", path);
    return 0;
}

/* Whatever one byte of the file becomes, and wherever it ends. */
static void no_damaged_fact_is_given(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct buffer buffer = {0};
    uint8_t file[100];

    cache_put_fact(cache, "a", "frames", 1, "a fact of some length", 21);
    nftw(*state, find_fact, 16, FTW_PHYS);
    int fd = open(fact_path, O_RDWR | O_CLOEXEC);
    ssize_t size = read(fd, file, sizeof file);
    assert_int_equal(size, 45);
    for (ssize_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            uint8_t byte = file[i] ^ (uint8_t)(1 << bit);
            assert_int_equal(pwrite(fd, &byte, 1, i), 1);
            assert_true(is_unknown(cache, "a", "frames"));
        }
        assert_int_equal(pwrite(fd, file + i, 1, i), 1);
    }
    assert_int_equal(cache_get_fact(cache, "a", "frames", 1, &buffer), 0);
    assert_int_equal(pwrite(fd, "", 1, size), 1);
    assert_true(is_unknown(cache, "a", "frames"));
    for (ssize_t i = size - 1; i >= 0; i--) {
        assert_int_equal(ftruncate(fd, i), 0);
        assert_true(is_unknown(cache, "a", "frames"));
    }
    assert_int_equal(buffer.size, 21);
    close(fd);
    buffer_finish(&buffer);
    cache_close(cache);
}

/* A fact under another object's name, or as another kind, is not that one's. */
static void a_renamed_fact_is_not_given(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    char other[4096];

    cache_put_fact(cache, "a", "frames", 1, "fact", 4);
    nftw(*state, find_fact, 16, FTW_PHYS);
    snprintf(other, sizeof other, "%.*s.blocks", (int)(strlen(fact_path) - strlen(".frames")), fact_path);
    assert_int_equal(rename(fact_path, other), 0);
    assert_true(is_unknown(cache, "a", "blocks"));
    cache_close(cache);
}

static void sweeps_what_a_crash_left_half_written(void **state)
{
    char folder[2048], path[4096];

    cache_close(open_cache(*state, CACHE_SIZE_DEFAULT));
    snprintf(folder, sizeof folder, "%s/v1/ab", (char *)*state);
    snprintf(path, sizeof path, "%s/abcd.frames.77-0.tmp", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    assert_int_equal(access(path, F_OK), -1);
    /* Not while somebody else may be writing it. */
    close(open(path, O_CREAT | O_WRONLY, 0600));
    cache_close(open_cache(*state, CACHE_SIZE_DEFAULT));
    assert_int_equal(access(path, F_OK), 0);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(makes_its_folder),
        folder_test(shuts_a_folder_that_others_can_enter),
        folder_test(finds_the_users_own_folder),
        folder_test(does_without_the_users_own_folder),
        folder_test(refuses_what_is_no_folder),
        folder_test(refuses_what_is_not_ours),
        folder_test(keeps_facts),
        folder_test(keeps_facts_of_other_versions_apart),
        folder_test(refuses_kinds_that_are_no_words),
        folder_test(no_damaged_fact_is_given),
        folder_test(a_renamed_fact_is_not_given),
        folder_test(sweeps_what_a_crash_left_half_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
