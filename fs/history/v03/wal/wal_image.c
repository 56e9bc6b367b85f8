#include "wal_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "segment.h"
#include "v03/object_stream.h"
#include "v03/v03.h"
#include "versions.h"

#define PARALLEL_FETCHES 16
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

/* The first of a WAL's segments that holds a frame behind the first `frames`. */
static size_t find_frame(const struct wal_reader_image *wal, uint64_t frames)
{
    return ARRAY_LOWER_BOUND(wal->n_segments, i,
                             (uint64_t)wal->segments[i]->first_frame + wal->segments[i]->n_frames <= frames);
}

/* Making a part of a WAL's image: its segments from `first` on. */
struct source {
    struct v03_generation *generation;
    const struct wal_reader_image *wal;
};

struct making {
    const struct source *source;
    size_t first;
    struct cache_fill *fill;
};

/* One segment that is made. */
struct segment_making {
    const struct making *making;
    const struct segment *segment;
};

/* A learnt_attempt. Only whole pages are put, and a page is whole only when its frame has been checked. */
static int make_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct segment_making *made = context;
    const struct segment *segment = made->segment;
    struct object_stream stream = {
        .generation = made->making->source->generation, .object = &segment->object, .anew = anew};
    _cleanup_(close_parser) struct wal_parser *parser = NULL;
    struct checked_writer writer = {0};
    int r = wal_parser_open(segment->offset ? &segment->header : NULL, &parser);

    if (r < 0)
        return r;
    if (segment->offset)
        wal_parser_expect(parser, segment->chain_before);
    writer.parser = parser;
    page_writer_init(&writer.pages, made->making->fill, segment->offset, &segment->header);
    r = object_decode(&stream, check_and_write, &writer, task);
    if (r == 0)
        r = flush(&writer.pages);
    *ret_sum = stream.sum;
    buffer_finish(&writer.pages.pages);
    return r;
}

static int make_segment(void *context, size_t item, struct task *task)
{
    const struct making *making = context;
    struct segment_making made = {making, making->source->wal->segments[making->first + item]};
    return learnt_read(make_attempt, &made, task);
}

static int make_from_objects(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                             struct task *task)
{
    const struct source *source = context;
    uint32_t page_size = source->wal->segments[0]->header.page_size;
    struct making making = {source, find_frame(source->wal, offset / page_size), fill};
    size_t last = find_frame(source->wal, (offset + length - 1) / page_size);

    if (last == source->wal->n_segments) /* nobody reads there */
        last--;
    return making.first > last
               ? 0
               : parallel_each(last - making.first + 1, PARALLEL_FETCHES, make_segment, &making, task);
}

/* A segment is fetched and decoded whole. */
static void unit_of_object(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end)
{
    const struct wal_reader_image *wal = ((const struct source *)context)->wal;
    uint32_t page_size = wal->segments[0]->header.page_size;
    size_t i = find_frame(wal, offset / page_size);
    const struct segment *segment = wal->segments[i < wal->n_segments ? i : i - 1];

    *ret_begin = (uint64_t)segment->first_frame * page_size;
    *ret_end = *ret_begin + (uint64_t)segment->n_frames * page_size;
}

/* The number of the first replayed segment of WAL `index` or a later one. */
static size_t find_wal(const struct wal_reader *reader, uint64_t index)
{
    return ARRAY_LOWER_BOUND(reader->n_segments, i, reader->segments[i]->index < index);
}

/* The WAL's image, which stays open until its place is needed for another one. */
static int reader_open(struct wal_reader *reader, uint32_t index, const struct wal_reader_image **ret_wal)
{
    struct wal_reader_image *wal = &reader->images[index % (sizeof reader->images / sizeof *reader->images)];

    *ret_wal = wal;
    if (wal->image && wal->segments[0]->index == index)
        return 0;
    cache_image_close(wal->image);
    wal->image = NULL;
    size_t begin = find_wal(reader, index);
    wal->segments = reader->segments + begin;
    wal->n_segments = find_wal(reader, (uint64_t)index + 1) - begin;
    return open_image(reader->generation, index, &wal->segments[0]->header, &wal->image);
}

void wal_reader_finish(struct wal_reader *reader)
{
    for (size_t i = 0; i < sizeof reader->images / sizeof *reader->images; i++)
        cache_image_close(reader->images[i].image);
}

int64_t wal_reader_read(struct wal_reader *reader, struct wal_position at, uint32_t offset, size_t length,
                        void *bytes, struct task *task)
{
    struct source source = {.generation = reader->generation};
    const struct cache_maker maker = {make_from_objects, unit_of_object, &source};

    if (reader_open(reader, at.index, &source.wal) < 0)
        return -ENOMEM;
    uint64_t start = (uint64_t)(at.frame - 1) * source.wal->segments[0]->header.page_size + offset;
    int64_t n = cache_image_read(source.wal->image, start, length, bytes, &maker, task);
    if (n >= 0 && (size_t)n < length)
        return task_fail(task, EIO, "%s: WAL %08x of generation %s is shorter than it was",
                         replica_url(reader->generation->replica), at.index, reader->generation->base.name);
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
                    const struct wal_header *header, const struct buffer *decoded, const struct task *task)
{
    struct decoded_source source = {offset, header, decoded};
    const struct cache_maker maker = {.make = make_from_memory, .context = &source};
    struct cache_image *image;
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)header->page_size;
    uint64_t frames_before = offset ? (offset - WAL_HEADER_SIZE) / frame_size : 0;

    if (decoded->size < frame_size || open_image(generation, index, header, &image) < 0)
        return;
    cache_image_keep(image, frames_before * header->page_size, &maker, task);
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
