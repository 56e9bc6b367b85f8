/* The table of an LTX file's pages: made, kept, and looked up again as it lies in the cache. */
#include "test_cache.h"

#include "v05/ltx_table.h"

#define PAGE_SIZE 65536 /* so that the lock page is number 16385 */
#define LOCK_PAGE 16385
#define FRAME(number) (7 + (number) % 5) /* bytes */

static const struct ltx_header header = {
    .page_size = PAGE_SIZE, .commit = 40000, .min_txid = 1, .max_txid = 9, .timestamp = 12};

static const uint8_t start[LTX_START_SIZE];

static bool every_page(uint32_t number)
{
    return number != LOCK_PAGE;
}

static bool every_third_page(uint32_t number)
{
    return number % 3 == 1 && number != LOCK_PAGE;
}

static bool all_but_one_at_the_end(uint32_t number)
{
    return number != LOCK_PAGE && number != 19999;
}

static bool no_page(uint32_t number)
{
    return false;
}

/* A table of those of the pages up to `last` that `holds` says. */
static void make(bool (*holds)(uint32_t number), uint32_t last, struct ltx_table *ret_table)
{
    struct ltx_table_builder builder;
    struct ltx_page page = {.offset = LTX_HEADER_SIZE};

    ltx_table_begin(&header, start, start, &builder);
    for (page.number = 1; page.number <= last; page.number++) {
        if (!holds(page.number))
            continue;
        page.size = FRAME(page.number);
        assert_int_equal(ltx_table_add(&builder, &page), 0);
        page.offset += page.size;
    }
    assert_int_equal(ltx_table_make(&builder, 123456789, ret_table), 0);
    ltx_table_builder_finish(&builder);
}

static void check(const struct ltx_table *table, bool (*holds)(uint32_t number), uint32_t last)
{
    uint64_t offset = LTX_HEADER_SIZE;
    size_t n = 0, entry;

    assert_int_equal(table->head->time, 123456789);
    assert_memory_equal(&table->head->header, &header, sizeof header);
    assert_false(ltx_table_find(table, 0, &entry));
    for (uint32_t number = 1; number <= last; number++) {
        assert_int_equal(ltx_table_find(table, number, &entry), holds(number));
        if (!holds(number))
            continue;
        struct ltx_page page = ltx_table_page(table, n);
        assert_int_equal(entry, n++);
        assert_int_equal(page.number, number);
        assert_int_equal(page.offset, offset);
        assert_int_equal(page.size, FRAME(number));
        offset += page.size;
    }
    assert_int_equal(table->n, n);
    assert_int_equal(ltx_table_offset(table, n), offset);
    assert_false(ltx_table_find(table, last + 1, &entry));
    assert_false(ltx_table_find(table, UINT32_MAX, &entry));
}

static const struct {
    bool (*holds)(uint32_t number);
    uint32_t last;
    bool told;
} cases[] = {
    {every_page, 20000, false},  {every_page, 64, false},
    {every_page, 65, false},     {every_third_page, 20000, true},
    {every_third_page, 7, true}, {all_but_one_at_the_end, 20000, true},
    {no_page, 10, false},
};

#define N_CASES (sizeof cases / sizeof *cases)

static void finds_pages(void **state)
{
    for (size_t i = 0; i < N_CASES; i++) {
        struct ltx_table table;
        make(cases[i].holds, cases[i].last, &table);
        check(&table, cases[i].holds, cases[i].last);
        assert_int_equal(table.numbers != NULL, cases[i].told);
        ltx_table_finish(&table);
    }
}

static void is_kept(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);

    for (size_t i = 0; i < N_CASES; i++) {
        struct ltx_table table, again;
        char identity[8];
        snprintf(identity, sizeof identity, "%zu", i);
        assert_int_equal(ltx_table_recall(cache, identity, &again), -ENOENT);
        make(cases[i].holds, cases[i].last, &table);
        ltx_table_keep(&table, cache, identity);
        assert_int_equal(ltx_table_recall(cache, identity, &again), 0);
        check(&table, cases[i].holds, cases[i].last);
        ltx_table_finish(&table);
        check(&again, cases[i].holds, cases[i].last);
        ltx_table_finish(&again);
    }
    cache_close(cache);
}

/* Where nothing can be kept, it stays in memory. */
static void stays_in_memory_without_room(void **state)
{
    struct cache *cache = open_cache(*state, 4096);
    struct ltx_table table, again;

    make(every_page, 20000, &table);
    ltx_table_keep(&table, cache, "a");
    check(&table, every_page, 20000);
    assert_int_equal(ltx_table_recall(cache, "a", &again), -ENOENT);
    ltx_table_finish(&table);
    cache_close(cache);
}

/* A fact that is sound, but none of ours: of another version, or of another length than it says. */
static void refuses_what_is_no_table(void **state)
{
    struct cache *cache = open_cache(*state, CACHE_SIZE_DEFAULT);
    struct ltx_table table, again;
    struct buffer bytes;

    make(every_third_page, 100, &table);
    bytes = table.memory;
    for (size_t length = 0; length <= bytes.size; length++) {
        cache_put_fact(cache, "a", "ltx", 1, bytes.data, length);
        int r = ltx_table_recall(cache, "a", &again);
        assert_int_equal(r, length < bytes.size ? -ENOENT : 0);
    }
    ltx_table_finish(&again);
    cache_put_fact(cache, "a", "ltx", 2, bytes.data, bytes.size);
    assert_int_equal(ltx_table_recall(cache, "a", &again), -ENOENT);
    ltx_table_finish(&table);
    cache_close(cache);
}

/* A frame may be larger than two bytes can tell; and each begins where the one before it ends. */
static void holds_large_frames(void **state)
{
    struct ltx_page page = {.number = 1, .offset = LTX_HEADER_SIZE, .size = 70000};
    struct ltx_table_builder builder;
    struct ltx_table table;

    ltx_table_begin(&header, start, start, &builder);
    assert_int_equal(ltx_table_add(&builder, &page), 0);
    page = (struct ltx_page){.number = 2, .offset = LTX_HEADER_SIZE + 69999, .size = 7};
    assert_int_equal(ltx_table_add(&builder, &page), -EBADMSG);
    page.offset++;
    assert_int_equal(ltx_table_add(&builder, &page), 0);
    assert_int_equal(ltx_table_make(&builder, 0, &table), 0);
    ltx_table_builder_finish(&builder);
    assert_int_equal(ltx_table_page(&table, 0).size, 70000);
    assert_int_equal(ltx_table_page(&table, 1).size, 7);
    assert_int_equal(ltx_table_offset(&table, 2), LTX_HEADER_SIZE + 70007);
    ltx_table_finish(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_pages),
        cmocka_unit_test(holds_large_frames),
        folder_test(is_kept),
        folder_test(stays_in_memory_without_room),
        folder_test(refuses_what_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
