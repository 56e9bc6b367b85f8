/* How pieces lie in an image's file, and what tells that one is there.
 *
 * The file is a row of groups. A group is a table of 256 entries and then the places of 256 pieces, so that
 * the file needs no size beforehand, and is sparse until it is full. An entry:
 *
 *     u64 checksum   CRC-64 (ECMA, reflected) of the image, the piece's place and size, and its bytes
 *     u32 length     bytes; the piece size, but for the last piece
 *     u32 flags      PRESENT, and LAST where the image ends
 *
 * in little-endian order. A piece is written before its entry, and nothing is flushed: whatever a crash
 * leaves behind, an entry whose checksum does not hold is a piece that isn't there. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_GROUP 256   /* pieces */
#define LAYOUT_BLOCK 4096u /* a file system's usual block: bytes */

struct layout {
    size_t piece;  /* bytes */
    uint64_t seed; /* the image's part in each checksum */
};

/* As on disk. */
struct layout_entry {
    uint64_t checksum;
    uint32_t length;
    uint32_t flags;
};

/* Where, in the file, the entry and the bytes of piece `index` are. */
uint64_t layout_entry_place(const struct layout *layout, uint64_t index);
uint64_t layout_piece_place(const struct layout *layout, uint64_t index);

/* How many pieces from `index` on are in its group, `limit` at most. */
size_t layout_within_group(uint64_t index, uint64_t limit);

/* The most bytes of a disk that pieces with `length` bytes from `offset` of the image on occupy. */
uint64_t layout_cost(size_t piece, uint64_t offset, size_t length);

struct layout_entry layout_make_entry(const struct layout *layout, uint64_t index, const uint8_t *bytes,
                                      size_t length, bool last);

/* Whether an entry may be that of a piece, by itself. */
bool layout_entry_plausible(const struct layout *layout, const struct layout_entry *entry);

/* Whether a plausible entry is that of the piece with these bytes. */
bool layout_entry_holds(const struct layout *layout, uint64_t index, const struct layout_entry *entry,
                        const uint8_t *bytes);

size_t layout_entry_length(const struct layout_entry *entry);
bool layout_entry_last(const struct layout_entry *entry);
