/* The checksum over a large file, of which pages were read here and there. It is computed from the pages as
 * the cache has them; those that nobody has read yet are fetched for it. */
#include "v05_check.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "ltx_image.h"

#define WINDOW (UINT64_C(1) << 20) /* bytes of pages that are added at once */
#define RUN (UINT64_C(4) << 20)    /* and that are fetched at once, if some are missing */
#define PARALLEL_RUNS 16
#define START_SIZE (LTX_HEADER_SIZE + LTX_PAGE_HEADER_SIZE)
#define KIND "checked" /* the fact that the checksum held */

static uint64_t image_size(const struct ltx_file *file)
{
    return (uint64_t)file->table.n * ltx_file_header(file)->page_size;
}

static int bring_run(void *context, size_t item, struct task *task)
{
    const struct ltx_file *file = context;
    int64_t n = ltx_image_read(file, item * RUN, RUN, NULL, task);
    return n < 0 ? (int)n : 0;
}

static int sum_pages(const struct ltx_file *file, struct ltx_sum *sum, struct task *task)
{
    _cleanup_free_ uint8_t *window = malloc(WINDOW);
    size_t page_size = ltx_file_header(file)->page_size;
    uint64_t size = image_size(file);
    int64_t n = window ? 0 : -ENOMEM;

    for (uint64_t offset = 0; offset < size && n >= 0; offset += WINDOW) {
        size_t length = size - offset < WINDOW ? (size_t)(size - offset) : WINDOW;
        n = ltx_image_read(file, offset, length, window, task);
        for (size_t at = 0; n >= 0 && at < length; at += page_size) {
            const struct ltx_page place = ltx_table_page(&file->table, (size_t)((offset + at) / page_size));
            ltx_sum_add(sum, &place, window + at, page_size);
        }
    }
    return n < 0 ? (int)n : 0;
}

/* What stands behind the pages. The caller frees it. */
static int read_end(const struct ltx_file *file, struct task *task, uint8_t **ret_end, size_t *ret_length)
{
    uint64_t offset = file->table.offsets[file->table.n];
    size_t length = (size_t)(file->object.size - offset);
    _cleanup_free_ uint8_t *end = malloc(length);
    int r = end ? ltx_object_read(file, offset, length, end, task, NULL) : -ENOMEM;

    if (r < 0)
        return r;
    *ret_end = steal_pointer(end);
    *ret_length = length;
    return 0;
}

static int check_sum(const struct ltx_file *file, struct task *task)
{
    uint8_t start[START_SIZE];
    _cleanup_free_ uint8_t *end = NULL;
    struct ltx_sum sum;
    size_t length = 0;
    int r = ltx_object_read(file, 0, sizeof start, start, task, NULL);

    if (r == 0)
        r = read_end(file, task, &end, &length);
    if (r == 0)
        r = parallel_each((size_t)((image_size(file) + RUN - 1) / RUN), PARALLEL_RUNS, bring_run,
                          (void *)file, task);
    if (r < 0)
        return r;
    ltx_sum_begin(&sum, start);
    r = sum_pages(file, &sum, task);
    if (r < 0 || ltx_sum_holds(&sum, end, length))
        return r;
    cache_image_discard(file->image);
    return task_fail(task, EIO, "%s/%s is damaged: its checksum does not match", replica_url(file->replica),
                     file->object.key);
}

int v05_check_file(struct v05_generation *generation, const struct ltx_file *file, struct task *task)
{
    _cleanup_free_ char *identity = NULL;
    struct buffer fact = {0};

    if (file->object.size <= V05_WHOLE_OBJECT)
        return 0; /* checked when it was learnt */
    identity = ltx_identity(file);
    if (!identity)
        return -ENOMEM;
    int r = cache_get_fact(generation->cache, identity, KIND, &fact);
    buffer_finish(&fact);
    if (r != -ENOENT)
        return r;
    r = check_sum(file, task);
    if (r == 0)
        cache_put_fact(generation->cache, identity, KIND, "", 0);
    return r;
}
