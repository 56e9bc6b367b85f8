/* A small replica, listed at once: folder by folder it must look as the store itself shows it. */
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "generation/contents.h"
#include "litemount/cache.h"
#include "litemount/config.h"
#include "litemount/task.h"

struct place {
    char folder[64];
    struct stores *stores;
    struct replica *replica;
    struct task task;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    struct replica_config config = {.type = REPLICA_FILE, .path = place->folder};

    task_init(&place->task, NULL);
    snprintf(place->folder, sizeof place->folder, "/tmp/litemount-test-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    assert_int_equal(stores_open(NULL, &place->task, &place->stores), 0);
    assert_int_equal(replica_open(place->stores, &config, &place->task, &place->replica), 0);
    *state = place;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    return remove(path);
}

static int remove_place(void **state)
{
    struct place *place = *state;
    replica_close(place->replica);
    stores_close(place->stores);
    nftw(place->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

/* Puts an object of that key, and the folders on the way. */
static void put(const struct place *place, const char *key)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", place->folder, key);
    for (char *slash = path + strlen(place->folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(key, file);
    fclose(file);
}

static void compare(struct place *place, const struct contents *contents, const char *prefix,
                    const char *after)
{
    struct listing found = {0}, wanted = {0};

    assert_int_equal(contents_list(contents, prefix, after, &place->task, &found), 0);
    assert_int_equal(replica_list(place->replica, prefix, LIST_FOLDER, after, 0, &place->task, &wanted), 0);
    assert_int_equal(found.n_objects, wanted.n_objects);
    assert_int_equal(found.n_folders, wanted.n_folders);
    for (size_t i = 0; i < wanted.n_objects; i++) {
        assert_string_equal(found.objects[i].key, wanted.objects[i].key);
        assert_string_equal(found.objects[i].version, wanted.objects[i].version);
        assert_int_equal(found.objects[i].size, wanted.objects[i].size);
        assert_int_equal(found.objects[i].modified, wanted.objects[i].modified);
    }
    for (size_t i = 0; i < wanted.n_folders; i++)
        assert_string_equal(found.folders[i], wanted.folders[i]);
    listing_finish(&found);
    listing_finish(&wanted);
}

static void looks_as_the_store_does(void **state)
{
    static const char *const keys[] = {
        "0000/a",    "0000/b", "0009/a",  "00",      "generations/g/wal/1",      "ltx/0/a",
        "ltx/0/b/c", "ltx/10", "ltx/9/a", "ltx-0/a", "generations/g/snapshots/1"};
    static const char *const prefixes[] = {"",       "0000/",  "0001/",        "ltx/",
                                           "ltx/0/", "ltx/9/", "generations/", "generations/g/wal/"};
    struct place *place = *state;
    struct contents contents = {.replica = place->replica};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put(place, keys[i]);
    assert_int_equal(contents_look(&contents, &place->task), 0);
    assert_true(contents.complete);
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        compare(place, &contents, prefixes[i], NULL);
    compare(place, &contents, "0000/", "0000/a");
    compare(place, &contents, "0000/", "0000/b");
    contents_finish(&contents);
}

static void an_empty_one_is_a_small_one(void **state)
{
    struct place *place = *state;
    struct contents contents = {.replica = place->replica};

    assert_int_equal(contents_look(&contents, &place->task), 0);
    assert_true(contents.complete);
    compare(place, &contents, "", NULL);
    contents_finish(&contents);
}

static void a_large_one_is_listed_by_folder(void **state)
{
    struct place *place = *state;
    struct contents contents = {.replica = place->replica};
    char key[32];

    for (int i = 0; i < CONTENTS_AT_ONCE; i++) {
        snprintf(key, sizeof key, "0000/%d", i);
        put(place, key);
    }
    put(place, "0009/last");
    assert_int_equal(contents_look(&contents, &place->task), 0);
    assert_false(contents.complete);
    compare(place, &contents, "0009/", NULL);
    compare(place, &contents, "0000/", "0000/99");
    contents_finish(&contents);
}

/* Lists through the cache; returns how many objects there are, and as of when. */
static size_t count_kept(struct place *place, struct cache *cache, bool recall, int64_t *ret_as_of)
{
    _Atomic int64_t as_of = INT64_MAX;
    const struct contents contents = {
        .replica = place->replica, .cache = cache, .recall = recall, .as_of = &as_of};
    struct listing found = {0};

    assert_int_equal(contents_list(&contents, "0000/", NULL, &place->task, &found), 0);
    for (size_t i = 1; i < found.n_objects; i++)
        assert_true(strcmp(found.objects[i - 1].key, found.objects[i].key) < 0);
    size_t n = found.n_objects;
    listing_finish(&found);
    *ret_as_of = as_of;
    return n;
}

static void a_large_folder_is_listed_on_by_the_next_mount(void **state)
{
    struct place *place = *state;
    struct cache *cache;
    char key[32], path[PATH_MAX], folder[PATH_MAX];
    int64_t first, as_of;

    snprintf(folder, sizeof folder, "%s/cache", place->folder);
    for (int i = 0; i < 2500; i++) {
        snprintf(key, sizeof key, "0000/%04d", i);
        put(place, key);
    }
    assert_int_equal(cache_open(folder, CACHE_SIZE_DEFAULT, &place->task, &cache), 0);
    assert_int_equal(count_kept(place, cache, true, &first), 2500);
    put(place, "0000/2500");
    snprintf(path, sizeof path, "%s/0000/0001", place->folder);
    assert_int_equal(remove(path), 0);
    /* What is behind is seen; what was deleted in front is not, and the listing says how old it is. */
    assert_int_equal(count_kept(place, cache, true, &as_of), 2501);
    assert_int_equal(as_of, first);
    assert_int_equal(count_kept(place, cache, false, &as_of), 2500);
    assert_true(as_of > first);
    assert_int_equal(count_kept(place, cache, true, &first), 2500);
    assert_int_equal(as_of, first);
    cache_close(cache);
}

#define place_test(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(looks_as_the_store_does),
        place_test(an_empty_one_is_a_small_one),
        place_test(a_large_one_is_listed_by_folder),
        place_test(a_large_folder_is_listed_on_by_the_next_mount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
