#include "ltx_table.h"

#include <errno.h>
#include <string.h>

#include "litemount/cleanup.h"

#define KIND "ltx"
#define VERSION 3
#define IN_MEMORY (64 << 10) /* bytes: a table up to this is not mapped */

/* The page at that entry of a file that holds all. */
static uint32_t number_of_all(const struct ltx_header *header, uint64_t entry)
{
    uint64_t number = entry + 1;
    return (uint32_t)(number < ltx_lock_page(header->page_size) ? number : number + 1);
}

void ltx_table_finish(struct ltx_table *table)
{
    buffer_finish(&table->memory);
    cache_map_finish(&table->map);
    *table = (struct ltx_table){0};
}

int ltx_table_begin(const struct ltx_header *header, const uint8_t start[static LTX_START_SIZE],
                    const uint8_t trailer[static LTX_TRAILER_SIZE], struct ltx_table_draft *ret_draft)
{
    struct ltx_table_draft draft = {.end = LTX_HEADER_SIZE};

    memset(&draft.head, 0, sizeof draft.head); /* padding too: it is written out */
    draft.head.version = VERSION;
    draft.head.header = *header;
    memcpy(draft.head.start, start, LTX_START_SIZE);
    ltx_trailer_parse(trailer, &draft.head.trailer);
    int r = buffer_append(&draft.bytes, &draft.head, sizeof draft.head);
    if (r == 0)
        *ret_draft = draft;
    return r;
}

void ltx_table_draft_finish(struct ltx_table_draft *draft)
{
    buffer_finish(&draft->bytes);
    buffer_finish(&draft->numbers);
}

/* The first page that is missing makes it necessary to tell the pages before it too. */
static int tell_numbers(struct ltx_table_draft *draft)
{
    int r = 0;
    for (uint64_t entry = 0; entry < draft->n && r == 0; entry++) {
        uint32_t number = number_of_all(&draft->head.header, entry);
        r = buffer_append(&draft->numbers, &number, sizeof number);
    }
    return r;
}

int ltx_table_add(void *context, const struct ltx_page *page)
{
    struct ltx_table_draft *draft = context;
    bool told = draft->numbers.size > 0,
         tell = told || page->number != number_of_all(&draft->head.header, draft->n);
    int r = tell && !told ? tell_numbers(draft) : 0;

    if (r == 0 && tell)
        r = buffer_append(&draft->numbers, &page->number, sizeof page->number);
    if (r == 0)
        r = buffer_append(&draft->bytes, &page->offset, sizeof page->offset);
    if (r < 0)
        return r;
    draft->n++;
    draft->end = page->offset + page->size;
    return 0;
}

/* Points into the bytes. Whether they are a table's. */
static bool look_at(const uint8_t *bytes, size_t length, struct ltx_table *table)
{
    const struct ltx_table_head *head = (const struct ltx_table_head *)(const void *)bytes;
    uint64_t offsets, numbers;

    if (length < sizeof *head || head->version != VERSION || head->n_pages >= UINT32_MAX)
        return false;
    offsets = (head->n_pages + 1) * sizeof *table->offsets;
    numbers = head->has_numbers ? head->n_pages * sizeof *table->numbers : 0;
    if (length - sizeof *head != offsets + numbers)
        return false;
    table->head = head;
    table->n = head->n_pages;
    table->offsets = (const uint64_t *)(const void *)(bytes + sizeof *head);
    table->numbers =
        head->has_numbers ? (const uint32_t *)(const void *)(bytes + sizeof *head + offsets) : NULL;
    return true;
}

int ltx_table_make(struct ltx_table_draft *draft, int64_t time, struct ltx_table *ret_table)
{
    struct ltx_table table = {0};
    int r = buffer_append(&draft->bytes, &draft->end, sizeof draft->end);

    if (r == 0)
        r = buffer_append(&draft->bytes, draft->numbers.data, draft->numbers.size);
    if (r < 0)
        return r;
    draft->head.has_numbers = draft->numbers.size > 0;
    draft->head.time = time;
    draft->head.n_pages = draft->n;
    memcpy(draft->bytes.data, &draft->head, sizeof draft->head);
    table.memory = draft->bytes;
    draft->bytes = (struct buffer){0};
    look_at(table.memory.data, table.memory.size, &table);
    *ret_table = table;
    return 0;
}

void ltx_table_keep(struct ltx_table *table, struct cache *cache, const char *identity)
{
    struct ltx_table mapped;
    size_t length = table->memory.size;

    cache_put_fact(cache, identity, KIND, table->memory.data, length);
    if (length <= IN_MEMORY || ltx_table_recall(cache, identity, &mapped) < 0)
        return;
    ltx_table_finish(table);
    *table = mapped;
}

int ltx_table_recall(struct cache *cache, const char *identity, struct ltx_table *ret_table)
{
    struct ltx_table table = {0};
    int r = cache_map_fact(cache, identity, KIND, &table.map);

    if (r == 0 && table.map.length <= IN_MEMORY) {
        r = buffer_append(&table.memory, table.map.bytes, table.map.length);
        cache_map_finish(&table.map);
    }
    if (r == 0 && !look_at(table.map.bytes ? table.map.bytes : table.memory.data,
                           table.map.bytes ? table.map.length : table.memory.size, &table))
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
    return table->numbers ? table->numbers[entry] : number_of_all(&table->head->header, entry);
}

struct ltx_page ltx_table_page(const struct ltx_table *table, size_t entry)
{
    uint64_t offset = table->offsets[entry];
    return (struct ltx_page){offset, ltx_table_number(table, entry),
                             (uint32_t)(table->offsets[entry + 1] - offset)};
}

static bool find_of_all(const struct ltx_table *table, uint32_t page, size_t *ret_entry)
{
    uint32_t lock_page = ltx_lock_page(table->head->header.page_size);
    if (page == 0 || page == lock_page)
        return false;
    *ret_entry = page < lock_page ? page - 1 : page - 2;
    return *ret_entry < table->n;
}

bool ltx_table_find(const struct ltx_table *table, uint32_t page, size_t *ret_entry)
{
    size_t low = 0, high = table->n;

    if (!table->numbers)
        return find_of_all(table, page, ret_entry);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->numbers[middle] < page)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_entry = low;
    return low < table->n && table->numbers[low] == page;
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
