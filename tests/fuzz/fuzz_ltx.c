/* Any bytes as an LTX file: cut or whole the checker must say the same, and of a file that it vouches for the
 * other ways in must find the same. Damage must not lead them outside the file either. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/ltx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static int check(const uint8_t *data, size_t size, size_t step, struct ltx_header *ret_header,
                 struct ltx_index *ret_index)
{
    struct ltx_checker *checker;
    int r = ltx_checker_open(&checker);
    for (size_t at = 0; r == 0 && at < size; at += step)
        r = ltx_checker_feed(checker, data + at, size - at < step ? size - at : step);
    if (r == 0)
        r = ltx_checker_end(checker, ret_header, ret_index);
    ltx_checker_close(checker);
    return r;
}

/* Decodes every page that the index names; the copy's end shows a read beyond the frame. */
static void decode_pages(const uint8_t *data, const struct ltx_index *index, uint32_t page_size, bool whole)
{
    uint8_t *page = malloc(page_size);
    for (size_t i = 0; i < index->n; i++) {
        const struct ltx_page *one = &index->pages[i];
        uint8_t *frame = malloc(one->size);
        uint32_t number;
        memcpy(frame, data + one->offset, one->size);
        int r = ltx_page_decode(frame, one->size, page_size, &number, page);
        expect(whole ? r == 0 && number == one->number : r == 0 || r == -EBADMSG);
        free(frame);
    }
    free(page);
}

/* Reads the file as who fetches pieces of it does. Returns 0 if the header and the index could be read. */
static int read_pieces(const uint8_t *data, size_t size, bool whole, struct ltx_index *ret_index)
{
    struct ltx_header header;
    struct ltx_index index;
    uint64_t offset, index_size;
    if (size < LTX_HEADER_SIZE || ltx_header_parse(data, &header) < 0)
        return -EBADMSG;
    if (ltx_index_locate(data + size - LTX_INDEX_TAIL_SIZE, LTX_INDEX_TAIL_SIZE, size, &offset, &index_size) <
        0)
        return -EBADMSG;
    expect(offset >= LTX_HEADER_SIZE && offset + index_size + LTX_INDEX_TAIL_SIZE == size);
    if (ltx_index_parse(data + offset, index_size, offset, &index) < 0)
        return -EBADMSG;
    for (size_t i = 0; i < index.n; i++)
        expect(index.pages[i].offset < offset && index.pages[i].size <= offset - index.pages[i].offset);
    decode_pages(data, &index, header.page_size, whole);
    *ret_index = index;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ltx_header header;
    struct ltx_index checked, again, read;
    int r = check(data, size, SIZE_MAX / 2, &header, &checked);
    expect(r == check(data, size, 13, &header, &again));
    int found = read_pieces(data, size, r == 0, &read);
    if (r < 0) {
        expect(r == -EBADMSG);
    } else {
        expect(found == 0 && read.n == checked.n && again.n == checked.n);
        for (size_t i = 0; i < read.n; i++)
            expect(read.pages[i].number == checked.pages[i].number &&
                   read.pages[i].offset == checked.pages[i].offset &&
                   read.pages[i].size == checked.pages[i].size);
        ltx_index_finish(&checked);
        ltx_index_finish(&again);
    }
    if (found == 0)
        ltx_index_finish(&read);
    return 0;
}
