#include "wal_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "object_stream.h"

#define PUT_AT_ONCE (256 << 10) /* bytes of pages */

static int open_image(struct v03_generation *generation, uint32_t index, const struct wal_header *header,
                      struct cache_image **ret_image)
{
    _cleanup_free_ char *identity = NULL;
    if (asprintf(&identity, "%s\n%s\nwal %08x\n%08x %08x %08x %u", replica_url(generation->replica),
                 generation->base.name, index, header->salt[0], header->salt[1], header->checkpoint_sequence,
                 header->page_size) < 0)
        return -ENOMEM;
    return cache_image_open(generation->cache, identity, header->page_size, ret_image);
}

/* Takes a segment's bytes as they come, drops the headers, and puts the pages. */
struct page_writer {
    struct cache_fill *fill;
    size_t page_size;
    size_t skip;         /* bytes of a header that come before the next page */
    size_t page_left;    /* bytes of the current page that have not come yet */
    struct buffer pages; /* whole pages and the beginning of one */
    uint64_t offset;     /* of `pages` in the image */
};

static void page_writer_init(struct page_writer *writer, struct cache_fill *fill, uint64_t offset,
                             const struct wal_header *header)
{
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)header->page_size;
    uint64_t frames_before = offset ? (offset - WAL_HEADER_SIZE) / frame_size : 0;

    *writer =
        (struct page_writer){.fill = fill, .page_size = header->page_size, .page_left = header->page_size};
    writer->skip = (offset ? 0 : WAL_HEADER_SIZE) + WAL_FRAME_HEADER_SIZE;
    writer->offset = frames_before * header->page_size;
}

/* Puts the pages that are whole. The last one is always so when a sound segment ends. */
static int flush(struct page_writer *writer)
{
    int r = 0;
    if (writer->pages.size)
        r = cache_fill_put(writer->fill, writer->offset, writer->pages.data, writer->pages.size, false);
    writer->offset += writer->pages.size;
    writer->pages.size = 0;
    return r;
}

static int write_pages(void *context, const uint8_t *bytes, size_t length)
{
    struct page_writer *writer = context;
    int r = 0;

    while (length && r == 0) {
        size_t n = writer->skip ? writer->skip : writer->page_left;
        n = n < length ? n : length;
        if (writer->skip) {
            writer->skip -= n;
        } else {
            r = buffer_append(&writer->pages, bytes, n);
            writer->page_left -= n;
        }
        bytes += n;
        length -= n;
        if (writer->page_left == 0) {
            writer->skip = WAL_FRAME_HEADER_SIZE;
            writer->page_left = writer->page_size;
            if (r == 0 && writer->pages.size >= PUT_AT_ONCE)
                r = flush(writer);
        }
    }
    return r;
}

struct source {
    struct v03_generation *generation;
    const struct segment *segment;
};

/* Checks the frames again while their pages are put: the object may have been damaged since it was learnt. */
struct checked_writer {
    struct wal_parser *parser;
    struct page_writer pages;
};

static int check_and_write(void *context, const uint8_t *bytes, size_t length)
{
    struct checked_writer *writer = context;
    int r = wal_parser_feed(writer->parser, bytes, length);
    return r < 0 ? r : write_pages(&writer->pages, bytes, length);
}

static void close_parser(struct wal_parser **parser)
{
    wal_parser_close(*parser);
}

/* Only whole pages are put, and a page is whole only when its frame has been checked. */
static int make_from_object(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                            struct task *task)
{
    const struct source *source = context;
    const struct segment *segment = source->segment;
    _cleanup_(close_parser) struct wal_parser *parser = NULL;
    struct checked_writer writer = {0};
    int r = wal_parser_open(segment->offset ? &segment->header : NULL, &parser);

    if (r < 0)
        return r;
    if (segment->offset)
        wal_parser_expect(parser, segment->chain_before);
    writer.parser = parser;
    page_writer_init(&writer.pages, fill, segment->offset, &segment->header);
    r = object_decode(source->generation, &segment->object, check_and_write, &writer, task);
    if (r == 0)
        r = flush(&writer.pages);
    buffer_finish(&writer.pages.pages);
    return r;
}

/* A segment is fetched and decoded whole. */
static void unit_of_object(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end)
{
    const struct segment *segment = ((const struct source *)context)->segment;
    *ret_begin = (uint64_t)segment->first_frame * segment->header.page_size;
    *ret_end = *ret_begin + (uint64_t)segment->n_frames * segment->header.page_size;
}

int64_t wal_image_read(struct v03_generation *generation, struct segment *segment, uint32_t frame,
                       uint32_t offset, size_t length, void *bytes, struct task *task)
{
    struct source source = {generation, segment};
    const struct cache_maker maker = {make_from_object, unit_of_object, &source};
    struct cache_image *image;
    uint64_t at = (uint64_t)(frame - 1) * segment->header.page_size + offset;

    if (open_image(generation, segment->index, &segment->header, &image) < 0)
        return -ENOMEM;
    int64_t n = cache_image_read(image, at, length, bytes, &maker, task);
    cache_image_close(image);
    if (n >= 0 && (size_t)n < length)
        return task_fail(task, EIO, "%s/%s is shorter than it was", replica_url(generation->replica),
                         segment->object.key);
    return n;
}

struct decoded_source {
    uint64_t offset;
    const struct wal_header *header;
    const struct buffer *decoded;
};

static int make_from_memory(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                            struct task *task)
{
    const struct decoded_source *source = context;
    struct page_writer writer;

    page_writer_init(&writer, fill, source->offset, source->header);
    int r = write_pages(&writer, source->decoded->data, source->decoded->size);
    if (r == 0)
        r = flush(&writer);
    buffer_finish(&writer.pages);
    return r;
}

void wal_image_keep(struct v03_generation *generation, uint32_t index, uint64_t offset,
                    const struct wal_header *header, const struct buffer *decoded)
{
    struct decoded_source source = {offset, header, decoded};
    const struct cache_maker maker = {.make = make_from_memory, .context = &source};
    struct cache_image *image;
    struct task task;
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)header->page_size;
    uint64_t frames_before = offset ? (offset - WAL_HEADER_SIZE) / frame_size : 0;
    uint8_t byte;

    task_init(&task, NULL);
    if (decoded->size < frame_size || open_image(generation, index, header, &image) < 0)
        return;
    cache_image_read(image, frames_before * header->page_size, 1, &byte, &maker, &task);
    cache_image_close(image);
}

void wal_image_discard(struct v03_generation *generation, uint32_t index, const struct wal_header *header)
{
    struct cache_image *image;
    if (open_image(generation, index, header, &image) < 0)
        return;
    cache_image_discard(image);
    cache_image_close(image);
}
