/* The checksum over a file whose pages were decoded one by one: that of every file in tests/data/v05, in both
 * encodings of pages, and of none that differs from it anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "data_files.h"
#include "litemount/ltx.h"

static const char *const files[] = {
    "v05/built-1.ltx",     "v05/built-3-5.ltx",     "v05/cable-1-2.ltx", "v05/cable-71.ltx",
    "v05/checksums-3.ltx", "v05/checksums-1-2.ltx", "v05/f512-1-2.ltx",  "v05/f512-3-4.ltx",
    "v05/f65536-1-3.ltx",  "v05/lz4-flags.ltx",
};

/* Whether the checksum holds, of the page numbered `flipped` (from 0) with a bit changed. */
static bool sum_holds(const struct buffer *bytes, const struct ltx_index *index, size_t page_size,
                      size_t flipped)
{
    const struct ltx_page *last = &index->pages[index->n - 1];
    uint64_t end = last->offset + last->size;
    uint8_t *page = malloc(page_size);
    struct ltx_sum sum;

    ltx_sum_begin(&sum, bytes->data);
    for (size_t i = 0; i < index->n; i++) {
        const struct ltx_page *place = &index->pages[i];
        uint32_t number;
        assert_int_equal(
            ltx_page_decode(bytes->data + place->offset, place->size, (uint32_t)page_size, &number, page), 0);
        page[i % page_size] ^= i == flipped;
        ltx_sum_add(&sum, place, page, page_size);
    }
    free(page);
    return ltx_sum_holds(&sum, bytes->data + end, bytes->size - end);
}

static void holds_for_a_whole_file_only(void **state)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct buffer bytes = read_data(files[i]);
        struct ltx_header header;
        struct ltx_index index;
        uint64_t offset, size;

        assert_int_equal(ltx_header_parse(bytes.data, &header), 0);
        assert_int_equal(ltx_index_locate(bytes.data, bytes.size, bytes.size, &offset, &size), 0);
        assert_int_equal(ltx_index_parse(bytes.data + offset, size, offset, &index), 0);
        assert_true(sum_holds(&bytes, &index, header.page_size, SIZE_MAX));
        for (size_t j = 0; j < index.n; j++)
            assert_false(sum_holds(&bytes, &index, header.page_size, j));
        bytes.data[30] ^= 1; /* in the header */
        assert_false(sum_holds(&bytes, &index, header.page_size, SIZE_MAX));
        bytes.data[30] ^= 1;
        bytes.data[bytes.size - 1] ^= 1;
        assert_false(sum_holds(&bytes, &index, header.page_size, SIZE_MAX));
        ltx_index_finish(&index);
        buffer_finish(&bytes);
    }
}

static void refuses_too_short_an_end(void **state)
{
    static const uint8_t zeros[LTX_HEADER_SIZE + LTX_PAGE_HEADER_SIZE];
    struct ltx_sum sum;

    for (size_t length = 0; length < LTX_PAGE_HEADER_SIZE + 1 + LTX_INDEX_TAIL_SIZE; length++) {
        ltx_sum_begin(&sum, zeros);
        assert_false(ltx_sum_holds(&sum, zeros, length));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds_for_a_whole_file_only),
                                       cmocka_unit_test(refuses_too_short_an_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
