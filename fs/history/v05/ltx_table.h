/* What is known of one LTX file: its header, and where each of its pages stands.
 *
 * It is one run of bytes that can be looked up as it lies, with entries of fixed width in the order of the
 * pages, and is kept as a fact in the cache. A large one is not read into memory: the fact is mapped. A
 * frame ends where the next one begins, so an entry is one offset; and where a file holds every page, as an
 * image of a whole database does, an entry's page is known by its place. */
#pragma once

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/ltx.h"

/* What the bytes begin with. The offsets follow, one more than there are pages, and then the numbers. */
struct ltx_table_head {
    uint32_t version;
    uint32_t has_numbers;
    int64_t time; /* when the file was written; LTX_TIME_UNKNOWN */
    struct ltx_header header;
    uint64_t n_pages;
    struct ltx_trailer trailer;
    uint8_t start[LTX_START_SIZE];
};

/* Zero-initialise, finish with ltx_table_finish. Never changes once it is made. */
struct ltx_table {
    const struct ltx_table_head *head;
    const uint64_t *offsets; /* in the file: bytes; of each page's frame, and of the last one's end */
    const uint32_t *numbers; /* of the pages; NULL: all from 1 on, but for the lock page */
    size_t n;                /* pages */
    struct buffer memory;    /* holds the bytes, or */
    struct cache_map map;    /* this does */
};

void ltx_table_finish(struct ltx_table *table);

/* A table that is being made. Finish it with ltx_table_draft_finish in any case. */
struct ltx_table_draft {
    struct ltx_table_head head;
    struct buffer bytes;   /* the head's room, and the offsets so far */
    struct buffer numbers; /* empty while every page is there */
    uint64_t n, end;       /* pages so far; where the last one's frame ends: bytes */
};

/* `start` and `trailer` are the file's first and last bytes, as they stand. 0 or -ENOMEM. */
int ltx_table_begin(const struct ltx_header *header, const uint8_t start[static LTX_START_SIZE],
                    const uint8_t trailer[static LTX_TRAILER_SIZE], struct ltx_table_draft *ret_draft);
void ltx_table_draft_finish(struct ltx_table_draft *draft);

/* Adds a page: an ltx_page_sink, whose context is the draft. 0 or -ENOMEM. */
int ltx_table_add(void *draft, const struct ltx_page *page);

/* Ends the draft, whatever it holds. 0, or -ENOMEM. */
int ltx_table_make(struct ltx_table_draft *draft, int64_t time, struct ltx_table *ret_table);

/* Keeps the table under the file's identity, and takes it out of memory if it is a large one. */
void ltx_table_keep(struct ltx_table *table, struct cache *cache, const char *identity);

/* The table that was kept. 0, -ENOENT or -ENOMEM. */
int ltx_table_recall(struct cache *cache, const char *identity, struct ltx_table *ret_table);

/* Whether the pages are those that the header promises: all of the database's, if the file begins it. */
bool ltx_table_fits(const struct ltx_table *table);

/* Forgets the table that was kept. */
void ltx_table_drop(struct cache *cache, const char *identity);

struct ltx_page ltx_table_page(const struct ltx_table *table, size_t entry);
uint32_t ltx_table_number(const struct ltx_table *table, size_t entry);

/* Whether the file holds the page, and at which entry. */
bool ltx_table_find(const struct ltx_table *table, uint32_t page, size_t *ret_entry);
