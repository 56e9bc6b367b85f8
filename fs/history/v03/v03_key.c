/* The names of v0.3 objects.
 * Source: Litestream v0.3.13 litestream.go, ParseSnapshotPath and ParseWALSegmentPath; more than eight digits
 * are what a WAL beyond 4 GiB (offset) and the v0.4 betas (both) write. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "v03/wal/segment.h"
#include "v03_key.h"

#define HEX "0123456789abcdef"

/* Reads `least` to 16 lower-case hex digits. */
static bool v03_take_hex(const char **text, size_t least, uint64_t *ret_value)
{
    size_t digits = strspn(*text, HEX);
    uint64_t value = 0;

    if (digits < least || digits > 16)
        return false;
    for (size_t i = 0; i < digits; i++, ++*text)
        value = value << 4 | (uint64_t)(strchr(HEX, **text) - HEX);
    *ret_value = value;
    return true;
}

static bool v03_take_index(const char **text, uint32_t *ret_index)
{
    uint64_t value;
    if (!v03_take_hex(text, 8, &value) || value > UINT32_MAX)
        return false;
    *ret_index = (uint32_t)value;
    return true;
}

bool v03_is_generation(const char *name)
{
    return strlen(name) == 16 && strspn(name, HEX) == 16;
}

bool v03_parse_snapshot(const char *name, uint32_t *ret_index)
{
    return v03_take_index(&name, ret_index) && strcmp(name, ".snapshot.lz4") == 0;
}

bool v03_parse_segment(const char *name, uint32_t *ret_index, uint64_t *ret_offset)
{
    if (!v03_take_index(&name, ret_index) || *name++ != '_')
        return false;
    return v03_take_hex(&name, 8, ret_offset) && strcmp(name, ".wal.lz4") == 0;
}

bool v03_is_key(const char *key)
{
    static const char top[] = "generations/", snapshots[] = "snapshots/", wal[] = "wal/";
    uint64_t offset;
    uint32_t index;

    if (strncmp(key, top, strlen(top)) != 0)
        return false;
    key += strlen(top);
    if (strspn(key, HEX) != 16 || key[16] != '/')
        return false;
    key += 17;
    if (strncmp(key, snapshots, strlen(snapshots)) == 0)
        return v03_parse_snapshot(key + strlen(snapshots), &index);
    return strncmp(key, wal, strlen(wal)) == 0 && v03_parse_segment(key + strlen(wal), &index, &offset);
}

void v03_format_position(struct wal_position at, uint32_t page_size, char text[static V03_POSITION_SIZE])
{
    uint64_t offset = at.frame ? segment_frame_end(at.frame, page_size) : 0;
    snprintf(text, V03_POSITION_SIZE, "%08" PRIx32 "/%08" PRIx64, at.index, offset);
}

bool v03_parse_hex(const char *text, size_t length, uint64_t *ret_value)
{
    const char *end = text;
    return v03_take_hex(&end, 8, ret_value) && end == text + length;
}
