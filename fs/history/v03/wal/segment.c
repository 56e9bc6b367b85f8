/* One WAL segment, and what is known of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "segment.h"
#include "versions.h"

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
    free(segment->damage);
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
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)found->header.page_size;
    uint64_t end;

    if (segment->offset == 0)
        return found->n_frames <= UINT32_MAX;
    return segment->offset >= WAL_HEADER_SIZE && (segment->offset - WAL_HEADER_SIZE) % frame_size == 0 &&
           !__builtin_add_overflow((segment->offset - WAL_HEADER_SIZE) / frame_size, found->n_frames, &end) &&
           end <= UINT32_MAX;
}

/* Copies what readers need of the frames into the segment: its commits. */
static int take_commits(struct segment *segment, const struct wal_segment *found)
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

static int add_versions(struct v03_frames *frames, const struct segment *segment,
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

int segment_publish(struct v03_frames *frames, struct segment *segment, const struct wal_segment *found)
{
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)found->header.page_size;

    if (!segment_fits(segment, found))
        return -EBADMSG;
    free(steal_pointer(segment->commits));
    segment->n_commits = 0;
    segment->header = found->header;
    segment->size = found->size;
    memcpy(segment->chain_before, found->chain_before, sizeof segment->chain_before);
    memcpy(segment->chain_after, found->chain_after, sizeof segment->chain_after);
    segment->first_frame = segment->offset ? (uint32_t)((segment->offset - WAL_HEADER_SIZE) / frame_size) : 0;
    segment->n_frames = (uint32_t)found->n_frames;
    int r = take_commits(segment, found);
    if (r == 0)
        r = add_versions(frames, segment, found);
    if (r < 0) {
        free(steal_pointer(segment->commits));
        segment->n_commits = 0;
        return r;
    }
    segment->learnt = LEARNT_SOUND;
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

void segment_set_damaged(struct segment *segment, const char *why)
{
    segment->learnt = LEARNT_DAMAGED;
    segment->damaged = clock_now();
    free(segment->damage);
    segment->damage = strdup(why);
}
