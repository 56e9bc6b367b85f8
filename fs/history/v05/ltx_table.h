/* What is known of one LTX file: its header, and where each of its pages stands.
 *
 * It is one run of bytes that can be looked up as it lies, with entries of fixed width in the order of the
 * pages, and is kept as a fact in the cache. In use it is in memory, for a file can change under who maps it;
 * so it is small. A frame ends where the next one begins: an entry is a size, two bytes, and every 64th
 * frame's offset is told. Where a file holds every page, as an image of a whole database does, an entry's
 * page is known by its place. For a database of 10 GB in pages of 4 KiB that is 6 MB. */
#pragma once

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/ltx.h"

#define LTX_TABLE_STRIDE 64 /* entries from one offset that is told to the next */

/* What the bytes begin with. The offsets of every 64th frame follow, the sizes of all, and the numbers. */
struct ltx_table_head {
    uint32_t has_numbers;
    uint32_t size_width; /* bytes of a size: 2, or 4 if a frame has 64 KiB or more */
    int64_t time;        /* when the file was written; LTX_TIME_UNKNOWN */
    struct ltx_header header;
    uint64_t n_pages;
    struct ltx_trailer trailer;
    uint8_t start[LTX_START_SIZE];
};

/* Zero-initialise, finish with ltx_table_finish. Never changes once it is made. */
struct ltx_table {
    const struct ltx_table_head *head;
    const uint64_t *offsets; /* in the file: bytes; of every 64th page's frame */
    const void *sizes;       /* of all frames: bytes */
    const uint32_t *numbers; /* of the pages; NULL: all from 1 on, but for the lock page */
    size_t n;                /* pages */
    struct buffer memory;    /* holds all that */
};

void ltx_table_finish(struct ltx_table *table);

/* A table that is being made. Finish it with ltx_table_builder_finish in any case. */
struct ltx_table_builder {
    struct ltx_table_head head;
    struct buffer sizes;   /* uint32_t */
    struct buffer numbers; /* the same; empty while every page is there */
    uint64_t n, end;       /* pages so far; where the last one's frame ends: bytes */
    uint32_t largest;      /* frame: bytes */
};

/* `start` and `trailer` are the file's first and last bytes, as they stand. */
void ltx_table_begin(const struct ltx_header *header, const uint8_t start[static LTX_START_SIZE],
                     const uint8_t trailer[static LTX_TRAILER_SIZE], struct ltx_table_builder *ret_builder);
void ltx_table_builder_finish(struct ltx_table_builder *builder);

/* Adds a page: an ltx_page_sink, whose context is the builder. 0; -EBADMSG if its frame does not begin where
 * the one before it ends; -ENOMEM. */
int ltx_table_add(void *builder, const struct ltx_page *page);

/* Ends the builder, whatever it holds. 0, or -ENOMEM. */
int ltx_table_make(struct ltx_table_builder *builder, int64_t time, struct ltx_table *ret_table);

/* Keeps the table under the file's identity. */
void ltx_table_keep(const struct ltx_table *table, struct cache *cache, const char *identity);

/* The table that was kept. 0, -ENOENT or -ENOMEM. */
int ltx_table_recall(struct cache *cache, const char *identity, struct ltx_table *ret_table);

/* Whether the pages are those that the header promises: all of the database's, if the file begins it. */
bool ltx_table_fits(const struct ltx_table *table);

/* Forgets the table that was kept. */
void ltx_table_drop(struct cache *cache, const char *identity);

/* Where the frame of that entry begins in the file; of entry n: where the last frame ends. Bytes. */
uint64_t ltx_table_offset(const struct ltx_table *table, size_t entry);

struct ltx_page ltx_table_page(const struct ltx_table *table, size_t entry);
uint32_t ltx_table_number(const struct ltx_table *table, size_t entry);

/* Whether the file holds the page, and at which entry. */
bool ltx_table_find(const struct ltx_table *table, uint32_t page, size_t *ret_entry);
