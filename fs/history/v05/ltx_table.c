#include "ltx_table.h"

#include <errno.h>
#include <string.h>

#include "litemount/cleanup.h"

#define KIND "ltx"
#define FACT_VERSION 1

/* The page at that entry of a file that holds all. */
static uint32_t ltx_number_of_all(const struct ltx_header *header, uint64_t entry)
{
    uint64_t number = entry + 1;
    return (uint32_t)(number < ltx_lock_page(header->page_size) ? number : number + 1);
}

void ltx_table_finish(struct ltx_table *table)
{
    buffer_finish(&table->memory);
    *table = (struct ltx_table){0};
}

void ltx_table_begin(const struct ltx_header *header, const uint8_t start[static LTX_START_SIZE],
                     const uint8_t trailer[static LTX_TRAILER_SIZE], struct ltx_table_builder *ret_builder)
{
    memset(ret_builder, 0, sizeof *ret_builder); /* padding too: it is written out */
    ret_builder->end = LTX_HEADER_SIZE;
    ret_builder->head.header = *header;
    memcpy(ret_builder->head.start, start, LTX_START_SIZE);
    ltx_trailer_parse(trailer, &ret_builder->head.trailer);
}

void ltx_table_builder_finish(struct ltx_table_builder *builder)
{
    buffer_finish(&builder->sizes);
    buffer_finish(&builder->numbers);
}

/* The first page that is missing makes it necessary to tell the pages before it too. */
static int ltx_tell_numbers(struct ltx_table_builder *builder)
{
    int r = 0;
    for (uint64_t entry = 0; entry < builder->n && r == 0; entry++) {
        uint32_t number = ltx_number_of_all(&builder->head.header, entry);
        r = buffer_append(&builder->numbers, &number, sizeof number);
    }
    return r;
}

int ltx_table_add(void *context, const struct ltx_page *page)
{
    struct ltx_table_builder *builder = context;
    bool told = builder->numbers.size > 0,
         tell = told || page->number != ltx_number_of_all(&builder->head.header, builder->n);

    if (page->offset != builder->end)
        return -EBADMSG;
    int r = tell && !told ? ltx_tell_numbers(builder) : 0;
    if (r == 0 && tell)
        r = buffer_append(&builder->numbers, &page->number, sizeof page->number);
    if (r == 0)
        r = buffer_append(&builder->sizes, &page->size, sizeof page->size);
    if (r < 0)
        return r;
    builder->n++;
    builder->end += page->size;
    builder->largest = page->size > builder->largest ? page->size : builder->largest;
    return 0;
}

/* Where the parts of a table begin, and where it ends: bytes. */
struct places {
    size_t offsets, sizes, numbers, end;
};

static struct places ltx_places_of(const struct ltx_table_head *head)
{
    struct places places = {.offsets = sizeof *head};
    size_t n = (size_t)head->n_pages, sizes = n * head->size_width;

    places.sizes = places.offsets + (n / LTX_TABLE_STRIDE + 1) * sizeof(uint64_t);
    places.numbers = places.sizes + (sizes + sizeof(uint32_t) - 1) / sizeof(uint32_t) * sizeof(uint32_t);
    places.end = places.numbers + (head->has_numbers ? n * sizeof(uint32_t) : 0);
    return places;
}

/* Points into the table's memory. Whether that is a table. */
static bool ltx_look_at_memory(struct ltx_table *table)
{
    const uint8_t *bytes = table->memory.data;
    const struct ltx_table_head *head = (const struct ltx_table_head *)(const void *)bytes;

    if (table->memory.size < sizeof *head || head->n_pages >= UINT32_MAX ||
        (head->size_width != sizeof(uint16_t) && head->size_width != sizeof(uint32_t)))
        return false;
    const struct places places = ltx_places_of(head);
    if (table->memory.size != places.end)
        return false;
    table->head = head;
    table->n = (size_t)head->n_pages;
    table->offsets = (const uint64_t *)(const void *)(bytes + places.offsets);
    table->sizes = bytes + places.sizes;
    table->numbers = head->has_numbers ? (const uint32_t *)(const void *)(bytes + places.numbers) : NULL;
    return true;
}

static uint32_t ltx_size_of(const struct ltx_table *table, size_t entry)
{
    return table->head->size_width == sizeof(uint16_t) ? ((const uint16_t *)table->sizes)[entry]
                                                       : ((const uint32_t *)table->sizes)[entry];
}

static void ltx_write_sizes(const struct ltx_table_builder *builder, uint64_t *offsets, void *sizes)
{
    const uint32_t *built = (const uint32_t *)(const void *)builder->sizes.data;
    uint64_t offset = LTX_HEADER_SIZE;

    for (size_t i = 0; i < builder->n; i++) {
        if (i % LTX_TABLE_STRIDE == 0)
            offsets[i / LTX_TABLE_STRIDE] = offset;
        if (builder->head.size_width == sizeof(uint16_t))
            ((uint16_t *)sizes)[i] = (uint16_t)built[i];
        else
            ((uint32_t *)sizes)[i] = built[i];
        offset += built[i];
    }
    if (builder->n % LTX_TABLE_STRIDE == 0)
        offsets[builder->n / LTX_TABLE_STRIDE] = offset;
}

int ltx_table_make(struct ltx_table_builder *builder, int64_t time, struct ltx_table *ret_table)
{
    struct ltx_table table = {0};

    builder->head.has_numbers = builder->numbers.size > 0;
    builder->head.size_width = builder->largest <= UINT16_MAX ? sizeof(uint16_t) : sizeof(uint32_t);
    builder->head.time = time;
    builder->head.n_pages = builder->n;
    const struct places places = ltx_places_of(&builder->head);
    int r = buffer_reserve(&table.memory, places.end);
    if (r < 0)
        return r;
    uint8_t *bytes = table.memory.data;
    table.memory.size = places.end;
    memset(bytes, 0, places.end);
    memcpy(bytes, &builder->head, sizeof builder->head);
    ltx_write_sizes(builder, (uint64_t *)(void *)(bytes + places.offsets), bytes + places.sizes);
    if (builder->numbers.size)
        memcpy(bytes + places.numbers, builder->numbers.data, builder->numbers.size);
    ltx_look_at_memory(&table);
    *ret_table = table;
    return 0;
}

void ltx_table_keep(const struct ltx_table *table, struct cache *cache, const char *identity)
{
    cache_put_fact(cache, identity, KIND, FACT_VERSION, table->memory.data, table->memory.size);
}

int ltx_table_recall(struct cache *cache, const char *identity, struct ltx_table *ret_table)
{
    struct ltx_table table = {0};
    int r = cache_get_fact(cache, identity, KIND, FACT_VERSION, &table.memory);

    if (r == 0 && !ltx_look_at_memory(&table))
        r = -ENOENT;
    if (r < 0) {
        ltx_table_finish(&table);
        return r;
    }
    *ret_table = table;
    return 0;
}

void ltx_table_drop(struct cache *cache, const char *identity)
{
    cache_drop_fact(cache, identity, KIND);
}

uint32_t ltx_table_number(const struct ltx_table *table, size_t entry)
{
    return table->numbers ? table->numbers[entry] : ltx_number_of_all(&table->head->header, entry);
}

uint64_t ltx_table_offset(const struct ltx_table *table, size_t entry)
{
    uint64_t offset = table->offsets[entry / LTX_TABLE_STRIDE];
    for (size_t i = entry - entry % LTX_TABLE_STRIDE; i < entry; i++)
        offset += ltx_size_of(table, i);
    return offset;
}

struct ltx_page ltx_table_page(const struct ltx_table *table, size_t entry)
{
    return (struct ltx_page){ltx_table_offset(table, entry), ltx_table_number(table, entry),
                             ltx_size_of(table, entry)};
}

static bool ltx_find_of_all(const struct ltx_table *table, uint32_t page, size_t *ret_entry)
{
    uint32_t lock_page = ltx_lock_page(table->head->header.page_size);
    if (page == 0 || page == lock_page)
        return false;
    *ret_entry = page < lock_page ? page - 1 : page - 2;
    return *ret_entry < table->n;
}

bool ltx_table_find(const struct ltx_table *table, uint32_t page, size_t *ret_entry)
{
    if (!table->numbers)
        return ltx_find_of_all(table, page, ret_entry);
    *ret_entry = ARRAY_LOWER_BOUND(table->n, i, table->numbers[i] < page);
    return *ret_entry < table->n && table->numbers[*ret_entry] == page;
}

bool ltx_table_fits(const struct ltx_table *table)
{
    const struct ltx_header *header = &table->head->header;
    size_t entry;

    if (header->min_txid == 1)
        return !table->numbers && table->n == ltx_page_count(header);
    return !ltx_table_find(table, ltx_lock_page(header->page_size), &entry) &&
           (table->n == 0 || ltx_table_number(table, table->n - 1) <= header->commit);
}
