/* Reading one WAL segment, whole, and checking it.
 *
 * A segment that holds by itself may still be another object's body. The checksum chain, which goes on from
 * one segment to the next, tells: so where it breaks, and names say that it should not, what is known of the
 * segments beside the break is compared with what a second look gives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "segment_group.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"
#include "wal_image.h"
#include "wal_listing.h"

#define KEEP_DECODED (1 << 20) /* bytes: a segment up to this goes into the cache as soon as it is learnt */

/* Where a decoded segment goes while it is learnt: into the parser, and, if it is small, into memory. */
struct segment_intake {
    struct wal_parser *parser;
    struct buffer decoded;
    bool too_big;
};

static int segment_intake_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct segment_intake *intake = context;
    if (intake->decoded.size + length > KEEP_DECODED)
        intake->too_big = true;
    if (!intake->too_big && buffer_append(&intake->decoded, bytes, length) < 0)
        intake->too_big = true;
    return wal_parser_feed(intake->parser, bytes, length);
}

/* What is fetched, and what is found. */
struct segment_fetching {
    struct v03_generation *generation;
    const struct segment *segment;
    const struct wal_header *header;
    bool anew; /* the first attempt too */
    struct wal_segment found;
};

/* Ends the parser: what it holds must be what can stand there. */
static int segment_take(struct segment_fetching *fetching, struct wal_parser *parser, struct task *task)
{
    const struct segment *segment = fetching->segment;
    const struct replica *replica = fetching->generation->replica;
    int r = wal_parser_end(parser, &fetching->found);

    if (r == -EBADMSG)
        return object_fail(replica, &segment->object, EBADMSG, task,
                           "is damaged: it does not consist of whole frames");
    if (r < 0 || segment_fits(segment, &fetching->found))
        return r;
    wal_segment_finish(&fetching->found);
    return object_fail(replica, &segment->object, EBADMSG, task, "does not begin where a frame can");
}

/* A learnt_attempt. */
static int segment_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct segment_fetching *fetching = context;
    const struct segment *segment = fetching->segment;
    struct object_stream stream = {
        .generation = fetching->generation, .object = &segment->object, .anew = anew || fetching->anew};
    _cleanup_(segment_parser_cleanup) struct wal_parser *parser = NULL;
    struct segment_intake intake = {0};
    int r = wal_parser_open(fetching->header, &parser);

    if (r < 0)
        return r;
    intake.parser = parser;
    task_set_step(task, "the frames of a segment");
    r = object_decode(&stream, segment_intake_sink, &intake, task);
    if (r == 0)
        r = segment_take(fetching, parser, task);
    if (r == 0 && !intake.too_big)
        wal_image_keep(fetching->generation, segment->index, segment->offset, &fetching->found.header,
                       &intake.decoded, task);
    *ret_sum = stream.sum;
    buffer_finish(&intake.decoded);
    return r;
}

int segment_fetch(struct v03_generation *generation, const struct segment *segment,
                  const struct wal_header *header, struct task *task, struct wal_segment *ret_found)
{
    struct segment_fetching fetching = {.generation = generation, .segment = segment, .header = header};
    int r = learnt_read(segment_attempt, &fetching, task);
    if (r == 0)
        *ret_found = fetching.found;
    return r;
}

/* --- a second look --- */

/* Whether a sound segment still is what is known of it: 1 or 0, or why it can't be had. */
static int segment_confirm(struct v03_generation *generation, struct segment *segment,
                           const struct wal_header *header, struct task *task)
{
    struct segment_fetching fetching = {.generation = generation,
                                        .segment = segment,
                                        .header = segment->offset ? header : NULL,
                                        .anew = true};
    int r = learnt_read(segment_attempt, &fetching, task);

    if (r < 0 && r != -EBADMSG)
        return r;
    bool same = r == 0 && segment_is(segment, &fetching.found);
    if (r < 0)
        task_forgive(task);
    wal_segment_finish(&fetching.found);
    if (same)
        return 1;
    log_warning("%s/%s came as something else before; what was learnt of it is forgotten",
                replica_url(generation->replica), segment->object.key);
    wal_image_discard(generation, segment->index, &segment->header);
    segment_group_forget(generation, segment);
    return 0;
}

/* Whether a look at the segment says anything new. */
static bool segment_is_unconfirmed_locked(const struct segment *segment)
{
    return segment->learnt.state == LEARNT_SOUND &&
           (!segment->confirmed || learnt_is_over(segment->confirmed));
}

/* What is known of the listing's segments is forgotten, if that is still the generation's. */
static int segments_refute(struct v03_generation *generation, const struct v03_listing *listing,
                           struct task *task)
{
    pthread_mutex_lock(&generation->base.lock);
    if (generation->base.listing == &listing->base)
        generation->is_refuted = true;
    pthread_mutex_unlock(&generation->base.lock);
    return task_fail(task, ESTALE, "segments of generation %s are not what they were taken for",
                     generation->base.name);
}

int segments_confirm(struct v03_generation *generation, const struct v03_listing *listing, size_t i,
                     struct task *task)
{
    size_t first = v03_find_index(listing, listing->segments[i]->index);
    struct segment *doubted[] = {listing->segments[first], i ? listing->segments[i - 1] : NULL,
                                 listing->segments[i]};
    bool same = true;

    for (size_t n = 0; n < sizeof doubted / sizeof *doubted; n++) {
        struct segment *segment = doubted[n];
        if (!segment)
            continue;
        const struct segment *head = listing->segments[v03_find_index(listing, segment->index)];
        pthread_mutex_lock(&generation->base.lock);
        bool due = segment_is_unconfirmed_locked(segment);
        struct wal_header header = head->header;
        pthread_mutex_unlock(&generation->base.lock);
        int r = due ? segment_confirm(generation, segment, &header, task) : 1;
        if (r < 0)
            return r;
        same = same && r > 0;
        pthread_mutex_lock(&generation->base.lock);
        if (due && r > 0)
            segment->confirmed = clock_now();
        pthread_mutex_unlock(&generation->base.lock);
    }
    return same ? 0 : segments_refute(generation, listing, task);
}
