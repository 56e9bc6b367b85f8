/* A fact is records, one a segment: a head as it stands in memory, the text that names this very version of
 * its object, with the NUL, and its frames. They are private to this machine; the cache checks that what
 * comes back is what was put. */
#include "segment_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/wal.h"
#include "segment.h"
#include "v03/object/v03_base.h"
#include "wal_image.h"

#define SEGMENT_GROUP_SHIFT 20 /* 1 MiB of the WAL */
#define KIND "frames"
#define FACT_VERSION 1
#define OBJECT_TEXT_SIZE 512

struct segment_record {
    uint64_t object_length; /* bytes, with the NUL */
    uint64_t n_frames;
    uint64_t offset; /* of the segment in its WAL */
    uint64_t size;
    struct wal_header header;
    uint32_t chain_before[2], chain_after[2];
};

bool segment_group_holds_both(const struct segment *a, const struct segment *b)
{
    return a->index == b->index && a->offset >> SEGMENT_GROUP_SHIFT == b->offset >> SEGMENT_GROUP_SHIFT;
}

void segment_group_init(struct segment_group *group)
{
    pthread_mutex_init(&group->lock, NULL);
    group->noted = (struct buffer){0};
    group->is_replaced = false;
}

void segment_group_finish(struct segment_group *group)
{
    buffer_finish(&group->noted);
    pthread_mutex_destroy(&group->lock);
}

static char *segment_fact_identity(const struct segment_group *group)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\nwal %08x %llx", replica_url(group->generation->replica),
                     group->generation->base.name, group->segments[0]->index,
                     (unsigned long long)(group->segments[0]->offset >> SEGMENT_GROUP_SHIFT));
    return n < 0 ? NULL : text;
}

static bool segment_object_text(const struct object *object, char text[static OBJECT_TEXT_SIZE])
{
    int n = snprintf(text, OBJECT_TEXT_SIZE, "%s %llu %s", object->key, (unsigned long long)object->size,
                     object->version);
    return n > 0 && n < OBJECT_TEXT_SIZE;
}

void segment_group_note(struct segment_group *group, const struct segment *segment,
                        const struct wal_segment *found)
{
    char text[OBJECT_TEXT_SIZE];
    struct segment_record record;

    if (!segment_object_text(&segment->object, text))
        return;                        /* a key of that length is not worth remembering */
    memset(&record, 0, sizeof record); /* padding too: it is written out */
    record.object_length = strlen(text) + 1;
    record.n_frames = found->n_frames;
    record.offset = segment->offset;
    record.size = found->size;
    record.header = found->header;
    memcpy(record.chain_before, found->chain_before, sizeof record.chain_before);
    memcpy(record.chain_after, found->chain_after, sizeof record.chain_after);
    size_t frames_size = found->n_frames * sizeof *found->frames;
    pthread_mutex_lock(&group->lock);
    if (buffer_reserve(&group->noted, sizeof record + record.object_length + frames_size) == 0) {
        buffer_append(&group->noted, &record, sizeof record); /* there is room */
        buffer_append(&group->noted, text, record.object_length);
        buffer_append(&group->noted, found->frames, frames_size);
    }
    pthread_mutex_unlock(&group->lock);
}

/* Reads the record at `*at` and moves on to the next; `*ret_object` points into the buffer, and what was
 * found is for the caller to finish. False: no usable record is left. */
static bool segment_record_next(const struct buffer *records, size_t *at, struct segment_record *ret_record,
                                const char **ret_object, struct wal_segment *ret_found)
{
    const uint8_t *bytes = records->data + *at;
    size_t room = records->size - *at, frames_size;

    if (room < sizeof *ret_record)
        return false;
    memcpy(ret_record, bytes, sizeof *ret_record);
    bytes += sizeof *ret_record;
    room -= sizeof *ret_record;
    if (ret_record->object_length == 0 || ret_record->object_length > room ||
        __builtin_mul_overflow(ret_record->n_frames, sizeof(struct wal_frame), &frames_size) ||
        frames_size > room - ret_record->object_length || bytes[ret_record->object_length - 1])
        return false;
    struct wal_frame *frames = malloc(frames_size + 1);
    if (!frames)
        return false;
    memcpy(frames, bytes + ret_record->object_length, frames_size);
    *ret_object = (const char *)bytes;
    *ret_found =
        (struct wal_segment){.header = ret_record->header,
                             .size = ret_record->size,
                             .chain_before = {ret_record->chain_before[0], ret_record->chain_before[1]},
                             .chain_after = {ret_record->chain_after[0], ret_record->chain_after[1]},
                             .frames = frames,
                             .n_frames = ret_record->n_frames};
    *at += sizeof *ret_record + ret_record->object_length + frames_size;
    return true;
}

/* Makes a segment known that an earlier fetch has told about. 0; -ESTALE if another object stands in its
 * place now; -EBADMSG if what was found does not fit there; or -ENOMEM. */
static int segment_recall(struct segment_group *group, uint64_t offset, const char *object,
                          const struct wal_segment *found)
{
    size_t i = ARRAY_LOWER_BOUND(group->n, k, group->segments[k]->offset < offset);
    struct segment *segment = i < group->n ? group->segments[i] : NULL;
    char text[OBJECT_TEXT_SIZE];
    int r = 0;

    if (!segment || segment->offset != offset)
        return 0; /* gone, or not asked for now */
    if (!segment_object_text(&segment->object, text) || strcmp(object, text) != 0)
        return -ESTALE;
    pthread_mutex_lock(&group->generation->base.lock);
    if (segment->learnt.state == LEARNT_NOTHING)
        r = segment_publish_locked(group->frames, segment, found);
    pthread_mutex_unlock(&group->generation->base.lock);
    return r;
}

/* If an object was replaced since, nothing that was kept of the group is believed any more. */
int segment_group_recall(struct segment_group *group)
{
    _cleanup_free_ char *identity = segment_fact_identity(group);
    _cleanup_(buffer_finish) struct buffer kept = {0};
    struct segment_record record;
    struct wal_segment found;
    const char *object;
    size_t at = 0;
    int r = 0;

    if (!identity)
        return -ENOMEM;
    if (cache_get_fact(group->generation->cache, identity, KIND, FACT_VERSION, &kept) < 0)
        return 0;
    while (r == 0 && segment_record_next(&kept, &at, &record, &object, &found)) {
        r = segment_recall(group, record.offset, object, &found);
        if (r == -ESTALE)
            wal_image_discard(group->generation, group->segments[0]->index, &found.header);
        wal_segment_finish(&found);
    }
    group->is_replaced = r == -ESTALE || r == -EBADMSG || (r == 0 && at < kept.size);
    return group->is_replaced ? 0 : r;
}

/* Several tasks may have learnt parts of one group: one after the other adds to what is kept. */
static void segment_begin_writing(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->base.lock);
    while (generation->writing_facts)
        pthread_cond_wait(&generation->base.learnt, &generation->base.lock);
    generation->writing_facts = true;
    pthread_mutex_unlock(&generation->base.lock);
}

static void segment_end_writing(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->base.lock);
    generation->writing_facts = false;
    pthread_cond_broadcast(&generation->base.learnt);
    pthread_mutex_unlock(&generation->base.lock);
}

/* Of a segment that two mounts have learnt at once two records are kept, which say the same. */
void segment_group_remember(struct segment_group *group)
{
    struct cache *cache = group->generation->cache;
    _cleanup_(buffer_finish) struct buffer kept = {0};
    _cleanup_free_ char *identity =
        group->noted.size || group->is_replaced ? segment_fact_identity(group) : NULL;

    if (!identity)
        return;
    segment_begin_writing(group->generation);
    if (!group->is_replaced)
        cache_get_fact(cache, identity, KIND, FACT_VERSION, &kept);
    if (buffer_append(&kept, group->noted.data, group->noted.size) == 0)
        cache_put_fact(cache, identity, KIND, FACT_VERSION, kept.data, kept.size);
    segment_end_writing(group->generation);
}

void segment_group_forget(struct v03_generation *generation, struct segment *segment)
{
    const struct segment_group group = {.generation = generation, .segments = &segment, .n = 1};
    _cleanup_free_ char *identity = segment_fact_identity(&group);
    if (identity)
        cache_drop_fact(generation->cache, identity, KIND);
}
