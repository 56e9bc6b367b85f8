#include "layout.h"

#include <endian.h>

#include <isa-l/crc64.h>

#define FLAG_PRESENT 0x1u
#define FLAG_LAST 0x2u

#define TABLE_SIZE (LAYOUT_GROUP * sizeof(struct layout_entry))

/* What a checksum covers before the piece's bytes: with it no entry holds for another piece. */
struct entry_subject {
    uint64_t index;
    uint64_t piece;
    uint32_t length;
    uint32_t flags;
};

_Static_assert(sizeof(struct layout_entry) == 16, "an entry is 16 bytes on disk");
_Static_assert(sizeof(struct entry_subject) == 24, "a subject has no holes");

static uint64_t layout_group_place(const struct layout *layout, uint64_t index)
{
    return index / LAYOUT_GROUP * (TABLE_SIZE + LAYOUT_GROUP * (uint64_t)layout->piece);
}

uint64_t layout_entry_place(const struct layout *layout, uint64_t index)
{
    return layout_group_place(layout, index) + index % LAYOUT_GROUP * sizeof(struct layout_entry);
}

uint64_t layout_piece_place(const struct layout *layout, uint64_t index)
{
    return layout_group_place(layout, index) + TABLE_SIZE + index % LAYOUT_GROUP * layout->piece;
}

size_t layout_within_group(uint64_t index, uint64_t limit)
{
    size_t left = LAYOUT_GROUP - index % LAYOUT_GROUP;
    return limit < left ? limit : left;
}

/* Pieces below a block's size may begin and end within one. One block more is for the folder of a new file.
 */
uint64_t layout_cost(size_t piece, uint64_t offset, size_t length)
{
    uint64_t first = offset / piece, count = (length + piece - 1) / piece;
    uint64_t groups = (first + count) / LAYOUT_GROUP - first / LAYOUT_GROUP + 1;
    uint64_t blocks = (length + LAYOUT_BLOCK - 1) / LAYOUT_BLOCK + (piece < LAYOUT_BLOCK ? 2 : 1);
    return blocks * LAYOUT_BLOCK + groups * TABLE_SIZE;
}

static uint64_t layout_checksum(const struct layout *layout, uint64_t index, const struct layout_entry *entry,
                                const uint8_t *bytes)
{
    struct entry_subject subject = {htole64(index), htole64(layout->piece), entry->length, entry->flags};
    uint64_t sum = crc64_ecma_refl(layout->seed, (const unsigned char *)&subject, sizeof subject);
    size_t length = layout_entry_length(entry);
    return length ? crc64_ecma_refl(sum, bytes, length) : sum;
}

struct layout_entry layout_make_entry(const struct layout *layout, uint64_t index, const uint8_t *bytes,
                                      size_t length, bool last)
{
    struct layout_entry entry = {
        .length = htole32((uint32_t)length),
        .flags = htole32(FLAG_PRESENT | (last ? FLAG_LAST : 0)),
    };
    entry.checksum = htole64(layout_checksum(layout, index, &entry, bytes));
    return entry;
}

bool layout_entry_plausible(const struct layout *layout, const struct layout_entry *entry)
{
    uint32_t flags = le32toh(entry->flags);
    if (flags == (FLAG_PRESENT | FLAG_LAST))
        return layout_entry_length(entry) <= layout->piece;
    return flags == FLAG_PRESENT && layout_entry_length(entry) == layout->piece;
}

bool layout_entry_holds(const struct layout *layout, uint64_t index, const struct layout_entry *entry,
                        const uint8_t *bytes)
{
    return layout_checksum(layout, index, entry, bytes) == le64toh(entry->checksum);
}

size_t layout_entry_length(const struct layout_entry *entry)
{
    return le32toh(entry->length);
}

bool layout_entry_last(const struct layout_entry *entry)
{
    return le32toh(entry->flags) & FLAG_LAST;
}
