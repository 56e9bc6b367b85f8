#include "ltx_image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "ltx_learn.h"
#include "ltx_sums.h"

#define FETCH_AT_ONCE (4 << 20) /* bytes of page frames */
#define PUT_AT_ONCE (256 << 10) /* bytes of pages */
#define GAP (128 << 10)         /* bytes of page frames that are read through: what a request takes at home */

/* What a make works on. */
struct ltx_image_source {
    const struct ltx_file *file;
    const struct ltx_table *table;
    struct cache_image *image;
    struct ltx_sums *sums; /* NULL: the file was checked whole */
    size_t end;            /* entries up to here are wanted sooner or later */
    const uint8_t *frames; /* those of the entries up to `end`, if they are there */
};

static size_t ltx_page_size(const struct ltx_image_source *source)
{
    return source->table->head->header.page_size;
}

static int ltx_refuse(const struct ltx_image_source *source, struct task *task)
{
    return ltx_file_fail(source->file, EBADMSG, task, "is damaged: a page of it does not decode");
}

static int ltx_decode(const struct ltx_image_source *source, size_t entry, const struct ltx_page *place,
                      const uint8_t *frame, uint8_t *page, struct task *task)
{
    uint32_t number;
    int r = ltx_page_decode(frame, place->size, (uint32_t)ltx_page_size(source), &number, page);
    if (r == -ENOMEM)
        return r;
    if (r == 0 && number == place->number && source->sums)
        r = ltx_sums_note(source->sums, entry, ltx_frame_sum(frame, page, ltx_page_size(source)));
    return r < 0 || number != place->number ? ltx_refuse(source, task) : 0;
}

/* Decodes the frames of the entries [first, end), which stand one behind the other in `frames`, and puts the
 * pages. */
static int ltx_put_pages(const struct ltx_image_source *source, size_t first, size_t end,
                         const uint8_t *frames, struct cache_fill *fill, struct task *task)
{
    uint64_t offset = ltx_table_offset(source->table, first);
    size_t size = ltx_page_size(source), batch = PUT_AT_ONCE / size, in_batch = 0;
    _cleanup_free_ uint8_t *decoded = malloc(batch * size);
    int r = decoded ? 0 : -ENOMEM;

    for (size_t i = first; i < end && r == 0; i++) {
        struct ltx_page place = ltx_table_page(source->table, i);
        r = ltx_decode(source, i, &place, frames + (place.offset - offset), decoded + in_batch * size, task);
        in_batch++;
        if (r < 0 || (in_batch < batch && i + 1 < end))
            continue;
        r = cache_fill_put(fill, (uint64_t)(i + 1 - in_batch) * size, decoded, in_batch * size,
                           i + 1 == source->table->n);
        in_batch = 0;
    }
    return r;
}

static bool ltx_is_there(const struct ltx_image_source *source, size_t entry)
{
    return cache_image_has(source->image, (uint64_t)entry * ltx_page_size(source));
}

/* Where the fetch that must reach to `end` ends: what is wanted behind it and missing is brought along, past
 * what is there already. */
static size_t ltx_extend(const struct ltx_image_source *source, size_t end)
{
    for (size_t next = end; next < source->end; next++) {
        if (!ltx_image_joins(source->file, end, next))
            break;
        if (!ltx_is_there(source, next))
            end = next + 1;
    }
    return end;
}

/* How far one request goes. */
static size_t ltx_end_of_fetch(const struct ltx_image_source *source, size_t first, size_t end)
{
    uint64_t offset = ltx_table_offset(source->table, first);
    size_t to = first + 1;
    while (to < end && ltx_table_offset(source->table, to + 1) - offset <= FETCH_AT_ONCE)
        to++;
    return to;
}

/* Entries [first, end) that are being fetched. */
struct ltx_fetch {
    const struct ltx_image_source *source;
    size_t first, end;
    uint8_t *bytes; /* room for their frames */
    struct cache_fill *fill;
};

static int ltx_fetch_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct ltx_fetch *fetch = context;
    const struct ltx_image_source *source = fetch->source;
    uint64_t offset = ltx_table_offset(source->table, fetch->first);
    size_t length = (size_t)(ltx_table_offset(source->table, fetch->end) - offset);

    int r = ltx_file_read(source->file, anew, offset, length, fetch->bytes, task);
    if (r == 0)
        r = ltx_put_pages(source, fetch->first, fetch->end, fetch->bytes, fetch->fill, task);
    if (r == -EBADMSG)
        *ret_sum = learnt_sum(0, fetch->bytes, length);
    return r;
}

static int ltx_fetch_pages(const struct ltx_image_source *source, size_t first, size_t end,
                           struct cache_fill *fill, struct task *task)
{
    uint64_t offset = ltx_table_offset(source->table, first);
    _cleanup_free_ uint8_t *bytes = malloc((size_t)(ltx_table_offset(source->table, end) - offset));
    struct ltx_fetch fetch = {source, first, end, bytes, fill};

    if (!bytes)
        return -ENOMEM;
    task_set_step(task, "entries %zu to %zu of the page index", first, end - 1);
    return learnt_read(ltx_fetch_attempt, &fetch, task);
}

static int ltx_make_pages(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                          struct task *task)
{
    const struct ltx_image_source *source = context;
    size_t size = ltx_page_size(source), first = offset / size, end = (offset + length + size - 1) / size;
    int r = 0;

    if (source->frames)
        return ltx_put_pages(source, 0, source->end, source->frames, fill, task);
    end = end < source->table->n ? end : source->table->n;
    if (first >= end)
        return ltx_file_fail(source->file, EIO, task, "lacks a page that its page index tells of");
    end = ltx_extend(source, end);
    for (size_t to; first < end && r == 0; first = to) {
        to = ltx_end_of_fetch(source, first, end);
        r = ltx_fetch_pages(source, first, to, fill, task);
    }
    return r;
}

void ltx_image_keep(const struct ltx_file *file, const struct ltx_found *found, const uint8_t *bytes,
                    size_t length, const struct task *task)
{
    const struct ltx_table *table = &found->table;
    struct ltx_image_source source = {
        .file = file, .table = table, .image = found->image, .sums = found->sums};
    const struct cache_maker maker = {.make = ltx_make_pages, .context = &source};

    while (source.end < table->n && ltx_table_offset(table, source.end + 1) <= length)
        source.end++;
    if (source.end == 0)
        return;
    source.frames = bytes + ltx_table_offset(table, 0);
    cache_image_keep(found->image, 0, &maker, task);
}

int64_t ltx_image_fetch(const struct ltx_file *file, uint64_t offset, size_t length, void *bytes,
                        struct task *task)
{
    struct ltx_image_source source = {
        .file = file, .table = &file->table, .image = file->image, .sums = file->sums};
    const struct cache_maker maker = {.make = ltx_make_pages, .context = &source};
    size_t size = ltx_page_size(&source);

    source.end = (offset + length + size - 1) / size;
    source.end = source.end < file->table.n ? source.end : file->table.n;
    int64_t n = cache_image_read(file->image, offset, length, bytes, &maker, task);
    return n == -ENOSPC && !bytes ? 0 : n;
}

bool ltx_image_misses(const struct ltx_file *file, size_t first, size_t end)
{
    uint64_t size = ltx_file_header(file)->page_size;
    return !cache_image_has(file->image, first * size) || !cache_image_has(file->image, (end - 1) * size);
}

bool ltx_image_joins(const struct ltx_file *file, size_t end, size_t next)
{
    return ltx_table_offset(&file->table, next) - ltx_table_offset(&file->table, end) <= GAP;
}
