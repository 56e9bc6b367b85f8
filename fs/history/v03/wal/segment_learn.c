/* Learning what is in WAL segments: each is fetched once ever, many at a time. */
#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "replay.h"
#include "segment_group.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"
#include "wal_listing.h"

#define PARALLEL_FACTS 8

/* One segment that is being learnt. */
struct segment_learning {
    struct segment_group *group;
    struct segment *segment;
    const struct wal_header *header; /* of its WAL; NULL: it begins it */
    struct wal_segment found;
    bool is_sound;
};

static int segment_find_out(void *context, struct task *task)
{
    struct segment_learning *learning = context;
    return segment_fetch(learning->group->generation, learning->segment, learning->header, task,
                         &learning->found);
}

static int segment_take_over_locked(void *context)
{
    struct segment_learning *learning = context;
    int r = segment_publish_locked(learning->group->frames, learning->segment, &learning->found);
    learning->is_sound = r == 0;
    return r;
}

static void segment_note_damage_locked(void *context)
{
    const struct segment_learning *learning = context;
    v03_note_damage_locked(learning->group->generation, learning->segment->learnt.damage_found);
}

static int segment_learn(struct segment_group *group, struct segment *segment,
                         const struct wal_header *header, struct task *task)
{
    struct segment_learning one = {.group = group, .segment = segment, .header = header};
    const struct learning learning = {
        .learnt = &segment->learnt,
        .lock = &group->generation->base.lock,
        .changed = &group->generation->base.learnt,
        .context = &one,
        .find_out = segment_find_out,
        .take_over_locked = segment_take_over_locked,
        .note_damage_locked = segment_note_damage_locked,
    };
    int r = learnt_once(&learning, task);

    if (one.is_sound)
        segment_group_note(group, segment, &one.found);
    wal_segment_finish(&one.found);
    return r;
}

static bool segment_is_unknown(const struct segment *segment)
{
    return segment->learnt.state == LEARNT_NOTHING || segment->learnt.state == LEARNT_PENDING;
}

/* What one call has to learn. */
struct segments_learning {
    struct segment_group *groups;
    size_t n, capacity;
    size_t n_segments; /* in all of them */

    /* Those of them that are fetched now. */
    struct fetched_segment {
        struct segment_group *group;
        struct segment *segment;
    } * fetched;
    size_t n_fetched;
};

static int segment_learn_item(void *context, size_t item, struct task *task)
{
    const struct segments_learning *all = context;
    struct segment_group *group = all->fetched[item].group;
    struct segment *segment = all->fetched[item].segment;
    const struct segment *first = group->first;

    /* A WAL whose beginning is not there (yet, or any more) says nothing about what else is there of it. */
    if (segment == first)
        return first->offset ? 0 : segment_learn(group, segment, NULL, task);
    pthread_mutex_lock(&group->generation->base.lock);
    bool known = first->offset == 0 && first->learnt.state == LEARNT_SOUND;
    struct wal_header header = first->header;
    pthread_mutex_unlock(&group->generation->base.lock);
    /* Without a sound header nothing that follows in this WAL can be reached, so nobody will ask. */
    return known ? segment_learn(group, segment, &header, task) : 0;
}

static size_t segment_count_at_once(const struct segments_learning *all)
{
    uint64_t largest = 0;
    for (size_t i = 0; i < all->n_fetched; i++) {
        uint64_t size = all->fetched[i].segment->object.size;
        if (size <= V03_WHOLE_OBJECT && size > largest)
            largest = size;
    }
    return learnt_at_once(largest);
}

/* Fetches the segments that begin a WAL, or the others, which need what those tell. */
static int learn_round(struct segments_learning *all, bool beginnings, struct task *task)
{
    all->n_fetched = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct segment_group *group = &all->groups[i];
        pthread_mutex_lock(&group->generation->base.lock);
        for (size_t j = 0; j < group->n; j++)
            if (segment_is_unknown(group->segments[j]) && (group->segments[j] == group->first) == beginnings)
                all->fetched[all->n_fetched++] = (struct fetched_segment){group, group->segments[j]};
        pthread_mutex_unlock(&group->generation->base.lock);
    }
    return all->n_fetched
               ? parallel_each(all->n_fetched, segment_count_at_once(all), segment_learn_item, all, task)
               : 0;
}

/* Adds segments `begin` to `end`, which are of one group. */
static int segment_add_group(struct segments_learning *all, struct v03_generation *generation,
                             const struct v03_listing *listing, size_t begin, size_t end)
{
    struct segment **segments = listing->segments + begin;
    int r = ARRAY_GROW(all->groups, all->capacity, all->n + 1);

    if (r < 0)
        return r;
    all->groups[all->n++] =
        (struct segment_group){.generation = generation,
                               .frames = listing->frames,
                               .first = listing->segments[v03_find_index(listing, segments[0]->index)],
                               .segments = segments,
                               .n = end - begin};
    all->n_segments += end - begin;
    return 0;
}

/* Whether the WAL's first segment is among them: segments come in order. */
static bool segment_has_beginning(const struct segments_learning *all, const struct segment *first)
{
    return all->n && all->groups[all->n - 1].first == first;
}

/* Splits the segments into groups, and keeps those of which something is not known yet; with the beginning
 * of their WAL, if that is not known either. */
static int segment_plan_locked(struct v03_generation *generation, const struct v03_listing *listing,
                               size_t begin, size_t end, struct segments_learning *all)
{
    int r = 0;

    for (size_t next = begin; begin < end && r == 0; begin = next) {
        const struct segment *segment = listing->segments[begin];
        size_t first = v03_find_index(listing, segment->index);
        bool unknown = false;
        for (; next < end && segment_group_holds_both(listing->segments[next], segment); next++)
            unknown = unknown || segment_is_unknown(listing->segments[next]);
        if (!unknown)
            continue;
        if (first < begin && segment_is_unknown(listing->segments[first]) &&
            !segment_has_beginning(all, listing->segments[first]))
            r = segment_add_group(all, generation, listing, first, first + 1);
        if (r == 0)
            r = segment_add_group(all, generation, listing, begin, next);
    }
    return r;
}

static int segment_recall_item(void *context, size_t item, struct task *task)
{
    return segment_group_recall((struct segment_group *)context + item);
}

static int segment_learn_all(struct segments_learning *all, struct task *task)
{
    _cleanup_free_ struct fetched_segment *fetched = calloc(all->n_segments + 1, sizeof *fetched);

    if (!fetched)
        return -ENOMEM;
    all->fetched = fetched;
    for (size_t i = 0; i < all->n; i++)
        segment_group_init(&all->groups[i]);
    int r = parallel_each(all->n, PARALLEL_FACTS, segment_recall_item, all->groups, task);
    if (r == 0)
        r = learn_round(all, true, task);
    if (r == 0)
        r = learn_round(all, false, task);
    for (size_t i = 0; i < all->n; i++) { /* what was learnt before a failure is kept too */
        segment_group_remember(&all->groups[i]);
        segment_group_finish(&all->groups[i]);
    }
    return r;
}

/* Names promise that segments continue each other. Where what was learnt tells otherwise, the points that
 * were counted by the names are not those there are. */
static void segment_check_promises(struct v03_generation *generation, const struct v03_listing *listing,
                                   size_t begin, size_t end)
{
    bool kept = true;

    if (end < listing->n_segments)
        end++;
    pthread_mutex_lock(&generation->base.lock);
    for (size_t i = begin; i < end && kept; i++)
        kept =
            listing->segments[i]->learnt.state != LEARNT_DAMAGED && (i == 0 || segment_continues(listing, i));
    if (!kept)
        generation_forget_points_locked(&generation->base);
    pthread_mutex_unlock(&generation->base.lock);
}

int segments_learn(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                   size_t end, struct task *task)
{
    struct segments_learning all = {0};

    pthread_mutex_lock(&generation->base.lock);
    int r = segment_plan_locked(generation, listing, begin, end, &all);
    pthread_mutex_unlock(&generation->base.lock);
    if (r == 0 && all.n) {
        r = segment_learn_all(&all, task);
        segment_check_promises(generation, listing, begin, end);
    }
    free(all.groups);
    return r;
}
