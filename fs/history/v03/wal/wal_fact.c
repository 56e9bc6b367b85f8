#include "wal_fact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/wal.h"

/* A record is private to this machine: a head as it stands in memory, the object's text with its
 * NUL, the frames. The cache checks that what comes back is what was put. */
#define OBJECT_TEXT_SIZE 512

struct record {
    uint64_t object_length; /* bytes, with the NUL */
    uint64_t n_frames;
    uint64_t offset; /* of the segment in its WAL */
    uint64_t size;
    struct wal_header header;
    uint32_t chain_before[2], chain_after[2];
};

static bool describe(const struct object *object, char text[static OBJECT_TEXT_SIZE])
{
    int n = snprintf(text, OBJECT_TEXT_SIZE, "%s %llu %s", object->key, (unsigned long long)object->size,
                     object->version);
    return n > 0 && n < OBJECT_TEXT_SIZE;
}

bool wal_fact_is_of(const char *recorded, const struct object *object)
{
    char text[OBJECT_TEXT_SIZE];
    return describe(object, text) && strcmp(recorded, text) == 0;
}

int wal_fact_add(struct buffer *records, const struct object *object, uint64_t offset,
                 const struct wal_segment *found)
{
    char text[OBJECT_TEXT_SIZE];
    struct record record;
    size_t bytes = found->n_frames * sizeof *found->frames;

    if (!describe(object, text))
        return 0;                      /* a key of that length is not worth remembering */
    memset(&record, 0, sizeof record); /* padding too: it is written out */
    record.object_length = strlen(text) + 1;
    record.n_frames = found->n_frames;
    record.offset = offset;
    record.size = found->size;
    record.header = found->header;
    memcpy(record.chain_before, found->chain_before, sizeof record.chain_before);
    memcpy(record.chain_after, found->chain_after, sizeof record.chain_after);
    int r = buffer_reserve(records, sizeof record + record.object_length + bytes);
    if (r == 0)
        r = buffer_append(records, &record, sizeof record);
    if (r == 0)
        r = buffer_append(records, text, record.object_length);
    return r < 0 ? r : buffer_append(records, found->frames, bytes);
}

/* Checks that the record's parts lie within the buffer. */
static bool fits(const struct record *record, size_t room, size_t *ret_frames_bytes)
{
    return record->object_length > 0 && record->object_length <= room &&
           !__builtin_mul_overflow(record->n_frames, sizeof(struct wal_frame), ret_frames_bytes) &&
           *ret_frames_bytes <= room - record->object_length;
}

/* A record where it stands: its head, and its bytes behind that. */
struct view {
    struct record record;
    const uint8_t *start;
    size_t size, frames_bytes;
};

static bool view_next(const struct buffer *records, size_t *at, struct view *ret_view)
{
    size_t room = records->size - *at;

    if (room < sizeof ret_view->record)
        return false;
    ret_view->start = records->data + *at;
    memcpy(&ret_view->record, ret_view->start, sizeof ret_view->record);
    if (!fits(&ret_view->record, room - sizeof ret_view->record, &ret_view->frames_bytes) ||
        ret_view->start[sizeof ret_view->record + ret_view->record.object_length - 1])
        return false;
    ret_view->size = sizeof ret_view->record + ret_view->record.object_length + ret_view->frames_bytes;
    *at += ret_view->size;
    return true;
}

int wal_fact_next(const struct buffer *records, size_t *at, uint64_t *ret_offset, const char **ret_object,
                  struct wal_segment *ret_found)
{
    struct view view;
    size_t next = *at;

    if (!view_next(records, &next, &view))
        return 0;
    struct wal_frame *frames = malloc(view.frames_bytes + 1);
    if (!frames)
        return 0;
    const struct record *record = &view.record;
    memcpy(frames, view.start + view.size - view.frames_bytes, view.frames_bytes);
    *ret_object = (const char *)view.start + sizeof *record;
    *ret_offset = record->offset;
    *ret_found = (struct wal_segment){.header = record->header,
                                      .size = record->size,
                                      .chain_before = {record->chain_before[0], record->chain_before[1]},
                                      .chain_after = {record->chain_after[0], record->chain_after[1]},
                                      .frames = frames,
                                      .n_frames = record->n_frames};
    *at = next;
    return 1;
}

static int compare_offsets(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

int wal_fact_merge(struct buffer *records, const struct buffer *others)
{
    _cleanup_free_ uint64_t *known = NULL;
    size_t n = 0, capacity = 0, at = 0;
    struct view view;
    int r = 0;

    while (r == 0 && view_next(records, &at, &view))
        if ((r = ARRAY_GROW(known, capacity, n + 1)) == 0)
            known[n++] = view.record.offset;
    if (n)
        qsort(known, n, sizeof *known, compare_offsets);
    at = 0;
    while (r == 0 && view_next(others, &at, &view))
        if (!n || !bsearch(&view.record.offset, known, n, sizeof *known, compare_offsets))
            r = buffer_append(records, view.start, view.size);
    return r;
}
