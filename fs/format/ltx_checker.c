/* The file checksum is the CRC-64/ISO, highest bit set, of the header, of each page frame's header (and size,
 * where it has one) and of what the frame decodes to, of the header of zeros that ends the pages, of the
 * index with its size, and of the post-apply checksum. A page's checksum is the CRC of its number,
 * big-endian, and its bytes; the database's is the exclusive or of its pages', highest bit set. Source:
 * github.com/superfly/ltx, encoder.go, checksum.go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc64.h>

#include "litemount/array.h"
#include "ltx_parts.h"

#define TAIL_CHECKED_SIZE 16 /* bytes of what follows the index's entries that the file checksum covers */

struct ltx_checker {
    enum { HEADER, PAGES, INDEX, TAIL, END } stage; /* what comes next */
    struct ltx_header header;
    struct ltx_index index; /* the page frames that were read */
    size_t index_capacity;
    struct ltx_index_reader index_reader;
    size_t n_named;             /* frames that the file's own index named so far */
    uint64_t offset;            /* bytes read of the file, up to its index */
    uint64_t index_size;        /* bytes read of the index's entries */
    uint64_t file_checksum;     /* so far; without the highest bit that is always set */
    uint64_t database_checksum; /* the same of the pages, if they are a database's and checksums are kept */
    ltx_page_watch *watch;      /* may be NULL */
    void *watch_context;
    int error;           /* what ended the check, and what every later call answers */
    size_t carry_size;   /* bytes of a unit that is not whole yet */
    uint8_t page[65536]; /* the frame that was read last, decoded */
    uint8_t carry[LTX_PAGE_FRAME_MAX];
};

int ltx_checker_open(struct ltx_checker **ret_checker)
{
    struct ltx_checker *checker = malloc(sizeof *checker);
    if (!checker)
        return -ENOMEM;
    memset(checker, 0, offsetof(struct ltx_checker, page));
    *ret_checker = checker;
    return 0;
}

void ltx_checker_close(struct ltx_checker *checker)
{
    if (!checker)
        return;
    ltx_index_finish(&checker->index);
    free(checker);
}

void ltx_checker_watch(struct ltx_checker *checker, ltx_page_watch *watch, void *context)
{
    checker->watch = watch;
    checker->watch_context = context;
}

static void ltx_add_checked(struct ltx_checker *checker, const uint8_t *bytes, size_t length)
{
    checker->file_checksum = crc64_iso_refl(checker->file_checksum, bytes, length);
}

static bool ltx_keeps_database_checksum(const struct ltx_checker *checker)
{
    return !(checker->header.flags & LTX_FLAG_NO_CHECKSUM);
}

static int ltx_take_header(struct ltx_checker *checker, const uint8_t *bytes)
{
    int r = ltx_header_parse(bytes, &checker->header);
    if (r < 0)
        return r;
    ltx_add_checked(checker, bytes, LTX_HEADER_SIZE);
    checker->stage = PAGES;
    return 0;
}

static void ltx_take_pages_end(struct ltx_checker *checker, const uint8_t *bytes)
{
    ltx_add_checked(checker, bytes, LTX_PAGE_HEADER_SIZE);
    ltx_index_reader_init(&checker->index_reader, checker->offset + LTX_PAGE_HEADER_SIZE);
    checker->stage = INDEX;
}

/* Whether the database can have such a page. That pages ascend is seen when the index names them. */
static bool ltx_page_fits(const struct ltx_checker *checker, uint32_t number)
{
    return number <= checker->header.commit && number != ltx_lock_page(checker->header.page_size);
}

static int ltx_take_page(struct ltx_checker *checker, const uint8_t *frame, size_t size)
{
    struct ltx_page page = {.offset = checker->offset, .size = (uint32_t)size};
    uint32_t page_size = checker->header.page_size;
    struct ltx_index *index = &checker->index;

    int r = ltx_page_decode(frame, size, page_size, &page.number, checker->page);
    if (r < 0)
        return r;
    if (!ltx_page_fits(checker, page.number))
        return -EBADMSG;
    ltx_add_checked(checker, frame, ltx_page_prefix_size(frame));
    ltx_add_checked(checker, checker->page, page_size);
    if (ltx_keeps_database_checksum(checker)) {
        uint64_t number_checksum = crc64_iso_refl(0, frame, sizeof page.number);
        checker->database_checksum ^= crc64_iso_refl(number_checksum, checker->page, page_size);
    }

    r = ARRAY_GROW(index->pages, checker->index_capacity, index->n + 1);
    if (r < 0)
        return r;
    index->pages[index->n++] = page;
    if (checker->watch)
        checker->watch(checker->watch_context, &page, checker->page);
    return 0;
}

/* The database's checksum is known to us where the file holds all of its pages. */
static bool ltx_post_apply_checksum_holds(const struct ltx_checker *checker, uint64_t checksum)
{
    if (!ltx_keeps_database_checksum(checker))
        return checksum == 0;
    if (checker->header.min_txid == 1)
        return checksum == (checker->database_checksum | LTX_CHECKSUM_SET);
    return checksum & LTX_CHECKSUM_SET;
}

/* Pages ascend and none lies beyond `commit`: where their number is right, none is missing. */
static bool ltx_is_complete(const struct ltx_checker *checker)
{
    return checker->header.min_txid > 1 || checker->index.n == ltx_page_count(&checker->header);
}

static int ltx_take_tail(struct ltx_checker *checker, const uint8_t *bytes)
{
    ltx_add_checked(checker, bytes, TAIL_CHECKED_SIZE);
    if (ltx_read_u64(bytes) != checker->index_size || !ltx_is_complete(checker) ||
        !ltx_post_apply_checksum_holds(checker, ltx_read_u64(bytes + 8)) ||
        ltx_read_u64(bytes + TAIL_CHECKED_SIZE) != (checker->file_checksum | LTX_CHECKSUM_SET))
        return -EBADMSG;
    checker->stage = END;
    return 0;
}

/* Bytes of what comes next, as ltx_page_span gives them. */
static int ltx_unit_span(const struct ltx_checker *checker, const uint8_t *bytes, size_t length,
                         size_t *ret_span)
{
    if (checker->stage == PAGES)
        return ltx_page_span(bytes, length, ret_span);
    *ret_span = checker->stage == HEADER ? LTX_HEADER_SIZE : LTX_INDEX_TAIL_SIZE;
    return 0;
}

static int ltx_take_unit(struct ltx_checker *checker, const uint8_t *bytes, size_t size)
{
    int r = 0;
    if (checker->stage == HEADER)
        r = ltx_take_header(checker, bytes);
    else if (checker->stage == TAIL)
        r = ltx_take_tail(checker, bytes);
    else if (ltx_page_is_end(bytes))
        ltx_take_pages_end(checker, bytes);
    else
        r = ltx_take_page(checker, bytes, size);
    checker->offset += size;
    return r;
}

/* Takes the rest of a unit that the input before this one cut, as far as it is there. */
static int ltx_feed_carried(struct ltx_checker *checker, const uint8_t **bytes, size_t *length)
{
    size_t span;
    int r = ltx_unit_span(checker, checker->carry, checker->carry_size, &span);
    if (r < 0)
        return r;
    size_t missing = span - checker->carry_size, part = *length < missing ? *length : missing;
    memcpy(checker->carry + checker->carry_size, *bytes, part);
    checker->carry_size += part;
    *bytes += part;
    *length -= part;
    if (part < missing)
        return 0;

    /* What is there now may tell that the unit is longer. */
    r = ltx_unit_span(checker, checker->carry, checker->carry_size, &span);
    if (r < 0 || span > checker->carry_size)
        return r;
    checker->carry_size = 0;
    return ltx_take_unit(checker, checker->carry, span);
}

/* Reads a unit where it lies in the input; only one that the input cuts is copied. */
static int ltx_feed_unit(struct ltx_checker *checker, const uint8_t **bytes, size_t *length)
{
    if (checker->carry_size)
        return ltx_feed_carried(checker, bytes, length);
    size_t span;
    int r = ltx_unit_span(checker, *bytes, *length, &span);
    if (r < 0)
        return r;
    if (span > *length)
        return ltx_feed_carried(checker, bytes, length);
    r = ltx_take_unit(checker, *bytes, span);
    *bytes += span;
    *length -= span;
    return r;
}

static int ltx_compare_named(void *context, const struct ltx_page *page)
{
    struct ltx_checker *checker = context;
    if (checker->n_named == checker->index.n)
        return -EBADMSG;
    const struct ltx_page *read = &checker->index.pages[checker->n_named++];
    bool same = read->number == page->number && read->offset == page->offset && read->size == page->size;
    return same ? 0 : -EBADMSG;
}

static int ltx_feed_index(struct ltx_checker *checker, const uint8_t **bytes, size_t *length)
{
    size_t taken;
    int r =
        ltx_index_reader_feed(&checker->index_reader, *bytes, *length, ltx_compare_named, checker, &taken);
    if (r < 0)
        return r;
    ltx_add_checked(checker, *bytes, taken);
    checker->index_size += taken;
    *bytes += taken;
    *length -= taken;
    if (checker->index_reader.done)
        checker->stage = TAIL;
    return 0;
}

static int ltx_feed(struct ltx_checker *checker, const uint8_t *bytes, size_t length)
{
    int r = 0;
    while (length && r == 0) {
        if (checker->stage == END)
            r = -EBADMSG;
        else if (checker->stage == INDEX)
            r = ltx_feed_index(checker, &bytes, &length);
        else
            r = ltx_feed_unit(checker, &bytes, &length);
    }
    return r;
}

int ltx_checker_feed(struct ltx_checker *checker, const uint8_t *bytes, size_t length)
{
    if (checker->error == 0)
        checker->error = ltx_feed(checker, bytes, length);
    return checker->error;
}

int ltx_checker_end(struct ltx_checker *checker, struct ltx_header *ret_header, struct ltx_index *ret_index)
{
    if (checker->error < 0)
        return checker->error;
    checker->error = -EBADMSG; /* cut, or handed over: either way there is nothing more to feed or to end */
    if (checker->stage != END)
        return -EBADMSG;
    *ret_header = checker->header;
    *ret_index = checker->index;
    checker->index = (struct ltx_index){0};
    return 0;
}
