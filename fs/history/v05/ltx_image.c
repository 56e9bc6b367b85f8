#include "ltx_image.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"

#define FETCH_AT_ONCE (1 << 20) /* bytes of page frames */
#define PUT_AT_ONCE (256 << 10) /* bytes of pages */

int ltx_object_read(struct v05_generation *generation, const struct ltx_file *file, uint64_t offset,
                    size_t length, void *bytes, struct task *task)
{
    int r = replica_read(file->replica, &file->object, offset, length, bytes, task);
    return r == -ENOENT ? -ESTALE : r;
}

char *ltx_identity(const struct v05_generation *generation, const struct ltx_file *file)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\n%" PRIu64 "\n%s", replica_url(file->replica), file->object.key,
                     file->object.size, file->object.version);
    return n < 0 ? NULL : text;
}

/* What a make works on. */
struct source {
    struct v05_generation *generation;
    const struct ltx_file *file;
    const struct ltx_header *header;
    const struct ltx_index *index;
    const uint8_t *whole; /* the file's bytes, if they are there */
};

static int refuse(const struct source *source, struct task *task)
{
    return task_fail(task, EIO, "%s/%s is damaged: a page of it does not decode",
                     replica_url(source->file->replica), source->file->object.key);
}

/* Decodes the frames of `n` pages from entry `first` on, which stand one behind the other in `frames`, and
 * puts the pages. */
static int put_pages(const struct source *source, size_t first, size_t n, const uint8_t *frames,
                     struct cache_fill *fill, struct task *task)
{
    const struct ltx_page *pages = source->index->pages;
    uint32_t page_size = source->header->page_size, number;
    size_t batch = PUT_AT_ONCE / page_size, in_batch = 0;
    _cleanup_free_ uint8_t *decoded = malloc(batch * page_size);
    int r = decoded ? 0 : -ENOMEM;

    for (size_t i = first; i < first + n && r == 0; i++) {
        uint8_t *page = decoded + in_batch * page_size;
        const uint8_t *frame = frames + (pages[i].offset - pages[first].offset);
        if (ltx_page_decode(frame, pages[i].size, page_size, &number, page) < 0 || number != pages[i].number)
            return refuse(source, task);
        in_batch++;
        if (in_batch < batch && i + 1 < first + n)
            continue;
        r = cache_fill_put(fill, (uint64_t)(i + 1 - in_batch) * page_size, decoded, in_batch * page_size,
                           i + 1 == source->index->n);
        in_batch = 0;
    }
    return r;
}

/* How many pages from entry `first` on, up to `end`, are fetched at once. */
static size_t count_run(const struct ltx_index *index, size_t first, size_t end)
{
    size_t n = 1;
    while (first + n < end &&
           index->pages[first + n].offset + index->pages[first + n].size - index->pages[first].offset <=
               FETCH_AT_ONCE)
        n++;
    return n;
}

static int fetch_pages(const struct source *source, size_t first, size_t n, struct cache_fill *fill,
                       struct task *task)
{
    const struct ltx_page *from = &source->index->pages[first], *last = from + n - 1;
    size_t length = (size_t)(last->offset + last->size - from->offset);
    _cleanup_free_ uint8_t *bytes = malloc(length);

    if (!bytes)
        return -ENOMEM;
    int r = ltx_object_read(source->generation, source->file, from->offset, length, bytes, task);
    return r < 0 ? r : put_pages(source, first, n, bytes, fill, task);
}

static int make_pages(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                      struct task *task)
{
    const struct source *source = context;
    size_t page_size = source->header->page_size, first = offset / page_size;
    size_t end = (offset + length + page_size - 1) / page_size;
    int r = 0;

    end = end < source->index->n ? end : source->index->n;
    if (first >= end)
        return task_fail(task, EIO, "%s has no such page", source->file->object.key);
    if (source->whole)
        return put_pages(source, 0, source->index->n, source->whole + source->index->pages[0].offset, fill,
                         task);
    for (size_t n; first < end && r == 0; first += n) {
        n = count_run(source->index, first, end);
        r = fetch_pages(source, first, n, fill, task);
    }
    return r;
}

static int open_image(const struct source *source, struct cache_image **ret_image)
{
    _cleanup_free_ char *identity = ltx_identity(source->generation, source->file);
    return identity
               ? cache_image_open(source->generation->cache, identity, source->header->page_size, ret_image)
               : -ENOMEM;
}

void ltx_image_keep(struct v05_generation *generation, const struct ltx_file *file,
                    const struct ltx_header *header, const struct ltx_index *index, const uint8_t *bytes)
{
    struct source source = {generation, file, header, index, bytes};
    const struct cache_maker maker = {.make = make_pages, .context = &source};
    struct cache_image *image;
    struct task task;
    uint8_t byte;

    task_init(&task, NULL);
    if (index->n == 0 || open_image(&source, &image) < 0)
        return;
    cache_image_read(image, 0, 1, &byte, &maker, &task);
    cache_image_close(image);
}

int64_t ltx_image_read(struct v05_generation *generation, struct ltx_file *file, size_t entry,
                       uint32_t offset, size_t length, void *bytes, struct task *task)
{
    struct source source = {generation, file, &file->header, &file->index, NULL};
    const struct cache_maker maker = {.make = make_pages, .context = &source};
    struct cache_image *image;

    if (open_image(&source, &image) < 0)
        return -ENOMEM;
    int64_t n = cache_image_read(image, (uint64_t)entry * file->header.page_size + offset, length, bytes,
                                 &maker, task);
    cache_image_close(image);
    return n;
}
