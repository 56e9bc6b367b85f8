/* SQLite's write-ahead log, read in the pieces that Litestream v0.3 keeps of it.
 *
 * A WAL is a 32-byte header and frames: a 24-byte frame header and a page. Litestream cuts it into segments
 * at frame boundaries; a segment at offset 0 begins with the WAL header, every other one with a frame. The
 * checksum chain runs from the WAL header through every frame, across segments. A frame header holds the
 * chain's value *after* it, and a step of the chain can be undone, so each segment is checked on its own and
 * tells which value must stand before it: segments can be read in any order and linked afterwards. Pure:
 * bytes in, structs out. Source: https://www.sqlite.org/fileformat2.html#walformat */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_HEADER_SIZE 32       /* bytes */
#define WAL_FRAME_HEADER_SIZE 24 /* bytes, before each page */

struct wal_header {
    uint32_t page_size; /* bytes, a power of two from 512 to 65536 */
    bool big_endian;    /* byte order of the words that the checksum adds */
    uint32_t checkpoint_sequence;
    uint32_t salt[2];
    uint32_t checksum[2]; /* the chain's value before the first frame */
};

struct wal_frame {
    uint32_t page;   /* page number, from 1 */
    uint32_t commit; /* database size in pages after the transaction that this frame ends; 0: it ends none */
};

/* What one segment turned out to hold. Owns `frames`. */
struct wal_segment {
    struct wal_header
        header;    /* of the segment's WAL: read from it at offset 0, else the one that was given */
    uint64_t size; /* bytes of the decoded segment, WAL header included */
    uint32_t chain_before[2]; /* what the chain must be before the segment's first frame */
    uint32_t chain_after[2];  /* what it is after its last; equal to chain_before if there are no frames */
    struct wal_frame *frames;
    size_t n_frames;
};

void wal_segment_finish(struct wal_segment *segment);

/* Reads a WAL header. Returns 0, or -EBADMSG: a bad magic, version, page size or checksum. */
int wal_header_parse(const uint8_t bytes[static WAL_HEADER_SIZE], struct wal_header *ret_header);

/* Reads one segment as its bytes come. */
struct wal_parser;

/* `header` is the header of the segment's WAL, or NULL for the segment at offset 0, which holds it itself.
 * Returns 0 or -ENOMEM. The caller closes it. */
int wal_parser_open(const struct wal_header *header, struct wal_parser **ret_parser);
void wal_parser_close(struct wal_parser *parser); /* NULL is fine */

/* Tells what the chain is before the first frame, so that this frame is checked as well: before anything is
 * fed to a parser that was opened with a header. */
void wal_parser_expect(struct wal_parser *parser, const uint32_t chain[2]);

/* Takes the next bytes, cut anywhere. Returns 0; -EBADMSG for a frame whose salts or checksum do not hold, or
 * whose page number is zero; -ENOMEM. */
int wal_parser_feed(struct wal_parser *parser, const uint8_t *bytes, size_t length);

/* Ends the segment and hands over what it holds; the caller finishes it. Returns 0, or -EBADMSG if it ends
 * within a header or a frame, or holds neither: Litestream writes no such segment, and nothing could link it
 * to the others. */
int wal_parser_end(struct wal_parser *parser, struct wal_segment *ret_segment);
