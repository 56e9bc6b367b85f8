/* Learning what is in WAL segments: each is fetched, decoded and checked frame by frame, once ever, many at a
 * time.
 *
 * What is learnt is kept as one fact a WAL, and the pages in the WAL's image, so that a later mount fetches
 * no segment to know what is in it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "object_stream.h"
#include "v03.h"
#include "wal_fact.h"
#include "wal_image.h"

#define PARALLEL_FETCHES 32
#define KEEP_DECODED (1 << 20) /* bytes: a segment up to this goes into the cache as soon as it is learnt */
#define KIND "frames"

/* The segments of one WAL that are to be learnt. */
struct lesson {
    struct v03_generation *generation;
    struct v03_frames *frames; /* borrowed from the listing */
    struct segment **segments;
    size_t n;

    pthread_mutex_t lock;  /* guards what is below */
    struct buffer records; /* the WAL's fact */
    bool changed;          /* since it was read */
    bool forgotten;        /* what was kept is of objects that were replaced */
};

static char *fact_identity(const struct lesson *lesson)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\nwal %08x", replica_url(lesson->generation->replica),
                     lesson->generation->base.name, lesson->segments[0]->index);
    return n < 0 ? NULL : text;
}

/* The lesson's segment at that offset of the WAL, or NULL. */
static struct segment *segment_at(const struct lesson *lesson, uint64_t offset)
{
    size_t low = 0, high = lesson->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lesson->segments[middle]->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lesson->n && lesson->segments[low]->offset == offset ? lesson->segments[low] : NULL;
}

/* Makes a segment known that an earlier fetch has told about. 0, -ESTALE if another object stands in its
 * place now. */
static int recall_one(struct lesson *lesson, uint64_t offset, const char *object,
                      const struct wal_segment *found)
{
    struct segment *segment = segment_at(lesson, offset);
    int r = 0;

    if (!segment)
        return 0; /* gone, or not asked for now */
    if (!wal_fact_is_of(object, &segment->object))
        return -ESTALE;
    pthread_mutex_lock(&lesson->generation->lock);
    if (segment->learnt == LEARNT_NOTHING)
        r = segment_publish(lesson->frames, segment, found);
    pthread_mutex_unlock(&lesson->generation->lock);
    return r;
}

/* Reads the WAL's fact. If an object was replaced since, nothing that was kept of this WAL is believed any
 * more. */
static int recall(struct lesson *lesson)
{
    _cleanup_free_ char *identity = fact_identity(lesson);
    struct wal_segment found;
    const char *object;
    uint64_t offset;
    size_t at = 0;
    int r = 0;

    if (!identity)
        return -ENOMEM;
    if (cache_get_fact(lesson->generation->cache, identity, KIND, &lesson->records) < 0)
        return 0;
    while (r == 0 && wal_fact_next(&lesson->records, &at, &offset, &object, &found)) {
        r = recall_one(lesson, offset, object, &found);
        if (r == -ESTALE)
            wal_image_discard(lesson->generation, lesson->segments[0]->index, &found.header);
        wal_segment_finish(&found);
    }
    if (r == -ESTALE || r == -EBADMSG) {
        lesson->records.size = 0;
        lesson->changed = lesson->forgotten = true;
        return 0;
    }
    lesson->records.size = at; /* what follows can't be read */
    return r;
}

/* Several tasks may have learnt parts of one WAL: one after the other adds to what is kept. */
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

static void remember(struct lesson *lesson)
{
    _cleanup_free_ char *identity = lesson->changed ? fact_identity(lesson) : NULL;
    struct buffer kept = {0};

    if (!identity)
        return;
    begin_writing(lesson->generation);
    if (!lesson->forgotten)
        cache_get_fact(lesson->generation->cache, identity, KIND, &kept);
    if (wal_fact_merge(&lesson->records, &kept) == 0)
        cache_put_fact(lesson->generation->cache, identity, KIND, lesson->records.data, lesson->records.size);
    end_writing(lesson->generation);
    buffer_finish(&kept);
}

static void close_parser(struct wal_parser **parser)
{
    wal_parser_close(*parser);
}

/* Where a decoded segment goes while it is learnt: into the parser, and, if it is small, into memory. */
struct intake {
    struct wal_parser *parser;
    struct buffer decoded;
    bool too_big;
};

static int take_in(void *context, const uint8_t *bytes, size_t length)
{
    struct intake *intake = context;
    if (intake->decoded.size + length > KEEP_DECODED)
        intake->too_big = true;
    if (!intake->too_big && buffer_append(&intake->decoded, bytes, length) < 0)
        intake->too_big = true;
    return wal_parser_feed(intake->parser, bytes, length);
}

static int fetch(struct v03_generation *generation, const struct segment *segment,
                 const struct wal_header *header, struct task *task, struct wal_segment *ret_found)
{
    _cleanup_(close_parser) struct wal_parser *parser = NULL;
    struct intake intake = {0};
    int r = wal_parser_open(header, &parser);

    if (r < 0)
        return r;
    intake.parser = parser;
    r = object_decode(generation, &segment->object, take_in, &intake, task);
    if (r == 0 && (r = wal_parser_end(parser, ret_found)) == -EBADMSG)
        task_fail(task, EBADMSG, "%s/%s is damaged: it does not hold whole frames",
                  replica_url(generation->replica), segment->object.key);
    if (r == 0 && !intake.too_big)
        wal_image_keep(generation, segment->index, segment->offset, &ret_found->header, &intake.decoded);
    buffer_finish(&intake.decoded);
    return r;
}

/* Waits until nobody else is learning the segment, and tells whether it is the caller's to learn now. */
static int claim(struct v03_generation *generation, struct segment *segment, struct task *task,
                 bool *ret_mine)
{
    int r = 0;

    pthread_mutex_lock(&generation->lock);
    while (segment->learnt == LEARNT_PENDING && !task_cancelled(task))
        task_wait(&generation->learnt, &generation->lock);
    *ret_mine = segment->learnt == LEARNT_NOTHING;
    if (segment->learnt == LEARNT_PENDING)
        r = -ECANCELED;
    else if (*ret_mine)
        segment->learnt = LEARNT_PENDING;
    pthread_mutex_unlock(&generation->lock);
    return r;
}

/* Ends a claim: the segment is sound, or damaged, which is no failure, or could not be had. */
static int settle(const struct lesson *lesson, struct segment *segment, const struct wal_segment *found,
                  int r, struct task *task)
{
    struct v03_generation *generation = lesson->generation;

    pthread_mutex_lock(&generation->lock);
    segment->learnt = LEARNT_NOTHING;
    if (r == 0)
        r = segment_publish(lesson->frames, segment, found);
    if (r == -EBADMSG) {
        task_fail(task, EBADMSG, "%s/%s does not begin where a frame can", replica_url(generation->replica),
                  segment->object.key);
        segment_set_damaged(segment, task_reason(task, r));
    }
    pthread_cond_broadcast(&generation->learnt);
    pthread_mutex_unlock(&generation->lock);
    if (r != -EBADMSG)
        return r;
    log_warning("%s", task_reason(task, r));
    task_forgive(task);
    return 0;
}

static int learn(struct lesson *lesson, struct segment *segment, const struct wal_header *header,
                 struct task *task)
{
    struct wal_segment found = {0};
    bool mine;
    int r = claim(lesson->generation, segment, task, &mine);

    if (r < 0 || !mine)
        return r;
    int fetched = fetch(lesson->generation, segment, header, task, &found);
    r = settle(lesson, segment, &found, fetched, task);
    if (fetched == 0 && r == 0) {
        pthread_mutex_lock(&lesson->lock);
        if (wal_fact_add(&lesson->records, &segment->object, segment->offset, &found) == 0)
            lesson->changed = true;
        pthread_mutex_unlock(&lesson->lock);
    }
    wal_segment_finish(&found);
    return r;
}

static bool is_unknown(const struct segment *segment)
{
    return segment->learnt == LEARNT_NOTHING || segment->learnt == LEARNT_PENDING;
}

/* What is to be fetched in one round, of all lessons. */
struct round {
    struct round_item {
        struct lesson *lesson;
        struct segment *segment;
    } * items;
    size_t n;
};

static int learn_item(void *context, size_t item, struct task *task)
{
    struct lesson *lesson = ((struct round *)context)->items[item].lesson;
    struct segment *segment = ((struct round *)context)->items[item].segment;
    const struct segment *first = lesson->segments[0];

    /* A WAL whose beginning is not there (yet, or any more) says nothing about what else is there of it. */
    if (segment == first)
        return first->offset ? 0 : learn(lesson, segment, NULL, task);
    pthread_mutex_lock(&lesson->generation->lock);
    bool known = first->offset == 0 && first->learnt == LEARNT_SOUND;
    struct wal_header header = first->header;
    pthread_mutex_unlock(&lesson->generation->lock);
    /* Without a sound header nothing that follows in this WAL can be reached, so nobody will ask. */
    return known ? learn(lesson, segment, &header, task) : 0;
}

/* Fetches the segments that begin a WAL, or the others, which need what those tell. */
static int learn_round(struct lesson *lessons, size_t n, bool beginnings, struct round *round,
                       struct task *task)
{
    round->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct lesson *lesson = &lessons[i];
        pthread_mutex_lock(&lesson->generation->lock);
        for (size_t j = beginnings ? 0 : 1; j < (beginnings ? 1 : lesson->n); j++)
            if (is_unknown(lesson->segments[j]))
                round->items[round->n++] = (struct round_item){lesson, lesson->segments[j]};
        pthread_mutex_unlock(&lesson->generation->lock);
    }
    return round->n ? parallel_each(round->n, PARALLEL_FETCHES, learn_item, round, task) : 0;
}

/* Splits the segments into WALs, and keeps those of which something is not known yet. */
static size_t plan(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                   size_t end, struct lesson *lessons)
{
    size_t n_lessons = 0;

    pthread_mutex_lock(&generation->lock);
    for (size_t next; begin < end; begin = next) {
        struct segment **segments = listing->segments + begin;
        bool unknown = false;
        for (next = begin; next < end && listing->segments[next]->index == segments[0]->index; next++)
            unknown = unknown || is_unknown(listing->segments[next]);
        if (unknown)
            lessons[n_lessons++] = (struct lesson){
                .generation = generation, .frames = listing->frames, .segments = segments, .n = next - begin};
    }
    pthread_mutex_unlock(&generation->lock);
    return n_lessons;
}

int segments_learn(struct v03_generation *generation, const struct v03_listing *listing, size_t begin,
                   size_t end, struct task *task)
{
    _cleanup_free_ struct lesson *lessons = calloc(end - begin + 1, sizeof *lessons);
    _cleanup_free_ struct round_item *items = calloc(end - begin + 1, sizeof *items);
    struct round round = {.items = items};
    int r = 0;

    if (!lessons || !items)
        return -ENOMEM;
    size_t n_lessons = plan(generation, listing, begin, end, lessons);
    for (size_t i = 0; i < n_lessons; i++)
        pthread_mutex_init(&lessons[i].lock, NULL);
    for (size_t i = 0; i < n_lessons && r == 0; i++)
        r = recall(&lessons[i]);
    if (r == 0)
        r = learn_round(lessons, n_lessons, true, &round, task);
    if (r == 0)
        r = learn_round(lessons, n_lessons, false, &round, task);
    for (size_t i = 0; i < n_lessons; i++) { /* what was learnt before a failure is kept too */
        remember(&lessons[i]);
        buffer_finish(&lessons[i].records);
        pthread_mutex_destroy(&lessons[i].lock);
    }
    return r;
}
