#include "v05_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "ltx_sums.h"

struct v05_comparison {
    struct cache *cache;
    const struct ltx_file *file;
    char *identity;
    bool has_table;
    struct ltx_table table;    /* as it was kept */
    struct cache_image *image; /* NULL: the file's header can't be read */
    size_t page_size;
    uint64_t entry; /* pages that were shown */
    bool differs, dropped;
    uint8_t room[65536];
};

int v05_compare_begin(struct v05_generation *generation, const struct ltx_file *file,
                      struct v05_comparison **ret_comparison)
{
    _cleanup_free_ struct v05_comparison *comparison = malloc(sizeof *comparison);

    if (!comparison)
        return -ENOMEM;
    memset(comparison, 0, offsetof(struct v05_comparison, room));
    comparison->cache = generation->cache;
    comparison->file = file;
    comparison->identity = ltx_file_identity(file);
    if (!comparison->identity)
        return -ENOMEM;
    comparison->has_table =
        ltx_table_recall(comparison->cache, comparison->identity, &comparison->table) == 0;
    *ret_comparison = steal_pointer(comparison);
    return 0;
}

void v05_compare_end(struct v05_comparison *comparison)
{
    if (!comparison)
        return;
    ltx_table_finish(&comparison->table);
    cache_image_close(comparison->image);
    free(comparison->identity);
    free(comparison);
}

bool v05_compare_has_dropped(const struct v05_comparison *comparison)
{
    return comparison->dropped;
}

static void compare_page(void *context, const struct ltx_page *place, const uint8_t *page)
{
    struct v05_comparison *comparison = context;
    size_t size = comparison->page_size;
    uint64_t offset = comparison->entry++ * size;

    if (!comparison->differs && cache_image_has(comparison->image, offset) &&
        cache_image_peek(comparison->image, offset, size, comparison->room) == size)
        comparison->differs = memcmp(comparison->room, page, size) != 0;
}

void v05_compare_start(struct v05_comparison *comparison, const uint8_t start[static LTX_START_SIZE],
                       struct ltx_checker *checker)
{
    struct ltx_header header;

    cache_image_close(comparison->image);
    comparison->image = NULL;
    comparison->entry = 0;
    comparison->differs =
        comparison->has_table && memcmp(start, comparison->table.head->start, LTX_START_SIZE) != 0;
    if (ltx_header_parse(start, &header) < 0 ||
        cache_image_open(comparison->cache, comparison->identity, header.page_size, &comparison->image) < 0)
        return;
    comparison->page_size = header.page_size;
    ltx_checker_watch(checker, compare_page, comparison);
}

static bool compare_places(const struct ltx_table *table, const struct ltx_index *index)
{
    bool same = table->n == index->n;

    for (size_t i = 0; same && i < index->n; i++) {
        struct ltx_page place = ltx_table_page(table, i);
        same = place.number == index->pages[i].number && place.offset == index->pages[i].offset &&
               place.size == index->pages[i].size;
    }
    return same;
}

void v05_compare_conclude(struct v05_comparison *comparison, const struct ltx_index *index)
{
    if (comparison->has_table && !compare_places(&comparison->table, index))
        comparison->differs = true;
    if (!comparison->differs)
        return;
    comparison->dropped = true;
    ltx_table_drop(comparison->cache, comparison->identity);
    ltx_sums_drop(comparison->cache, comparison->identity);
    if (comparison->image)
        cache_image_discard(comparison->image);
}
