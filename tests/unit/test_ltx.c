#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "data_files.h"
#include "litemount/ltx.h"

/* What the library that Litestream writes LTX files with reads in them: printed by tests/data/v05/make.go.
 * The header's fields stand in its struct's order. */
static const struct {
    const char *file;
    size_t n_pages;
    struct ltx_header header;
} files[] = {
    {"v05/built-1.ltx", 3, {0, 512, 3, 1, 1, 1700000000000, 0x0, 32, 536, {0x1, 0x2}}},
    {"v05/built-3-5.ltx", 3, {2, 512, 9, 3, 5, 1700000000000, 0x0, 32, 536, {0x1, 0x2}}},
    {"v05/cable-1-2.ltx", 5, {2, 4096, 5, 1, 2, 1795485283443, 0x0, 37112, 4120, {0x9c4275de, 0xeea20c85}}},
    {"v05/cable-2-4.ltx", 5, {2, 4096, 7, 2, 4, 1795485284631, 0x0, 0, 0, {0x0, 0x0}}},
    {"v05/cable-5-9.ltx", 8, {2, 4096, 9, 5, 9, 1795485287631, 0x0, 0, 0, {0x0, 0x0}}},
    {"v05/cable-71.ltx", 1, {2, 4096, 46, 71, 71, 1795485331634, 0x0, 32, 4120, {0x9c4275e8, 0x2551e561}}},
    {"v05/checksums-1-2.ltx",
     5,
     {0, 4096, 5, 1, 2, 1795485283443, 0x0, 37112, 4120, {0x9c4275de, 0xeea20c85}}},
    {"v05/checksums-3.ltx",
     1,
     {0, 4096, 5, 3, 3, 1795485283443, 0xdca3ac85bb886f34, 37112, 4120, {0x9c4275de, 0xeea20c85}}},
    {"v05/f512-1-2.ltx", 66, {2, 512, 66, 1, 2, 1795485285020, 0x0, 17720, 536, {0xbf6b8c2a, 0x799bfdee}}},
    {"v05/f512-10.ltx", 1, {2, 512, 125, 10, 10, 1795485301435, 0x0, 32, 536, {0xbf6b8c2e, 0x91aa880c}}},
    {"v05/f512-3-4.ltx", 44, {2, 512, 86, 3, 4, 1795485287038, 0x0, 0, 0, {0x0, 0x0}}},
    {"v05/f65536-1-3.ltx",
     9,
     {2, 65536, 9, 1, 3, 1795485285025, 0x0, 1835712, 65560, {0xc3b335e9, 0x12ea2f39}}},
    /* Frames of the lz4 program, with other flags: the library reads only what it wrote. */
    {"v05/lz4-flags.ltx", 10, {2, 512, 10, 3, 5, 1700000000000, 0x0, 32, 536, {0x1, 0x2}}},
};
#define N_FILES (sizeof files / sizeof *files)

static const size_t steps[] = {1, 7, 537, 4099, SIZE_MAX / 2};
#define N_STEPS (sizeof steps / sizeof *steps)

/* Feeds the bytes in pieces of `step`. */
static int check(const struct buffer *bytes, size_t step, struct ltx_header *ret_header,
                 struct ltx_index *ret_index)
{
    struct ltx_checker *checker;
    int r = ltx_checker_open(&checker);
    for (size_t at = 0; r == 0 && at < bytes->size; at += step) {
        size_t rest = bytes->size - at;
        r = ltx_checker_feed(checker, bytes->data + at, rest < step ? rest : step);
    }
    if (r == 0)
        r = ltx_checker_end(checker, ret_header, ret_index);
    else
        assert_int_equal(ltx_checker_end(checker, ret_header, ret_index), r);
    ltx_checker_close(checker);
    return r;
}

/* Reads the index as who has the whole file's size and its last bytes does. */
static int read_index(const struct buffer *bytes, size_t tail, struct ltx_index *ret_index)
{
    uint64_t offset, size;
    if (tail > bytes->size)
        tail = bytes->size;
    int r = ltx_index_locate(bytes->data + bytes->size - tail, tail, bytes->size, &offset, &size);
    if (r < 0)
        return r;
    assert_true(offset <= bytes->size && size <= bytes->size - offset);
    return ltx_index_parse(bytes->data + offset, size, offset, ret_index);
}

static void assert_headers_equal(const struct ltx_header *got, const struct ltx_header *wanted)
{
    assert_int_equal(got->flags, wanted->flags);
    assert_int_equal(got->page_size, wanted->page_size);
    assert_int_equal(got->commit, wanted->commit);
    assert_int_equal(got->min_txid, wanted->min_txid);
    assert_int_equal(got->max_txid, wanted->max_txid);
    assert_int_equal(got->timestamp, wanted->timestamp);
    assert_int_equal(got->pre_apply_checksum, wanted->pre_apply_checksum);
    assert_int_equal(got->wal_offset, wanted->wal_offset);
    assert_int_equal(got->wal_size, wanted->wal_size);
    assert_int_equal(got->salt[0], wanted->salt[0]);
    assert_int_equal(got->salt[1], wanted->salt[1]);
}

static void assert_indexes_equal(const struct ltx_index *got, const struct ltx_index *wanted)
{
    assert_int_equal(got->n, wanted->n);
    for (size_t i = 0; i < got->n; i++) {
        assert_int_equal(got->pages[i].number, wanted->pages[i].number);
        assert_int_equal(got->pages[i].offset, wanted->pages[i].offset);
        assert_int_equal(got->pages[i].size, wanted->pages[i].size);
    }
}

static void reads_headers(void **state)
{
    for (size_t i = 0; i < N_FILES; i++) {
        struct buffer bytes = read_data(files[i].file);
        struct ltx_header header;
        print_message("%s\n", files[i].file);
        assert_int_equal(ltx_header_parse(bytes.data, &header), 0);
        assert_headers_equal(&header, &files[i].header);
        buffer_finish(&bytes);
    }
}

static void checks_files_cut_anywhere(void **state)
{
    for (size_t i = 0; i < N_FILES; i++) {
        struct buffer bytes = read_data(files[i].file);
        struct ltx_index wanted;
        assert_int_equal(read_index(&bytes, 24, &wanted), 0);
        assert_int_equal(wanted.n, files[i].n_pages);
        for (size_t j = 0; j < N_STEPS; j++) {
            struct ltx_header header;
            struct ltx_index index;
            print_message("%s by %zu\n", files[i].file, steps[j]);
            assert_int_equal(check(&bytes, steps[j], &header, &index), 0);
            assert_headers_equal(&header, &files[i].header);
            assert_indexes_equal(&index, &wanted);
            ltx_index_finish(&index);
        }
        ltx_index_finish(&wanted);
        buffer_finish(&bytes);
    }
}

static void locates_the_index_by_any_tail(void **state)
{
    static const size_t tails[] = {24, 25, 1000, SIZE_MAX};
    struct buffer bytes = read_data("v05/f512-1-2.ltx");
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        struct ltx_index index;
        assert_int_equal(read_index(&bytes, tails[i], &index), 0);
        assert_int_equal(index.n, 66);
        ltx_index_finish(&index);
    }
    struct ltx_index none;
    uint64_t offset, size;
    assert_int_equal(read_index(&bytes, 23, &none), -EBADMSG);
    assert_int_equal(ltx_index_locate(bytes.data, bytes.size, bytes.size - 1, &offset, &size), -EBADMSG);
    buffer_finish(&bytes);
}

static void locates_only_what_can_be(void **state)
{
    static const struct {
        uint64_t file_size, index_size; /* bytes */
        int wanted;
    } cases[] = {
        {131, 1, 0}, /* a header, the end of the pages, an empty index, the tail */
        {130, 1, -EBADMSG},
        {131, 0, -EBADMSG},
        {131, 2, -EBADMSG},
        {23, 1, -EBADMSG},
        {1000, 870, 0},
        {1000, 871, -EBADMSG},
        {1000, UINT64_MAX, -EBADMSG},
        {UINT64_MAX, UINT64_MAX - 130, 0},
        {UINT64_MAX, UINT64_MAX - 129, -EBADMSG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t tail[24] = {0};
        uint64_t offset, size;
        for (size_t j = 0; j < 8; j++)
            tail[j] = (uint8_t)(cases[i].index_size >> (56 - 8 * j));
        assert_int_equal(ltx_index_locate(tail, sizeof tail, cases[i].file_size, &offset, &size),
                         cases[i].wanted);
        if (cases[i].wanted < 0)
            continue;
        assert_int_equal(size, cases[i].index_size);
        assert_int_equal(offset, cases[i].file_size - 24 - size);
    }
}

/* Writes the file's pages over the database, and gives it the size that the file says. */
static void apply(const char *file, struct buffer *database)
{
    struct buffer bytes = read_data(file);
    struct ltx_header header;
    struct ltx_index index;
    assert_int_equal(ltx_header_parse(bytes.data, &header), 0);
    assert_int_equal(read_index(&bytes, 24, &index), 0);

    size_t size = (size_t)header.commit * header.page_size;
    if (size > database->size) {
        assert_int_equal(buffer_reserve(database, size - database->size), 0);
        memset(database->data + database->size, 0, size - database->size);
    }
    database->size = size;
    for (size_t i = 0; i < index.n; i++) {
        const struct ltx_page *page = &index.pages[i];
        uint8_t *room = database->data + (size_t)(page->number - 1) * header.page_size;
        uint32_t number;
        assert_true(page->number <= header.commit);
        assert_int_equal(
            ltx_page_decode(bytes.data + page->offset, page->size, header.page_size, &number, room), 0);
        assert_int_equal(number, page->number);
    }
    ltx_index_finish(&index);
    buffer_finish(&bytes);
}

static void assert_sha256(const struct buffer *bytes, const char *wanted)
{
    uint8_t digest[32];
    char got[65];
    assert_int_equal(EVP_Digest(bytes->data, bytes->size, digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(got + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(got, wanted);
}

/* The SHA-256 of the database that Litestream 0.5.18 restored at a TXID: the fixtures' expected.tsv. */
static void decodes_the_pages_that_litestream_restores(void **state)
{
    static const struct {
        const char *files[3]; /* an image, and changes in order */
        const char *sha256;
    } states[] = {
        {{"v05/cable-1-2.ltx"}, "9e514616fa194ddb075837c352faa46042eaa28d54cc02b4f53f85f9497a1e92"},
        {{"v05/cable-1-2.ltx", "v05/cable-2-4.ltx", "v05/cable-5-9.ltx"},
         "3b97416bb47913166d24e4a656c0d9559846e6513b31040329a3411dc244c0bb"},
        {{"v05/checksums-1-2.ltx"}, "9e514616fa194ddb075837c352faa46042eaa28d54cc02b4f53f85f9497a1e92"},
        {{"v05/f512-1-2.ltx"}, "4727b2cb8685365e8d9f72a0c4e3fff1fc0f2c0554b4938ed43ee7372851bd41"},
        {{"v05/f512-1-2.ltx", "v05/f512-3-4.ltx"},
         "a424d327ce6848f64f33c100f54a6479649ca6d1b28a447a8cbec46137b14d7b"},
        {{"v05/f65536-1-3.ltx"}, "00d61a7e18949545005055f1b706141eed1e1e920b5b88c22081e74f6ce18dca"},
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct buffer database = {0};
        for (size_t j = 0; j < 3 && states[i].files[j]; j++)
            apply(states[i].files[j], &database);
        print_message("%s and so on\n", states[i].files[0]);
        assert_sha256(&database, states[i].sha256);
        buffer_finish(&database);
    }
}

static void tells_the_lock_page(void **state)
{
    assert_int_equal(ltx_lock_page(512), 2097153);
    assert_int_equal(ltx_lock_page(4096), 262145);
    assert_int_equal(ltx_lock_page(65536), 16385);
}

/* Compressed data may be spoilt and still decode to the same page: the checksum is of that. */
static void refuse_flipped_bits(const struct buffer *bytes)
{
    struct ltx_header header;
    struct ltx_index first, index;
    assert_int_equal(read_index(bytes, 24, &first), 0);
    size_t data = first.pages[0].offset + LTX_PAGE_HEADER_SIZE;
    size_t end = first.pages[0].offset + first.pages[0].size;
    for (size_t bit = 0; bit < 8 * bytes->size; bit++) {
        bytes->data[bit / 8] ^= 1 << bit % 8;
        int r = check(bytes, SIZE_MAX / 2, &header, &index);
        if (r == 0 && bit / 8 >= data && bit / 8 < end)
            ltx_index_finish(&index);
        else
            assert_int_equal(r, -EBADMSG);
        bytes->data[bit / 8] ^= 1 << bit % 8;
    }
    ltx_index_finish(&first);
}

static void refuses_every_flipped_bit_and_cut(void **state)
{
    static const char *const small[] = {"v05/cable-71.ltx", "v05/f512-10.ltx", "v05/checksums-3.ltx"};
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        struct buffer bytes = read_data(small[i]);
        struct ltx_header header;
        struct ltx_index index;
        refuse_flipped_bits(&bytes);
        for (size_t size = bytes.size; size-- > 0;) {
            struct buffer cut = {.data = bytes.data, .size = size};
            assert_int_equal(check(&cut, SIZE_MAX / 2, &header, &index), -EBADMSG);
        }
        buffer_finish(&bytes);
    }
}

static void ends_only_once(void **state)
{
    struct buffer bytes = read_data("v05/cable-71.ltx");
    struct ltx_checker *checker;
    struct ltx_header header;
    struct ltx_index index;
    assert_int_equal(ltx_checker_open(&checker), 0);
    assert_int_equal(ltx_checker_feed(checker, bytes.data, bytes.size), 0);
    assert_int_equal(ltx_checker_end(checker, &header, &index), 0);
    ltx_index_finish(&index);
    assert_int_equal(ltx_checker_end(checker, &header, &index), -EBADMSG);
    assert_int_equal(ltx_checker_feed(checker, bytes.data, bytes.size), -EBADMSG);
    ltx_checker_close(checker);
    buffer_finish(&bytes);
}

static int refuse_page(void *context, const struct ltx_page *page)
{
    return *(int *)context;
}

static void index_reader_ends_with_what_the_sink_says(void **state)
{
    static const uint8_t entry[] = {1, 100, 20, 0};
    struct ltx_index_reader reader;
    size_t taken;
    int answer = -ENOSPC;
    ltx_index_reader_init(&reader, 126);
    assert_int_equal(ltx_index_reader_feed(&reader, entry, 3, refuse_page, &answer, &taken), -ENOSPC);
    answer = 0;
    assert_int_equal(ltx_index_reader_feed(&reader, entry, 1, refuse_page, &answer, &taken), -ENOSPC);

    ltx_index_reader_init(&reader, 126);
    assert_int_equal(ltx_index_reader_feed(&reader, entry, 3, refuse_page, &answer, &taken), 0);
    assert_false(reader.done);
    assert_int_equal(ltx_index_reader_feed(&reader, entry + 3, 1, refuse_page, &answer, &taken), 0);
    assert_true(reader.done);
    assert_int_equal(ltx_index_reader_feed(&reader, entry, 4, refuse_page, &answer, &taken), 0);
    assert_int_equal(taken, 0);
}

static void refuses_a_page_without_a_number(void **state)
{
    struct buffer bytes = read_data("v05/built-3-5.ltx");
    struct ltx_index index;
    uint8_t page[512];
    uint32_t number;
    assert_int_equal(read_index(&bytes, 24, &index), 0);
    uint8_t *frame = bytes.data + index.pages[0].offset;
    assert_int_equal(ltx_page_decode(frame, index.pages[0].size, 512, &number, page), 0);
    memset(frame, 0, sizeof number);
    assert_int_equal(ltx_page_decode(frame, index.pages[0].size, 512, &number, page), -EBADMSG);
    assert_int_equal(ltx_page_decode((const uint8_t[6]){0}, 6, 512, &number, page), -EBADMSG);
    ltx_index_finish(&index);
    buffer_finish(&bytes);
}

/* The first page frame of the file, of which everything but that is in order. */
static void assert_page_refused(const struct buffer *bytes)
{
    static uint8_t page[65536];
    struct ltx_header header;
    struct ltx_index index;
    uint32_t number;
    assert_int_equal(ltx_header_parse(bytes->data, &header), 0);
    assert_int_equal(read_index(bytes, 24, &index), 0);
    assert_int_equal(ltx_page_decode(bytes->data + index.pages[0].offset, index.pages[0].size,
                                     header.page_size, &number, page),
                     -EBADMSG);
    ltx_index_finish(&index);
}

/* Whoever reads all of a file must refuse it, and by the beginning of its name others too. */
static void assert_refused(const char *name, const struct buffer *bytes)
{
    struct ltx_header header;
    struct ltx_index index;
    for (size_t j = 0; j < N_STEPS; j++)
        assert_int_equal(check(bytes, steps[j], &header, &index), -EBADMSG);
    if (strncmp(name, "header-", 7) == 0)
        assert_int_equal(ltx_header_parse(bytes->data, &header), -EBADMSG);
    else if (strncmp(name, "index-", 6) == 0)
        assert_int_equal(read_index(bytes, 24, &index), -EBADMSG);
    else if (strncmp(name, "page-", 5) == 0)
        assert_page_refused(bytes);
}

static void refuses_what_is_damaged(void **state)
{
    each_refused("ltx", assert_refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers),
        cmocka_unit_test(checks_files_cut_anywhere),
        cmocka_unit_test(locates_the_index_by_any_tail),
        cmocka_unit_test(locates_only_what_can_be),
        cmocka_unit_test(decodes_the_pages_that_litestream_restores),
        cmocka_unit_test(tells_the_lock_page),
        cmocka_unit_test(refuses_every_flipped_bit_and_cut),
        cmocka_unit_test(ends_only_once),
        cmocka_unit_test(index_reader_ends_with_what_the_sink_says),
        cmocka_unit_test(refuses_a_page_without_a_number),
        cmocka_unit_test(refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
