/* Learning what is in WAL segments: each is fetched once ever, many at a time. */
#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "replay.h"
#include "segment.h"
#include "segment_group.h"
#include "v03/object_stream.h"
#include "v03/v03.h"
#include "v03/v03_listing.h"
#include "wal_image.h"

#define PARALLEL_FETCHES 64
#define PARALLEL_FACTS 8
#define WHOLE_OBJECTS (32 << 20) /* bytes of segments that may be in memory, each whole, at once */

/* One segment that is being learnt. */
struct segment_lesson {
    struct segment_group *group;
    struct segment *segment;
    const struct wal_header *header; /* of its WAL; NULL: it begins it */
    struct wal_segment found;
    bool is_sound;
};

static int segment_find_out(void *context, struct task *task)
{
    struct segment_lesson *lesson = context;
    return segment_fetch(lesson->group->generation, lesson->segment, lesson->header, task, &lesson->found);
}

static int segment_take_over_locked(void *context)
{
    struct segment_lesson *lesson = context;
    int r = segment_publish(lesson->group->frames, lesson->segment, &lesson->found);
    lesson->is_sound = r == 0;
    return r;
}

static void segment_note_damage_locked(void *context)
{
    const struct segment_lesson *lesson = context;
    v03_note_damage_locked(lesson->group->generation, lesson->segment->learnt.damage_found);
}

static int segment_learn(struct segment_group *group, struct segment *segment,
                         const struct wal_header *header, struct task *task)
{
    struct segment_lesson lesson = {group, segment, header, {}, false};
    const struct learning learning = {
        &segment->learnt, &group->generation->base.lock, &group->generation->base.learnt, &lesson,
        segment_find_out, segment_take_over_locked,      segment_note_damage_locked};
    int r = learnt_once(&learning, task);

    if (lesson.is_sound)
        segment_group_note(group, segment, &lesson.found);
    wal_segment_finish(&lesson.found);
    return r;
}

static bool is_unknown(const struct segment *segment)
{
    return segment->learnt.state == LEARNT_NOTHING || segment->learnt.state == LEARNT_PENDING;
}

/* What is to be fetched in one round, of all groups. */
struct round {
    struct round_item {
        struct segment_group *group;
        struct segment *segment;
    } * items;
    size_t n;
};

static int learn_item(void *context, size_t item, struct task *task)
{
    struct segment_group *group = ((struct round *)context)->items[item].group;
    struct segment *segment = ((struct round *)context)->items[item].segment;
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

/* What one call has to learn. */
struct lesson {
    struct segment_group *groups;
    size_t n, capacity;
    size_t n_segments; /* in all of them */
};

/* Small segments are in memory whole while they are learnt. */
static size_t count_at_once(const struct round *round)
{
    uint64_t largest = 1;
    for (size_t i = 0; i < round->n; i++) {
        uint64_t size = round->items[i].segment->object.size;
        if (size <= V03_WHOLE_OBJECT && size > largest)
            largest = size;
    }
    return largest < WHOLE_OBJECTS / PARALLEL_FETCHES ? PARALLEL_FETCHES : (size_t)(WHOLE_OBJECTS / largest);
}

/* Fetches the segments that begin a WAL, or the others, which need what those tell. */
static int learn_round(const struct lesson *lesson, bool beginnings, struct round *round, struct task *task)
{
    round->n = 0;
    for (size_t i = 0; i < lesson->n; i++) {
        struct segment_group *group = &lesson->groups[i];
        pthread_mutex_lock(&group->generation->base.lock);
        for (size_t j = 0; j < group->n; j++)
            if (is_unknown(group->segments[j]) && (group->segments[j] == group->first) == beginnings)
                round->items[round->n++] = (struct round_item){group, group->segments[j]};
        pthread_mutex_unlock(&group->generation->base.lock);
    }
    return round->n ? parallel_each(round->n, count_at_once(round), learn_item, round, task) : 0;
}

/* Adds segments `begin` to `end`, which are of one group. */
static int add_group(struct lesson *lesson, struct v03_generation *generation,
                     const struct v03_listing *listing, size_t begin, size_t end)
{
    struct segment **segments = listing->segments + begin;
    int r = ARRAY_GROW(lesson->groups, lesson->capacity, lesson->n + 1);

    if (r < 0)
        return r;
    lesson->groups[lesson->n++] =
        (struct segment_group){.generation = generation,
                               .frames = listing->frames,
                               .first = listing->segments[v03_find_index(listing, segments[0]->index)],
                               .segments = segments,
                               .n = end - begin};
    lesson->n_segments += end - begin;
    return 0;
}

/* Whether the WAL's first segment is in the lesson: segments come in order. */
static bool has_beginning(const struct lesson *lesson, const struct segment *first)
{
    return lesson->n && lesson->groups[lesson->n - 1].first == first;
}

/* Splits the segments into groups, and keeps those of which something is not known yet; with the beginning
 * of their WAL, if that is not known either. Called with the generation locked. */
static int plan(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                size_t end, struct lesson *lesson)
{
    int r = 0;

    for (size_t next = begin; begin < end && r == 0; begin = next) {
        const struct segment *segment = listing->segments[begin];
        size_t first = v03_find_index(listing, segment->index);
        bool unknown = false;
        for (; next < end && segment_group_holds_both(listing->segments[next], segment); next++)
            unknown = unknown || is_unknown(listing->segments[next]);
        if (!unknown)
            continue;
        if (first < begin && is_unknown(listing->segments[first]) &&
            !has_beginning(lesson, listing->segments[first]))
            r = add_group(lesson, generation, listing, first, first + 1);
        if (r == 0)
            r = add_group(lesson, generation, listing, begin, next);
    }
    return r;
}

static int recall_item(void *context, size_t item, struct task *task)
{
    return segment_group_recall((struct segment_group *)context + item);
}

static int learn_all(struct lesson *lesson, struct task *task)
{
    _cleanup_free_ struct round_item *items = calloc(lesson->n_segments + 1, sizeof *items);
    struct round round = {.items = items};

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < lesson->n; i++)
        segment_group_init(&lesson->groups[i]);
    int r = parallel_each(lesson->n, PARALLEL_FACTS, recall_item, lesson->groups, task);
    if (r == 0)
        r = learn_round(lesson, true, &round, task);
    if (r == 0)
        r = learn_round(lesson, false, &round, task);
    for (size_t i = 0; i < lesson->n; i++) { /* what was learnt before a failure is kept too */
        segment_group_remember(&lesson->groups[i]);
        segment_group_finish(&lesson->groups[i]);
    }
    return r;
}

/* Names promise that segments continue each other. Where what was learnt tells otherwise, the points that
 * were counted by the names are not those there are. */
static void check_promises(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                           size_t end)
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
    struct lesson lesson = {0};

    pthread_mutex_lock(&generation->base.lock);
    int r = plan(generation, listing, begin, end, &lesson);
    pthread_mutex_unlock(&generation->base.lock);
    if (r == 0 && lesson.n) {
        r = learn_all(&lesson, task);
        check_promises(generation, listing, begin, end);
    }
    free(lesson.groups);
    return r;
}
