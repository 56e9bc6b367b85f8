#include "segment_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "segment.h"
#include "v03/v03.h"
#include "wal_fact.h"
#include "wal_image.h"

#define SEGMENT_GROUP_SHIFT 20 /* 1 MiB of the WAL */
#define KIND "frames"
#define FACT_VERSION 1

bool segment_group_holds_both(const struct segment *a, const struct segment *b)
{
    return a->index == b->index && a->offset >> SEGMENT_GROUP_SHIFT == b->offset >> SEGMENT_GROUP_SHIFT;
}

void segment_group_init(struct segment_group *group)
{
    pthread_mutex_init(&group->lock, NULL);
    group->records = (struct buffer){0};
    group->changed = group->forgotten = false;
}

void segment_group_finish(struct segment_group *group)
{
    buffer_finish(&group->records);
    pthread_mutex_destroy(&group->lock);
}

static char *fact_identity(const struct segment_group *group)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\nwal %08x %llx", replica_url(group->generation->replica),
                     group->generation->base.name, group->segments[0]->index,
                     (unsigned long long)(group->segments[0]->offset >> SEGMENT_GROUP_SHIFT));
    return n < 0 ? NULL : text;
}

/* The group's segment at that offset of the WAL, or NULL. */
static struct segment *segment_at(const struct segment_group *group, uint64_t offset)
{
    size_t n = ARRAY_LOWER_BOUND(group->n, i, group->segments[i]->offset < offset);
    return n < group->n && group->segments[n]->offset == offset ? group->segments[n] : NULL;
}

/* Makes a segment known that an earlier fetch has told about. 0, -ESTALE if another object stands in its
 * place now. */
static int recall_one(struct segment_group *group, uint64_t offset, const char *object,
                      const struct wal_segment *found)
{
    struct segment *segment = segment_at(group, offset);
    int r = 0;

    if (!segment)
        return 0; /* gone, or not asked for now */
    if (!wal_fact_is_of(object, &segment->object))
        return -ESTALE;
    pthread_mutex_lock(&group->generation->base.lock);
    if (segment->learnt.state == LEARNT_NOTHING)
        r = segment_publish(group->frames, segment, found);
    pthread_mutex_unlock(&group->generation->base.lock);
    return r;
}

/* Reads the group's fact. If an object was replaced since, nothing that was kept of it is believed any
 * more.
 */
int segment_group_recall(struct segment_group *group)
{
    _cleanup_free_ char *identity = fact_identity(group);
    struct wal_segment found;
    const char *object;
    uint64_t offset;
    size_t at = 0;
    int r = 0;

    if (!identity)
        return -ENOMEM;
    if (cache_get_fact(group->generation->cache, identity, KIND, FACT_VERSION, &group->records) < 0)
        return 0;
    while (r == 0 && wal_fact_next(&group->records, &at, &offset, &object, &found)) {
        r = recall_one(group, offset, object, &found);
        if (r == -ESTALE)
            wal_image_discard(group->generation, group->segments[0]->index, &found.header);
        wal_segment_finish(&found);
    }
    if (r == -ESTALE || r == -EBADMSG) {
        group->records.size = 0;
        group->changed = group->forgotten = true;
        return 0;
    }
    group->records.size = at; /* what follows can't be read */
    return r;
}

/* Several tasks may have learnt parts of one group: one after the other adds to what is kept. */
static void begin_writing(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->base.lock);
    while (generation->writing_facts)
        pthread_cond_wait(&generation->base.learnt, &generation->base.lock);
    generation->writing_facts = true;
    pthread_mutex_unlock(&generation->base.lock);
}

static void end_writing(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->base.lock);
    generation->writing_facts = false;
    pthread_cond_broadcast(&generation->base.learnt);
    pthread_mutex_unlock(&generation->base.lock);
}

void segment_group_remember(struct segment_group *group)
{
    _cleanup_free_ char *identity = group->changed ? fact_identity(group) : NULL;
    struct buffer kept = {0};

    if (!identity)
        return;
    begin_writing(group->generation);
    if (!group->forgotten)
        cache_get_fact(group->generation->cache, identity, KIND, FACT_VERSION, &kept);
    if (wal_fact_merge(&group->records, &kept) == 0)
        cache_put_fact(group->generation->cache, identity, KIND, FACT_VERSION, group->records.data,
                       group->records.size);
    end_writing(group->generation);
    buffer_finish(&kept);
}

void segment_group_forget(struct v03_generation *generation, struct segment *segment)
{
    const struct segment_group group = {.generation = generation, .segments = &segment, .n = 1};
    _cleanup_free_ char *identity = fact_identity(&group);
    if (identity)
        cache_drop_fact(generation->cache, identity, KIND);
}

void segment_group_note(struct segment_group *group, const struct segment *segment,
                        const struct wal_segment *found)
{
    pthread_mutex_lock(&group->lock);
    if (wal_fact_add(&group->records, &segment->object, segment->offset, found) == 0)
        group->changed = true;
    pthread_mutex_unlock(&group->lock);
}
