/* What becomes of a v0.5 listing when a file of it fails, and when damage has been known for long; and the
 * sums that say so. */
#include "test_cache.h"

#include "litemount/clock.h"
#include "litemount/config.h"
#include "litemount/failures.h"
#include "v05/ltx_sums.h"
#include "v05/v05.h"

#define N 5000 /* pages */

/* Notes all sums; those in [wrong, N) are others than at another call. */
static void note_all(struct ltx_sums *sums, size_t wrong)
{
    for (size_t i = 0; i < N; i++)
        assert_int_equal(ltx_sums_note(sums, i, i + 1 + (i >= wrong ? N : 0)), 0);
}

static void sums_are_kept(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct ltx_sums *sums = ltx_sums_open(cache, "a", N);

    assert_int_equal(atomic_load(&sums->verdict), LTX_UNKNOWN);
    note_all(sums, N);
    ltx_sums_keep(sums, cache, "a");
    ltx_sums_close(sums);
    sums = ltx_sums_open(cache, "a", N);
    assert_int_equal(atomic_load(&sums->verdict), LTX_HOLDS);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(ltx_sums_get(sums, i), i + 1);
        assert_int_equal(ltx_sums_note(sums, i, i + 1), 0);
        assert_int_equal(ltx_sums_note(sums, i, i + 2), -EBADMSG);
    }
    ltx_sums_close(sums);
    sums = ltx_sums_open(cache, "a", N + 1); /* of another file */
    assert_int_equal(atomic_load(&sums->verdict), LTX_UNKNOWN);
    ltx_sums_close(sums);
    ltx_sums_drop(cache, "a");
    sums = ltx_sums_open(cache, "a", N);
    assert_int_equal(atomic_load(&sums->verdict), LTX_UNKNOWN);
    ltx_sums_close(sums);
    cache_close(cache);
}

static void a_page_that_comes_different_contradicts(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct ltx_sums *sums = ltx_sums_open(cache, "a", N);

    note_all(sums, N);
    note_all(sums, N);
    assert_false(atomic_load(&sums->contradicted));
    note_all(sums, N - 1);
    assert_true(atomic_load(&sums->contradicted));
    assert_int_equal(ltx_sums_get(sums, N - 1), N);
    ltx_sums_close(sums);
    cache_close(cache);
}

/* A generation of two files. */
struct pair {
    struct stores *stores;
    struct replica *replica;
    struct failures failures;
    struct v05_generation generation;
};

static struct ltx_file *add_file(struct pair *pair, uint64_t txid)
{
    struct v05_listing *listing = v05_listing_of(pair->generation.base.listing);
    char key[] = "0009/key", version[] = "1";
    const struct object object = {.key = key, .version = version, .size = 4 << 20, .modified = (int64_t)txid};
    struct ltx_file *file = ltx_file_make(&pair->generation, pair->replica, &object, V05_BASE_LEVEL, 1, txid);

    file->time = (int64_t)txid;
    listing->files[listing->n_files++] = file;
    return file;
}

static const struct generation_ops ops = {.renew_locked = v05_renew_locked};

static void pair_init(struct pair *pair, char *folder)
{
    const struct replica_config config = {.type = REPLICA_FILE, .path = folder};
    const struct stores_options options = {0};
    struct task task;

    *pair = (struct pair){0};
    task_init(&task, NULL);
    assert_int_equal(stores_open(&options, &task, &pair->stores), 0);
    assert_int_equal(replica_open(pair->stores, &config, &task, &pair->replica), 0);
    failures_init(&pair->failures);
    pair->generation.base.failures = &pair->failures;
    pair->generation.base.ops = &ops;
    pthread_mutex_init(&pair->generation.base.lock, NULL);
    struct v05_listing *listing = v05_listing_make();
    listing->files = calloc(2, sizeof(struct ltx_file *));
    pair->generation.base.listing = &listing->base;
}

static void pair_finish(struct pair *pair)
{
    generation_listing_unref(pair->generation.base.listing);
    pthread_mutex_destroy(&pair->generation.base.lock);
    replica_close(pair->replica);
    stores_close(pair->stores);
    failures_finish(&pair->failures);
}

static struct v05_listing *current(struct pair *pair)
{
    return v05_listing_of(generation_current(&pair->generation.base));
}

static void let_go(struct v05_listing *listing)
{
    generation_listing_unref(&listing->base);
}

/* As ltx_verdict.c does. */
static void fail_file(struct pair *pair, struct ltx_file *file, struct cache *cache, uint64_t came)
{
    file->sums = ltx_sums_open(cache, "a", 1);
    file->sums->failure = strdup("its checksum does not match");
    file->sums->came = came;
    file->sums->told = 1;
    generation_count_failure(&pair->generation.base);
    atomic_store(&file->sums->verdict, LTX_FAILED);
    generation_tell_failure(&pair->generation.base);
}

static void another_takes_the_place_of_one_that_failed(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct v05_listing *before, *listing;
    uint64_t seen = 0;
    struct pair pair;

    pair_init(&pair, *state);
    struct ltx_file *sound = add_file(&pair, 1), *file = add_file(&pair, 2);
    before = current(&pair);
    assert_ptr_equal(before->files[1], file);
    fail_file(&pair, file, cache, 7);
    assert_true(failures_wait(&pair.failures, &seen));
    assert_int_equal(seen, 1);

    listing = current(&pair);
    assert_ptr_equal(listing->files[0], sound);
    assert_ptr_not_equal(listing->files[1], file);
    assert_ptr_equal(before->files[1], file); /* whoever has it keeps it */
    file = listing->files[1];
    assert_int_equal(file->failures, 1);
    assert_int_equal(file->learnt.state, LEARNT_NOTHING);
    assert_int_equal(file->time, 2);
    let_go(before);

    /* Other bytes are no proof, the same ones are. */
    fail_file(&pair, file, cache, 8);
    let_go(listing);
    listing = current(&pair);
    assert_int_equal(listing->files[1]->learnt.state, LEARNT_NOTHING);
    fail_file(&pair, listing->files[1], cache, 8);
    let_go(listing);
    listing = current(&pair);
    assert_int_equal(listing->files[1]->learnt.state, LEARNT_DAMAGED);
    assert_int_equal(pair.generation.n_damaged, 1);

    /* And that for a while. */
    listing->files[1]->learnt.damage_found = clock_now() - LEARNT_DAMAGE_LASTS + INT64_C(30000000000);
    let_go(current(&pair));
    assert_int_equal(listing->files[1]->learnt.state, LEARNT_DAMAGED);
    listing->files[1]->learnt.damage_found = clock_now() - LEARNT_DAMAGE_LASTS;
    let_go(current(&pair));
    assert_int_equal(listing->files[1]->learnt.state, LEARNT_NOTHING);
    assert_int_equal(pair.generation.n_damaged, 0);
    let_go(listing);
    pair_finish(&pair);
    cache_close(cache);
}

static void waiting_ends(void **state)
{
    struct failures failures;
    uint64_t seen = 0;

    failures_init(&failures);
    failures_tell(&failures);
    failures_tell(&failures);
    failures_tell(NULL);
    assert_true(failures_wait(&failures, &seen));
    assert_int_equal(seen, 2);
    failures_end(&failures);
    assert_false(failures_wait(&failures, &seen));
    failures_finish(&failures);
}

static int make_two(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                    struct task *task)
{
    static const uint8_t pieces[2 * 4096];
    return cache_fill_put(fill, offset, pieces, sizeof pieces, false);
}

static void the_first_missing_piece_is_told(void **state)
{
    const struct cache_maker maker = {.make = make_two};
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct cache_image *image;
    struct task task;
    uint8_t byte;

    task_init(&task, NULL);
    assert_int_equal(cache_image_open(cache, "a", 4096, &image), 0);
    assert_int_equal(cache_image_missing(image, 0, 40960), 0);
    assert_int_equal(cache_image_read(image, 0, 1, &byte, &maker, &task), 1);
    assert_int_equal(cache_image_read(image, 4 * 4096, 1, &byte, &maker, &task), 1);
    assert_int_equal(cache_image_missing(image, 0, 40960), 2 * 4096);
    assert_int_equal(cache_image_missing(image, 0, 5000), 5000);
    assert_int_equal(cache_image_missing(image, 3 * 4096, 40960), 3 * 4096);
    assert_int_equal(cache_image_missing(image, 4 * 4096, 40960), 6 * 4096);
    cache_image_close(image);
    cache_close(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(sums_are_kept),
        folder_test(a_page_that_comes_different_contradicts),
        folder_test(another_takes_the_place_of_one_that_failed),
        cmocka_unit_test(waiting_ends),
        folder_test(the_first_missing_piece_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
