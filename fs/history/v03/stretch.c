#include "stretch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "wal_fact.h"
#include "wal_image.h"

#define STRETCH_SHIFT 20 /* 1 MiB of the WAL */
#define KIND "frames"

bool stretch_holds_both(const struct segment *a, const struct segment *b)
{
    return a->index == b->index && a->offset >> STRETCH_SHIFT == b->offset >> STRETCH_SHIFT;
}

void stretch_init(struct stretch *stretch)
{
    pthread_mutex_init(&stretch->lock, NULL);
    stretch->records = (struct buffer){0};
    stretch->changed = stretch->forgotten = false;
}

void stretch_finish(struct stretch *stretch)
{
    buffer_finish(&stretch->records);
    pthread_mutex_destroy(&stretch->lock);
}

static char *fact_identity(const struct stretch *stretch)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\nwal %08x %llx", replica_url(stretch->generation->replica),
                     stretch->generation->base.name, stretch->segments[0]->index,
                     (unsigned long long)(stretch->segments[0]->offset >> STRETCH_SHIFT));
    return n < 0 ? NULL : text;
}

/* The stretch's segment at that offset of the WAL, or NULL. */
static struct segment *segment_at(const struct stretch *stretch, uint64_t offset)
{
    size_t low = 0, high = stretch->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stretch->segments[middle]->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < stretch->n && stretch->segments[low]->offset == offset ? stretch->segments[low] : NULL;
}

/* Makes a segment known that an earlier fetch has told about. 0, -ESTALE if another object stands in its
 * place now. */
static int recall_one(struct stretch *stretch, uint64_t offset, const char *object,
                      const struct wal_segment *found)
{
    struct segment *segment = segment_at(stretch, offset);
    int r = 0;

    if (!segment)
        return 0; /* gone, or not asked for now */
    if (!wal_fact_is_of(object, &segment->object))
        return -ESTALE;
    pthread_mutex_lock(&stretch->generation->lock);
    if (segment->learnt == LEARNT_NOTHING)
        r = segment_publish(stretch->frames, segment, found);
    pthread_mutex_unlock(&stretch->generation->lock);
    return r;
}

/* Reads the stretch's fact. If an object was replaced since, nothing that was kept of it is believed any
 * more.
 */
int stretch_recall(struct stretch *stretch)
{
    _cleanup_free_ char *identity = fact_identity(stretch);
    struct wal_segment found;
    const char *object;
    uint64_t offset;
    size_t at = 0;
    int r = 0;

    if (!identity)
        return -ENOMEM;
    if (cache_get_fact(stretch->generation->cache, identity, KIND, &stretch->records) < 0)
        return 0;
    while (r == 0 && wal_fact_next(&stretch->records, &at, &offset, &object, &found)) {
        r = recall_one(stretch, offset, object, &found);
        if (r == -ESTALE)
            wal_image_discard(stretch->generation, stretch->segments[0]->index, &found.header);
        wal_segment_finish(&found);
    }
    if (r == -ESTALE || r == -EBADMSG) {
        stretch->records.size = 0;
        stretch->changed = stretch->forgotten = true;
        return 0;
    }
    stretch->records.size = at; /* what follows can't be read */
    return r;
}

/* Several tasks may have learnt parts of one stretch: one after the other adds to what is kept. */
static void begin_writing(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    while (generation->writing_facts)
        pthread_cond_wait(&generation->learnt, &generation->lock);
    generation->writing_facts = true;
    pthread_mutex_unlock(&generation->lock);
}

static void end_writing(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    generation->writing_facts = false;
    pthread_cond_broadcast(&generation->learnt);
    pthread_mutex_unlock(&generation->lock);
}

void stretch_remember(struct stretch *stretch)
{
    _cleanup_free_ char *identity = stretch->changed ? fact_identity(stretch) : NULL;
    struct buffer kept = {0};

    if (!identity)
        return;
    begin_writing(stretch->generation);
    if (!stretch->forgotten)
        cache_get_fact(stretch->generation->cache, identity, KIND, &kept);
    if (wal_fact_merge(&stretch->records, &kept) == 0)
        cache_put_fact(stretch->generation->cache, identity, KIND, stretch->records.data,
                       stretch->records.size);
    end_writing(stretch->generation);
    buffer_finish(&kept);
}

void stretch_forget(struct v03_generation *generation, struct segment *segment)
{
    const struct stretch stretch = {.generation = generation, .segments = &segment, .n = 1};
    _cleanup_free_ char *identity = fact_identity(&stretch);
    if (identity)
        cache_put_fact(generation->cache, identity, KIND, "", 0);
}

void stretch_note(struct stretch *stretch, const struct segment *segment, const struct wal_segment *found)
{
    pthread_mutex_lock(&stretch->lock);
    if (wal_fact_add(&stretch->records, &segment->object, segment->offset, found) == 0)
        stretch->changed = true;
    pthread_mutex_unlock(&stretch->lock);
}
