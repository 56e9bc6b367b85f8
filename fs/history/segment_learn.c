/* Learning what is in WAL segments: each is fetched, decoded and checked frame by frame, once ever, many at a
 * time.
 *
 * What is learnt is kept in the cache as a fact, so that a later mount fetches no segment to know what is in
 * it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "object_stream.h"
#include "segment_fact.h"
#include "v03.h"

#define PARALLEL_FETCHES 32
#define KEEP_DECODED (1 << 20) /* bytes: a segment up to this goes into the cache as soon as it is learnt */

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

static int fetch(struct v03_generation *generation, const struct segment *segment, const char *identity,
                 const struct wal_header *header, struct task *task, struct wal_segment *ret_found)
{
    _cleanup_(close_parser) struct wal_parser *parser = NULL;
    struct intake intake = {0};
    int r = wal_parser_open(header, &parser);

    if (r < 0)
        return r;
    intake.parser = parser;
    r = object_decode(generation->replica, &segment->object, take_in, &intake, task);
    if (r == 0 && (r = wal_parser_end(parser, ret_found)) == -EBADMSG)
        task_fail(task, EBADMSG, "%s/%s is damaged: it ends within a frame", replica_url(generation->replica),
                  segment->object.key);
    if (r == 0 && !intake.too_big)
        image_keep(generation->cache, identity, &intake.decoded);
    buffer_finish(&intake.decoded);
    return r;
}

static int find_out(struct v03_generation *generation, const struct segment *segment,
                    const struct wal_header *header, struct task *task, struct wal_segment *ret_found)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &segment->object);
    if (!identity)
        return -ENOMEM;
    if (segment_fact_get(generation->cache, identity, ret_found) == 0)
        return 0;
    int r = fetch(generation, segment, identity, header, task, ret_found);
    if (r == 0)
        segment_fact_put(generation->cache, identity, ret_found);
    return r;
}

/* Copies what a reader needs of the frames into the segment: its commits. */
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

static int add_versions(struct versions *versions, const struct segment *segment,
                        const struct wal_segment *found)
{
    struct version *items = reallocarray(NULL, found->n_frames + 1, sizeof *items);
    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < found->n_frames; i++)
        items[i] =
            (struct version){found->frames[i].page, {segment->index, segment->first_frame + (uint32_t)i + 1}};
    if (found->n_frames == 0) {
        free(items);
        return 0;
    }
    return versions_add(versions, items, found->n_frames);
}

/* Makes a sound segment's frames known. Called with the generation locked. */
static int publish(struct v03_generation *generation, struct segment *segment,
                   const struct wal_segment *found)
{
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)found->header.page_size;
    uint64_t before = segment->offset ? (segment->offset - WAL_HEADER_SIZE) / frame_size : 0;

    segment->header = found->header;
    segment->size = found->size;
    memcpy(segment->chain_before, found->chain_before, sizeof segment->chain_before);
    memcpy(segment->chain_after, found->chain_after, sizeof segment->chain_after);
    segment->first_frame = (uint32_t)before;
    segment->n_frames = (uint32_t)found->n_frames;
    int r = take_commits(segment, found);
    return r < 0 ? r : add_versions(&generation->versions, segment, found);
}

/* Whether the segment can stand where its name says, frames counted in 32 bits as SQLite does. */
static bool fits_its_place(const struct segment *segment, const struct wal_segment *found)
{
    uint64_t frame_size = WAL_FRAME_HEADER_SIZE + (uint64_t)found->header.page_size;
    uint64_t end;

    if (segment->offset == 0)
        return found->n_frames <= UINT32_MAX;
    return segment->offset >= WAL_HEADER_SIZE && (segment->offset - WAL_HEADER_SIZE) % frame_size == 0 &&
           !__builtin_add_overflow((segment->offset - WAL_HEADER_SIZE) / frame_size, found->n_frames, &end) &&
           end <= UINT32_MAX;
}

/* Waits until nobody else is learning the segment; true if it is the caller's to learn now. */
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

static int settle(struct v03_generation *generation, struct segment *segment, const struct wal_segment *found,
                  int r, const struct task *task)
{
    pthread_mutex_lock(&generation->lock);
    if (r == 0)
        r = publish(generation, segment, found);
    segment->learnt = r == 0 ? LEARNT_SOUND : LEARNT_NOTHING;
    if (r == -EBADMSG) {
        segment->learnt = LEARNT_DAMAGED;
        segment->damage = strdup(task_reason(task, r));
        log_warning("%s", task_reason(task, r));
        r = 0;
    }
    pthread_cond_broadcast(&generation->learnt);
    pthread_mutex_unlock(&generation->lock);
    return r;
}

static int learn(struct v03_generation *generation, struct segment *segment, const struct wal_header *header,
                 struct task *task)
{
    struct wal_segment found = {0};
    bool mine;
    int r = claim(generation, segment, task, &mine);

    if (r < 0 || !mine)
        return r;
    r = find_out(generation, segment, header, task, &found);
    if (r == 0 && !fits_its_place(segment, &found))
        r = task_fail(task, EBADMSG, "%s/%s does not begin where a frame can",
                      replica_url(generation->replica), segment->object.key);
    r = settle(generation, segment, &found, r, task);
    wal_segment_finish(&found);
    return r;
}

/* What is to be learnt in one round. */
struct lesson {
    struct v03_generation *generation;
    struct segment **segments;
    struct lesson_item {
        size_t segment;
        size_t first; /* the segment that begins the same WAL */
    } * items;
    size_t n;
};

static int learn_item(void *context, size_t item, struct task *task)
{
    struct lesson *lesson = context;
    struct v03_generation *generation = lesson->generation;
    struct segment *segment = lesson->segments[lesson->items[item].segment];
    const struct segment *first = lesson->segments[lesson->items[item].first];

    if (segment == first)
        return learn(generation, segment, NULL, task);
    pthread_mutex_lock(&generation->lock);
    bool known = first->offset == 0 && first->learnt == LEARNT_SOUND;
    struct wal_header header = first->header;
    pthread_mutex_unlock(&generation->lock);
    /* Without a sound header nothing that follows in this WAL can be reached, so nobody will ask. */
    return known ? learn(generation, segment, &header, task) : 0;
}

/* A round of the segments that begin a WAL, or of the others, which need what those tell. */
static int learn_round(struct lesson *lesson, size_t n, bool beginnings, struct task *task)
{
    size_t first = 0;

    lesson->n = 0;
    pthread_mutex_lock(&lesson->generation->lock);
    for (size_t i = 0; i < n; i++) {
        const struct segment *segment = lesson->segments[i];
        if (segment->index != lesson->segments[first]->index)
            first = i;
        if ((i == first) == beginnings &&
            (segment->learnt == LEARNT_NOTHING || segment->learnt == LEARNT_PENDING))
            lesson->items[lesson->n++] = (struct lesson_item){i, first};
    }
    pthread_mutex_unlock(&lesson->generation->lock);
    return lesson->n ? parallel_each(lesson->n, PARALLEL_FETCHES, learn_item, lesson, task) : 0;
}

int segments_learn(struct v03_generation *generation, struct segment **segments, size_t n, struct task *task)
{
    _cleanup_free_ struct lesson_item *items = calloc(n + 1, sizeof *items);
    struct lesson lesson = {.generation = generation, .segments = segments, .items = items};

    if (!items)
        return -ENOMEM;
    int r = learn_round(&lesson, n, true, task);
    return r < 0 ? r : learn_round(&lesson, n, false, task);
}
