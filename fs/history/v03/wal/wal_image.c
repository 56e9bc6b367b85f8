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
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"

#define PARALLEL_FETCHES 16
#define PUT_AT_ONCE (256 << 10) /* bytes of pages */

static int wal_open_image(struct v03_generation *generation, uint32_t index, const struct wal_header *header,
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
struct wal_page_writer {
    struct cache_fill *fill;
    size_t page_size;
    size_t skip;         /* bytes of a header that come before the next page */
    size_t page_left;    /* bytes of the current page that have not come yet */
    struct buffer pages; /* whole pages and the beginning of one */
    uint64_t offset;     /* of `pages` in the image */
};

static void wal_page_writer_init(struct wal_page_writer *writer, struct cache_fill *fill, uint64_t offset,
                                 const struct wal_header *header)
{
    *writer = (struct wal_page_writer){
        .fill = fill, .page_size = header->page_size, .page_left = header->page_size};
    writer->skip = (offset ? 0 : WAL_HEADER_SIZE) + WAL_FRAME_HEADER_SIZE;
    writer->offset = segment_frames_before(offset, header->page_size) * header->page_size;
}

/* Puts the pages that are whole. The last one is always so when a sound segment ends. */
static int wal_flush(struct wal_page_writer *writer)
{
    int r = 0;
    if (writer->pages.size)
        r = cache_fill_put(writer->fill, writer->offset, writer->pages.data, writer->pages.size, false);
    writer->offset += writer->pages.size;
    writer->pages.size = 0;
    return r;
}

static int wal_write_pages(void *context, const uint8_t *bytes, size_t length)
{
    struct wal_page_writer *writer = context;
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
                r = wal_flush(writer);
        }
    }
    return r;
}

/* Checks the frames again while their pages are put: the object may have been damaged since it was learnt. */
struct checked_writer {
    struct wal_parser *parser;
    struct wal_page_writer pages;
};

static int wal_check_and_write(void *context, const uint8_t *bytes, size_t length)
{
    struct checked_writer *writer = context;
    int r = wal_parser_feed(writer->parser, bytes, length);
    return r < 0 ? r : wal_write_pages(&writer->pages, bytes, length);
}

/* The segments of one WAL that are replayed. */
struct wal_part {
    struct v03_generation *generation;
    struct segment *const *segments;
    size_t n;
};

/* The first of them that holds a frame behind the first `frames`. */
static size_t wal_find_frame(const struct wal_part *wal, uint64_t frames)
{
    return ARRAY_LOWER_BOUND(wal->n, i,
                             (uint64_t)wal->segments[i]->first_frame + wal->segments[i]->n_frames <= frames);
}

/* Some of them, whose pages are put. */
struct segments_decoding {
    const struct wal_part *wal;
    size_t first;
    struct cache_fill *fill;
};

struct segment_decoding {
    struct v03_generation *generation;
    const struct segment *segment;
    struct cache_fill *fill;
};

/* A learnt_attempt. Only whole pages are put, and a page is whole only when its frame has been checked. */
static int wal_decode_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct segment_decoding *decoding = context;
    const struct segment *segment = decoding->segment;
    struct object_stream stream = {
        .generation = decoding->generation, .object = &segment->object, .anew = anew};
    _cleanup_(segment_parser_cleanup) struct wal_parser *parser = NULL;
    struct checked_writer writer = {0};
    int r = wal_parser_open(segment->offset ? &segment->header : NULL, &parser);

    if (r < 0)
        return r;
    if (segment->offset)
        wal_parser_expect(parser, segment->chain_before);
    writer.parser = parser;
    wal_page_writer_init(&writer.pages, decoding->fill, segment->offset, &segment->header);
    r = object_decode(&stream, wal_check_and_write, &writer, task);
    if (r == 0)
        r = wal_flush(&writer.pages);
    *ret_sum = stream.sum;
    buffer_finish(&writer.pages.pages);
    return r;
}

static int wal_decode_segment(void *context, size_t item, struct task *task)
{
    const struct segments_decoding *all = context;
    struct segment_decoding one = {all->wal->generation, all->wal->segments[all->first + item], all->fill};
    return learnt_read(wal_decode_attempt, &one, task);
}

static int wal_make_from_objects(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                                 struct task *task)
{
    const struct wal_part *wal = context;
    uint32_t page_size = wal->segments[0]->header.page_size;
    struct segments_decoding decoding = {wal, wal_find_frame(wal, offset / page_size), fill};
    size_t last = wal_find_frame(wal, (offset + length - 1) / page_size);

    if (last == wal->n) /* nobody reads there */
        last--;
    return decoding.first > last ? 0
                                 : parallel_each(last - decoding.first + 1, PARALLEL_FETCHES,
                                                 wal_decode_segment, &decoding, task);
}

/* A segment is fetched and decoded whole. */
static void wal_unit_of_object(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end)
{
    const struct wal_part *wal = context;
    uint32_t page_size = wal->segments[0]->header.page_size;
    size_t i = wal_find_frame(wal, offset / page_size);
    const struct segment *segment = wal->segments[i < wal->n ? i : i - 1];

    *ret_begin = (uint64_t)segment->first_frame * page_size;
    *ret_end = *ret_begin + (uint64_t)segment->n_frames * page_size;
}

/* The number of the first replayed segment of WAL `index` or a later one. */
static size_t wal_find(const struct wal_reader *reader, uint64_t index)
{
    return ARRAY_LOWER_BOUND(reader->n_segments, i, reader->segments[i]->index < index);
}

void wal_images_init(struct wal_images *images)
{
    *images = (struct wal_images){0};
    pthread_mutex_init(&images->lock, NULL);
}

void wal_images_finish(struct wal_images *images)
{
    for (size_t i = 0; i < sizeof images->items / sizeof *images->items; i++)
        cache_image_close(images->items[i].image);
    pthread_mutex_destroy(&images->lock);
}

/* The image of a WAL with that header, for the caller to close. 0 or -ENOMEM. */
static int images_get(struct v03_generation *generation, struct wal_images *images, uint32_t index,
                      const struct wal_header *header, struct cache_image **ret_image)
{
    size_t i = index % (sizeof images->items / sizeof *images->items);
    int r = 0;

    pthread_mutex_lock(&images->lock);
    if (!images->items[i].image || images->items[i].index != index) {
        cache_image_close(steal_pointer(images->items[i].image));
        images->items[i].index = index;
        r = wal_open_image(generation, index, header, &images->items[i].image);
    }
    if (r == 0)
        *ret_image = cache_image_ref(images->items[i].image);
    pthread_mutex_unlock(&images->lock);
    return r;
}

int64_t wal_image_read(const struct wal_reader *reader, struct wal_position at, uint32_t offset,
                       size_t length, void *bytes, struct task *task)
{
    size_t begin = wal_find(reader, at.index), end = wal_find(reader, (uint64_t)at.index + 1);
    struct wal_part wal = {reader->generation, reader->segments + begin, end - begin};
    const struct wal_header *header = &wal.segments[0]->header;
    const struct cache_maker maker = {wal_make_from_objects, wal_unit_of_object, &wal};
    struct cache_image *image = NULL;

    if (images_get(reader->generation, reader->images, at.index, header, &image) < 0)
        return -ENOMEM;
    int64_t n = cache_image_read(image, (uint64_t)(at.frame - 1) * header->page_size + offset, length, bytes,
                                 &maker, task);
    cache_image_close(image);
    if (n >= 0 && (size_t)n < length)
        return task_fail(task, EIO, "%s: WAL %08x of generation %s is shorter than it was",
                         replica_url(reader->generation->replica), at.index, reader->generation->base.name);
    return n;
}

struct decoded_segment {
    uint64_t offset;
    const struct wal_header *header;
    const struct buffer *decoded;
};

static int wal_make_from_memory(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                                struct task *task)
{
    const struct decoded_segment *source = context;
    struct wal_page_writer writer;

    wal_page_writer_init(&writer, fill, source->offset, source->header);
    int r = wal_write_pages(&writer, source->decoded->data, source->decoded->size);
    if (r == 0)
        r = wal_flush(&writer);
    buffer_finish(&writer.pages);
    return r;
}

void wal_image_keep(struct v03_generation *generation, uint32_t index, uint64_t offset,
                    const struct wal_header *header, const struct buffer *decoded, const struct task *task)
{
    struct decoded_segment source = {offset, header, decoded};
    const struct cache_maker maker = {.make = wal_make_from_memory, .context = &source};
    struct cache_image *image;
    uint64_t first = segment_frames_before(offset, header->page_size) * header->page_size;

    if (decoded->size < WAL_FRAME_HEADER_SIZE + header->page_size ||
        wal_open_image(generation, index, header, &image) < 0)
        return;
    cache_image_keep(image, first, &maker, task);
    cache_image_close(image);
}

void wal_image_discard(struct v03_generation *generation, uint32_t index, const struct wal_header *header)
{
    struct cache_image *image;
    if (wal_open_image(generation, index, header, &image) < 0)
        return;
    cache_image_discard(image);
    cache_image_close(image);
}
