/* LTX files, as Litestream v0.5 writes them: the pages that a range of transactions (TXIDs) left changed.
 *
 * A file is a header, page frames in page order (each page compressed on its own), six zero bytes, an index
 * that says where each frame stands, and a trailer. So whoever has the last bytes finds the index, and
 * whoever has the index reads any page alone. A file whose least TXID is 1 is an image of the whole database.
 * The file checksum covers what the frames decode to, so only a reader of all of them can check it: that is
 * the checker. Pure: bytes in, structs out. Source: github.com/superfly/ltx, version 0.5.2, ltx.go,
 * encoder.go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LTX_HEADER_SIZE 100 /* bytes */
#define LTX_PAGE_HEADER_SIZE 6
#define LTX_TRAILER_SIZE 16
#define LTX_INDEX_TAIL_SIZE                                                                                  \
    (8 + LTX_TRAILER_SIZE)                /* bytes behind the index's entries: their size, the trailer */
#define LTX_PAGE_FRAME_MAX (65536 + 1024) /* most bytes of a page frame: a page that grew when compressed */

#define LTX_FLAG_NO_CHECKSUM UINT32_C(2) /* the file tells no checksum of the database */

struct ltx_header {
    uint32_t flags;     /* LTX_FLAG_NO_CHECKSUM or 0 */
    uint32_t page_size; /* bytes, a power of two from 512 to 65536 */
    uint32_t commit;    /* database size in pages after the last transaction: pages beyond it are gone */
    uint64_t min_txid, max_txid;
    int64_t timestamp;             /* milliseconds since 1970, UTC; any value */
    uint64_t pre_apply_checksum;   /* of the database before the first transaction; 0 if there is none */
    uint64_t wal_offset, wal_size; /* bytes, where in the WAL the transactions stood; 0 after compaction */
    uint32_t salt[2];              /* of that WAL */
};

/* Reads a header. Returns 0, or -EBADMSG: a bad magic or page size, a flag we do not know, TXIDs that are
 * zero or out of order, or a checksum or WAL position where there can be none. */
int ltx_header_parse(const uint8_t bytes[static LTX_HEADER_SIZE], struct ltx_header *ret_header);

/* The page that holds SQLite's lock bytes: it is never stored and reads as zeros. */
static inline uint32_t ltx_lock_page(uint32_t page_size)
{
    return UINT32_C(0x40000000) / page_size + 1;
}

/* How many pages a file must hold whose least TXID is 1: all of the database but the lock page. */
static inline uint64_t ltx_page_count(const struct ltx_header *header)
{
    return header->commit - (header->commit >= ltx_lock_page(header->page_size));
}

/* The last 16 bytes of a file. */
struct ltx_trailer {
    uint64_t post_apply_checksum, checksum; /* of the database, of the file */
};

void ltx_trailer_parse(const uint8_t bytes[static LTX_TRAILER_SIZE], struct ltx_trailer *ret_trailer);

/* A page frame: where it stands in the file. */
struct ltx_page {
    uint64_t offset; /* bytes from the file's start */
    uint32_t number; /* page number, from 1 */
    uint32_t size;   /* bytes, its header included; at most LTX_PAGE_FRAME_MAX */
};

/* Sorted by page number, and so by offset. Owns `pages`. */
struct ltx_index {
    struct ltx_page *pages;
    size_t n;
};

void ltx_index_finish(struct ltx_index *index);

/* Finds the index by the last `length` bytes of a file of `file_size` bytes; LTX_INDEX_TAIL_SIZE are enough.
 * Returns 0, with the place of its entries, their end marker included, or -EBADMSG: too few bytes, or a place
 * that cannot be. */
int ltx_index_locate(const uint8_t *tail, size_t length, uint64_t file_size, uint64_t *ret_offset,
                     uint64_t *ret_size);

/* Reads an index as its bytes come, so that one of millions of pages need not be held twice. */
struct ltx_index_reader {
    uint64_t pages_end; /* where the last frame must end */
    uint64_t offset;    /* where the next frame must begin */
    uint32_t previous;  /* page number */
    uint64_t fields[3]; /* of the entry being read: page number, offset, size */
    unsigned field;     /* which of them the next byte belongs to; its value so far has `shift` bits */
    unsigned shift;
    int error; /* what ended the reading, and what every later call answers */
    bool done;
};

/* Takes the frames in page order. Returns 0, or a negative errno, which ends the reading. */
typedef int ltx_page_sink(void *context, const struct ltx_page *page);

/* `index_offset` is the place of the index in the file. Owns nothing: needs no finish. */
void ltx_index_reader_init(struct ltx_index_reader *reader, uint64_t index_offset);

/* Takes the next bytes, cut anywhere, and gives each entry to `sink`; what follows the end marker is left.
 * Returns 0 and how many bytes were taken; -EBADMSG if page numbers do not ascend, or if the frames do not
 * stand one behind the other from the header to the six zero bytes before the index; or the sink's errno. */
int ltx_index_reader_feed(struct ltx_index_reader *reader, const uint8_t *bytes, size_t length,
                          ltx_page_sink *sink, void *context, size_t *ret_taken);

/* Reads a whole index: the `length` bytes of its entries with their end marker. Returns 0, and the caller
 * finishes it; -EBADMSG as above, or if the end marker is not the last byte; -ENOMEM. */
int ltx_index_parse(const uint8_t *bytes, size_t length, uint64_t index_offset, struct ltx_index *ret_index);

/* Decodes the page frame of `length` bytes into `page`, which has room for page_size bytes (a header's). Both
 * encodings are read: an LZ4 block behind its size, and the LZ4 frame of versions before 0.5.16, with its
 * checksums. Returns 0 and the page's number; -EBADMSG if the frame is damaged, does not end with its last
 * byte, or is not exactly one page; -ENOMEM. */
int ltx_page_decode(const uint8_t *frame, size_t length, uint32_t page_size, uint32_t *ret_number,
                    uint8_t *page);

/* Checks a whole file as its bytes come. */
struct ltx_checker;

int ltx_checker_open(struct ltx_checker **ret_checker); /* 0 or -ENOMEM; the caller closes it */
void ltx_checker_close(struct ltx_checker *checker);    /* NULL is fine */

/* Has each page, decoded, given to `watch` before any checksum is compared. */
typedef void ltx_page_watch(void *context, const struct ltx_page *place, const uint8_t *page);
void ltx_checker_watch(struct ltx_checker *checker, ltx_page_watch *watch, void *context);

/* Takes the next bytes, cut anywhere. Returns 0; -EBADMSG as soon as they cannot be those of an LTX file, a
 * frame does not decode, a page lies beyond `commit` or is the lock page or is missing from what should be an
 * image of the whole database, the index does not name the frames, or a checksum fails; -ENOMEM. */
int ltx_checker_feed(struct ltx_checker *checker, const uint8_t *bytes, size_t length);

/* Ends the file and hands over what it holds; the caller finishes the index. Returns 0; -EBADMSG if the file
 * ends before its trailer does, or what ended the feeding. */
int ltx_checker_end(struct ltx_checker *checker, struct ltx_header *ret_header, struct ltx_index *ret_index);

/* The checksum over a whole file whose pages were decoded one by one, in any order: each page has a sum of
 * its own, and those are added in the order of the pages. Plain value. */
struct ltx_sum {
    uint64_t checksum;   /* so far; without the highest bit that is always set */
    uint64_t index_size; /* bytes of the index's entries so far */
    uint8_t flags[2];    /* of the first page frame: a file's are all alike */
    size_t prefix;       /* bytes at each frame's start that it covers as they stand */
    size_t page_size;    /* bytes */
    uint64_t shift[8][256];
};

/* What a file begins with: its header, and that of the first page frame. */
#define LTX_START_SIZE (LTX_HEADER_SIZE + LTX_PAGE_HEADER_SIZE)

void ltx_sum_begin(struct ltx_sum *sum, const uint8_t start[static LTX_START_SIZE], size_t page_size);

/* The sum of one page: of the frame that ltx_page_decode took, and of what it decoded to; or of a page whose
 * frame is not at hand. */
uint64_t ltx_frame_sum(const uint8_t *frame, const uint8_t *page, size_t page_size);
uint64_t ltx_page_sum(const struct ltx_sum *sum, const struct ltx_page *place, const uint8_t *page);

/* Adds the sums of all pages in their order, and then the places of all pages. */
void ltx_sum_add(struct ltx_sum *sum, uint64_t page_sum);
void ltx_sum_begin_index(struct ltx_sum *sum);
void ltx_sum_add_entry(struct ltx_sum *sum, const struct ltx_page *place);

/* Ends with what the trailer tells of the database. Returns the file's checksum. */
uint64_t ltx_sum_end(struct ltx_sum *sum, uint64_t post_apply_checksum);
