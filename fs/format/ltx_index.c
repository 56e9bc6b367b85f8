/* The index: three varints for each page frame (page number, offset in the file, bytes of the frame), in page
 * order, and a varint of zero behind the last. A varint holds seven bits a byte, the lowest first; the
 * highest bit says that another byte follows.
 *
 * Frames are written in page order too, so each begins where the one before it ends. An index that says
 * anything else is damaged: that is all the check that who reads no whole file has. */
#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "ltx_parts.h"

#define VARINT_BITS 7
#define VARINT_MORE 0x80

enum { NUMBER, OFFSET, SIZE, N_FIELDS };

void ltx_index_finish(struct ltx_index *index)
{
    free(index->pages);
    *index = (struct ltx_index){0};
}

void ltx_index_reader_init(struct ltx_index_reader *reader, uint64_t index_offset)
{
    *reader = (struct ltx_index_reader){
        .pages_end = index_offset > LTX_PAGE_HEADER_SIZE ? index_offset - LTX_PAGE_HEADER_SIZE : 0,
        .offset = LTX_HEADER_SIZE,
    };
}

/* Adds a byte to the varint being read. Returns 0, and whether that ends it; -EBADMSG if it does not fit into
 * 64 bits or is longer than it need be. */
static int ltx_take_byte(struct ltx_index_reader *reader, uint8_t byte, bool *ret_ends)
{
    uint64_t bits = byte & ~VARINT_MORE, *value = &reader->fields[reader->field];
    if (reader->shift >= 64 || bits << reader->shift >> reader->shift != bits)
        return -EBADMSG;
    if (byte == 0 && reader->shift > 0)
        return -EBADMSG;
    *value |= bits << reader->shift;
    reader->shift += VARINT_BITS;
    *ret_ends = !(byte & VARINT_MORE);
    return 0;
}

static int ltx_take_entry(struct ltx_index_reader *reader, ltx_page_sink *sink, void *context)
{
    uint64_t number = reader->fields[NUMBER], offset = reader->fields[OFFSET], size = reader->fields[SIZE];
    if (number <= reader->previous || number > UINT32_MAX || offset != reader->offset)
        return -EBADMSG;
    if (size <= LTX_PAGE_HEADER_SIZE || size > LTX_PAGE_FRAME_MAX || size > reader->pages_end - offset)
        return -EBADMSG;
    reader->previous = (uint32_t)number;
    reader->offset += size;
    struct ltx_page page = {.number = (uint32_t)number, .offset = offset, .size = (uint32_t)size};
    return sink(context, &page);
}

/* Goes on to the next field of the entry, to the next entry, or ends. */
static int ltx_take_field(struct ltx_index_reader *reader, ltx_page_sink *sink, void *context)
{
    int r = 0;
    reader->shift = 0;
    if (reader->field == NUMBER && reader->fields[NUMBER] == 0) {
        reader->done = true;
        return reader->offset == reader->pages_end ? 0 : -EBADMSG;
    }
    if (++reader->field < N_FIELDS)
        return 0;
    r = ltx_take_entry(reader, sink, context);
    reader->field = NUMBER;
    for (int i = 0; i < N_FIELDS; i++)
        reader->fields[i] = 0;
    return r;
}

int ltx_index_reader_feed(struct ltx_index_reader *reader, const uint8_t *bytes, size_t length,
                          ltx_page_sink *sink, void *context, size_t *ret_taken)
{
    size_t taken = 0;
    if (reader->pages_end < LTX_HEADER_SIZE)
        reader->error = -EBADMSG;
    while (taken < length && !reader->done && reader->error == 0) {
        bool ends = false;
        reader->error = ltx_take_byte(reader, bytes[taken++], &ends);
        if (ends)
            reader->error = ltx_take_field(reader, sink, context);
    }
    if (reader->error < 0)
        return reader->error;
    *ret_taken = taken;
    return 0;
}

/* An index that grows. Owns its pages. */
struct collection {
    struct ltx_index index;
    size_t capacity;
};

static void ltx_finish_collection(struct collection *collection)
{
    ltx_index_finish(&collection->index);
}

static int ltx_collect(void *context, const struct ltx_page *page)
{
    struct collection *collection = context;
    struct ltx_index *index = &collection->index;
    int r = ARRAY_GROW(index->pages, collection->capacity, index->n + 1);
    if (r < 0)
        return r;
    index->pages[index->n++] = *page;
    return 0;
}

int ltx_index_parse(const uint8_t *bytes, size_t length, uint64_t index_offset, struct ltx_index *ret_index)
{
    _cleanup_(ltx_finish_collection) struct collection collection = {0};
    struct ltx_index_reader reader;
    size_t taken;

    ltx_index_reader_init(&reader, index_offset);
    int r = ltx_index_reader_feed(&reader, bytes, length, ltx_collect, &collection, &taken);
    if (r < 0)
        return r;
    if (!reader.done || taken < length)
        return -EBADMSG;
    *ret_index = collection.index;
    collection.index = (struct ltx_index){0};
    return 0;
}
