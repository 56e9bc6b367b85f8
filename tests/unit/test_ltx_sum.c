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

/* Whether the checksum holds, of the page numbered `flipped` (from 0) with a bit changed. Pages are summed
 * from the last to the first, by their frames or (`by_place`) without. */
static bool sum_holds(const struct buffer *bytes, const struct ltx_index *index, size_t page_size,
                      size_t flipped, bool by_place)
{
    uint8_t *page = malloc(page_size);
    uint64_t *sums = calloc(index->n, sizeof *sums);
    struct ltx_trailer trailer;
    struct ltx_sum sum;
    uint32_t number;

    ltx_sum_begin(&sum, bytes->data, page_size);
    for (size_t i = index->n; i-- > 0;) {
        const struct ltx_page *place = &index->pages[i];
        const uint8_t *frame = bytes->data + place->offset;
        assert_int_equal(ltx_page_decode(frame, place->size, (uint32_t)page_size, &number, page), 0);
        page[i % page_size] ^= i == flipped;
        sums[i] = by_place ? ltx_page_sum(&sum, place, page) : ltx_frame_sum(frame, page, page_size);
    }
    for (size_t i = 0; i < index->n; i++)
        ltx_sum_add(&sum, sums[i]);
    ltx_sum_begin_index(&sum);
    for (size_t i = 0; i < index->n; i++)
        ltx_sum_add_entry(&sum, &index->pages[i]);
    ltx_trailer_parse(bytes->data + bytes->size - LTX_TRAILER_SIZE, &trailer);
    free(sums);
    free(page);
    return ltx_sum_end(&sum, trailer.post_apply_checksum) == trailer.checksum;
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
        assert_true(sum_holds(&bytes, &index, header.page_size, SIZE_MAX, false));
        assert_true(sum_holds(&bytes, &index, header.page_size, SIZE_MAX, true));
        for (size_t j = 0; j < index.n; j++)
            assert_false(sum_holds(&bytes, &index, header.page_size, j, j % 2));
        bytes.data[30] ^= 1; /* in the header */
        assert_false(sum_holds(&bytes, &index, header.page_size, SIZE_MAX, false));
        bytes.data[30] ^= 1;
        bytes.data[bytes.size - 1] ^= 1;
        assert_false(sum_holds(&bytes, &index, header.page_size, SIZE_MAX, false));
        ltx_index_finish(&index);
        buffer_finish(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(holds_for_a_whole_file_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
