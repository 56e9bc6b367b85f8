/* One WAL segment, and what is known of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "replay.h"
#include "segment.h"

struct segment *segment_make(const struct object *object, uint32_t index, uint64_t offset)
{
    _cleanup_free_ struct segment *segment = calloc(1, sizeof *segment);
    if (!segment || object_copy(object, &segment->object) < 0)
        return NULL;
    atomic_init(&segment->references, 1);
    segment->index = index;
    segment->offset = offset;
    return steal_pointer(segment);
}

struct segment *segment_ref(struct segment *segment)
{
    atomic_fetch_add(&segment->references, 1);
    return segment;
}

void segment_unref(struct segment *segment)
{
    if (!segment || atomic_fetch_sub(&segment->references, 1) != 1)
        return;
    object_finish(&segment->object);
    learnt_finish(&segment->learnt);
    free(segment->commits);
    free(segment);
}

int segment_compare(const void *left, const void *right)
{
    const struct segment *a = *(struct segment *const *)left, *b = *(struct segment *const *)right;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Frames are counted in 32 bits, as SQLite does. */
bool segment_fits(const struct segment *segment, const struct wal_segment *found)
{
    uint32_t page_size = found->header.page_size;
    uint64_t before = segment_frames_before(segment->offset, page_size), end;

    return (segment->offset == 0 || segment_frame_end(before, page_size) == segment->offset) &&
           !__builtin_add_overflow(before, found->n_frames, &end) && end <= UINT32_MAX;
}

/* Copies what readers need of the frames into the segment: its commits. */
static int segment_take_commits(struct segment *segment, const struct wal_segment *found)
{
    size_t n = 0;
    for (size_t i = 0; i < found->n_frames; i++)
        n += found->frames[i].commit != 0;
    segment->commits = calloc(n + 1, sizeof *segment->commits);
    if (!segment->commits)
        return -ENOMEM;
    for (size_t i = 0; i < found->n_frames; i++)
        if (found->frames[i].commit)
            segment->commits[segment->n_commits++] =
                (struct commit){segment->first_frame + (uint32_t)i + 1, found->frames[i].commit};
    return 0;
}

static int segment_add_versions(struct v03_frames *frames, const struct segment *segment,
                                const struct wal_segment *found)
{
    struct version *items = reallocarray(NULL, found->n_frames + 1, sizeof *items);
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < found->n_frames; i++)
        items[i] =
            (struct version){found->frames[i].page, {segment->index, segment->first_frame + (uint32_t)i + 1}};
    pthread_rwlock_wrlock(&frames->lock);
    int r = versions_add(&frames->versions, items, found->n_frames);
    pthread_rwlock_unlock(&frames->lock);
    return r;
}

int segment_publish_locked(struct v03_frames *frames, struct segment *segment,
                           const struct wal_segment *found)
{
    if (!segment_fits(segment, found))
        return -EBADMSG;
    free(steal_pointer(segment->commits));
    segment->n_commits = 0;
    segment->header = found->header;
    segment->size = found->size;
    memcpy(segment->chain_before, found->chain_before, sizeof segment->chain_before);
    memcpy(segment->chain_after, found->chain_after, sizeof segment->chain_after);
    segment->first_frame = (uint32_t)segment_frames_before(segment->offset, found->header.page_size);
    segment->n_frames = (uint32_t)found->n_frames;
    int r = segment_take_commits(segment, found);
    if (r == 0)
        r = segment_add_versions(frames, segment, found);
    if (r < 0) {
        free(steal_pointer(segment->commits));
        segment->n_commits = 0;
        return r;
    }
    segment->learnt.state = LEARNT_SOUND;
    return 0;
}

/* The checksum chain tells one segment's frames from any other's. */
bool segment_is(const struct segment *segment, const struct wal_segment *found)
{
    return segment->size == found->size && segment->header.page_size == found->header.page_size &&
           memcmp(segment->header.salt, found->header.salt, sizeof segment->header.salt) == 0 &&
           memcmp(segment->chain_before, found->chain_before, sizeof segment->chain_before) == 0 &&
           memcmp(segment->chain_after, found->chain_after, sizeof segment->chain_after) == 0;
}

/* --- segments in order: one array for all listings that follow each other --- */

struct segment_row *segment_row_ref(struct segment_row *row)
{
    atomic_fetch_add(&row->references, 1);
    return row;
}

void segment_row_unref(struct segment_row *row)
{
    if (!row || atomic_fetch_sub(&row->references, 1) != 1)
        return;
    for (size_t i = 0; i < row->n; i++)
        segment_unref(row->segments[i]);
    free(row->segments);
    free(row->times);
    free(row->sizes);
    free(row);
}

static void segment_row_cleanup(struct segment_row **row)
{
    segment_row_unref(*row);
}

static int segment_row_make(size_t capacity, struct segment_row **ret_row)
{
    _cleanup_(segment_row_cleanup) struct segment_row *row = calloc(1, sizeof *row);

    if (!row)
        return -ENOMEM;
    atomic_init(&row->references, 1);
    row->capacity = capacity;
    row->segments = calloc(capacity, sizeof *row->segments);
    row->times = calloc(capacity, sizeof *row->times);
    row->sizes = calloc(capacity, sizeof *row->sizes);
    if (!row->segments || !row->times || !row->sizes)
        return -ENOMEM;
    *ret_row = steal_pointer(row);
    return 0;
}

/* Appends; there is room. Listings that share the row look at nothing behind their own part. */
static void segment_row_append(struct segment_row *row, struct segment *const *segments, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct object *object = &segments[i]->object;
        int64_t latest = row->n ? row->times[row->n - 1] : INT64_MIN;
        row->segments[row->n] = segment_ref(segments[i]);
        row->times[row->n] = object->modified > latest ? object->modified : latest;
        row->sizes[row->n] = object->size + (row->n ? row->sizes[row->n - 1] : 0);
        row->n++;
    }
}

int segment_row_extend(struct segment_row *row, size_t n_kept, struct segment *const *more, size_t n_more,
                       struct segment_row **ret_row)
{
    struct segment_row *extended;
    size_t n = n_kept + n_more;

    if (row && row->n == n_kept && n <= row->capacity) {
        extended = segment_row_ref(row);
    } else {
        int r = segment_row_make(n + n / 4 + 16, &extended); /* so that growing costs little a segment */
        if (r < 0)
            return r;
        if (n_kept)
            segment_row_append(extended, row->segments, n_kept);
    }
    segment_row_append(extended, more, n_more);
    *ret_row = extended;
    return 0;
}
