/* Every snapshot and every segment is read and checked, first those that begin a WAL, for the frames of the
 * others are told by their WAL's header; then it is seen which of them are missing: those that a replay would
 * come to from the first snapshot on. */
#include "v03.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "generation/verifier.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "v03/object/object_stream.h"
#include "v03/snapshot/snapshot.h"
#include "v03/wal/wal_lead.h"
#include "v03_listing.h"

#define DATABASE_HEADER_SIZE 100 /* bytes */

/* A generation that is being verified; nobody else has it. */
struct v03_verification {
    struct v03_generation *generation;
    const struct v03_listing *listing;
    struct verifier *verifier;
    bool beginnings; /* the segments of this round begin a WAL, or they don't */
};

/* Where the decoded bytes of an object go of which only the start is looked at, and, of a snapshot that is
 * read in pieces, what the cache has of it. */
struct verified_content {
    struct verifier *verifier;
    struct overview overview;
    struct snapshot_comparison *comparison; /* NULL: nothing is compared */
};

static int v03_pass(void *context, const uint8_t *bytes, size_t length)
{
    struct verified_content *passage = context;
    verifier_advance(passage->verifier);
    if (passage->comparison)
        snapshot_comparison_sink(passage->comparison, bytes, length);
    return overview_sink(&passage->overview, bytes, length);
}

/* What is read of an object, and whose it is. */
struct verified_object {
    const struct v03_verification *verifying;
    const struct object *object;
    const struct snapshot *snapshot;        /* NULL: a segment's */
    struct snapshot_comparison *comparison; /* of a large snapshot, else NULL */
};

/* A learnt_attempt. */
static int v03_verify_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct verified_object *verified = context;
    struct v03_generation *generation = verified->verifying->generation;
    struct object_stream stream = {.generation = generation, .object = verified->object, .anew = anew};
    struct verified_content passage = {
        verified->verifying->verifier, {.most = DATABASE_HEADER_SIZE}, verified->comparison};
    struct snapshot_facts facts;

    if (verified->comparison)
        snapshot_comparison_begin(verified->comparison);
    int r = object_decode(&stream, v03_pass, &passage, task);

    if (r == 0 && verified->snapshot)
        r = snapshot_take_overview(generation, verified->snapshot, &passage.overview, task, &facts);
    *ret_sum = stream.sum;
    buffer_finish(&passage.overview.start);
    return r;
}

/* What the cache has of a large one is compared with it: nothing else does, unless all of it is read. */
static int verify_large_snapshot(const struct v03_verification *verifying, struct snapshot *snapshot,
                                 struct task *task)
{
    struct v03_generation *generation = verifying->generation;
    struct snapshot_comparison comparison = {0};
    struct verified_object verified = {verifying, &snapshot->object, snapshot, &comparison};
    int r = snapshot_comparison_init(&comparison, generation, snapshot);

    if (r == 0)
        r = learnt_read(v03_verify_attempt, &verified, task);
    snapshot_comparison_finish(&comparison);
    if (r == 0 && comparison.differs) {
        snapshot_drop_kept(generation, snapshot);
        r = verifier_note_dropped(verifying->verifier, generation->replica, &snapshot->object);
    }
    return r;
}

static int verify_snapshot(const struct v03_verification *verifying, struct snapshot *snapshot,
                           struct task *task)
{
    struct verified_object verified = {verifying, &snapshot->object, snapshot, NULL};
    return snapshot->object.size > V03_WHOLE_OBJECT ? verify_large_snapshot(verifying, snapshot, task)
                                                    : learnt_read(v03_verify_attempt, &verified, task);
}

/* Of a segment whose WAL's beginning is not there, or damaged, only the frame around it can be checked. */
static int verify_frame(const struct v03_verification *verifying, const struct segment *segment,
                        struct task *task)
{
    struct verified_object verified = {verifying, &segment->object, NULL, NULL};
    return learnt_read(v03_verify_attempt, &verified, task);
}

/* Notes in the segment what is in it. */
static int verify_frames(const struct v03_verification *verifying, struct segment *segment,
                         const struct wal_header *header, struct task *task)
{
    struct v03_generation *generation = verifying->generation;
    struct wal_segment found = {0};
    int r = segment_fetch(generation, segment, header, task, &found);

    pthread_mutex_lock(&generation->base.lock);
    if (r == 0 && (r = segment_publish_locked(verifying->listing->frames, segment, &found)) == -EBADMSG)
        object_fail(generation->replica, &segment->object, EBADMSG, task, "does not begin where a frame can");
    if (r == -EBADMSG)
        learnt_set_damaged_locked(&segment->learnt, task_reason(task, r));
    pthread_mutex_unlock(&generation->base.lock);
    wal_segment_finish(&found);
    return r;
}

static int verify_segment(const struct v03_verification *verifying, size_t i, struct task *task)
{
    const struct v03_listing *listing = verifying->listing;
    struct segment *segment = listing->segments[i],
                   *first = listing->segments[v03_find_index(listing, segment->index)];

    if (segment->offset == 0)
        return verify_frames(verifying, segment, NULL, task);
    return first->offset == 0 && first->learnt.state == LEARNT_SOUND
               ? verify_frames(verifying, segment, &first->header, task)
               : verify_frame(verifying, segment, task);
}

/* Behind the segments come the snapshots, which belong to the first round. */
static struct object *v03_verify_object_of(void *context, size_t item, struct replica **ret_replica)
{
    const struct v03_verification *verifying = context;
    const struct v03_listing *listing = verifying->listing;
    struct segment *segment = item < listing->n_segments ? listing->segments[item] : NULL;

    *ret_replica = verifying->generation->replica;
    if (segment && (segment->offset == 0) != verifying->beginnings)
        return NULL;
    return segment ? &segment->object : &listing->snapshots[item - listing->n_segments]->object;
}

static int v03_verify_item(void *context, size_t item, struct task *task)
{
    const struct v03_verification *verifying = context;
    const struct v03_listing *listing = verifying->listing;
    return item < listing->n_segments
               ? verify_segment(verifying, item, task)
               : verify_snapshot(verifying, listing->snapshots[item - listing->n_segments], task);
}

/* --- what is missing --- */

static int v03_complain_of_segment(const struct v03_verification *verifying, uint32_t index, uint64_t offset,
                                   const char *what)
{
    const struct v03_generation *generation = verifying->generation;
    return verifier_complain(verifying->verifier,
                             "%s/generations/%s/wal/%08" PRIx32 "_%08" PRIx64 ".wal.lz4 %s",
                             replica_url(generation->replica), generation->base.name, index, offset, what);
}

/* Whole WALs from index `first` on, up to the one before `end`. */
static int v03_complain_of_wals(const struct v03_verification *verifying, uint32_t first, uint32_t end)
{
    const struct v03_generation *generation = verifying->generation;
    const char *url = replica_url(generation->replica), *name = generation->base.name;
    return end - first == 1
               ? verifier_complain(verifying->verifier,
                                   "%s/generations/%s/wal: all of WAL %08" PRIx32 " is missing", url, name,
                                   first)
               : verifier_complain(verifying->verifier,
                                   "%s/generations/%s/wal: WAL %08" PRIx32 " to %08" PRIx32 " are missing",
                                   url, name, first, end - 1);
}

/* Between two segments of one WAL. */
static int v03_find_hole_within(const struct v03_verification *verifying, const struct segment *before,
                                const struct segment *segment)
{
    uint64_t expected = before->offset + before->size;

    if (before->learnt.state != LEARNT_SOUND || segment->learnt.state == LEARNT_DAMAGED)
        return 0; /* that was said already, or can't be told */
    if (expected < segment->offset)
        return v03_complain_of_segment(verifying, before->index, expected, "is missing");
    return v03_complain_of_segment(verifying, segment->index, segment->offset,
                                   "does not continue the segment before it");
}

/* Between the end of a WAL (NULL: there is none before) and the segment that begins a later one; `first` is
 * the index of the first snapshot. */
static int v03_find_hole_between(const struct v03_verification *verifying, uint32_t first,
                                 const struct segment *before, const struct segment *segment)
{
    uint32_t next = before && before->index >= first ? before->index + 1 : first;
    int r = 0;

    if (next > segment->index)
        return 0; /* no replay comes here */
    if (before && before->index >= first && !segment_ends_wal(before))
        r = v03_complain_of_segment(verifying, before->index, before->offset + before->size, "is missing");
    if (r == 0 && next < segment->index)
        r = v03_complain_of_wals(verifying, next, segment->index);
    if (r == 0 && segment->offset)
        r = v03_complain_of_segment(verifying, segment->index, 0, "is missing");
    return r;
}

/* Before segment `i`, which does not continue the one before it, or is the first. */
static int v03_find_hole(const struct v03_verification *verifying, uint32_t first, size_t i)
{
    const struct v03_listing *listing = verifying->listing;
    const struct segment *segment = listing->segments[i], *before = i ? listing->segments[i - 1] : NULL;

    if (!before || before->index != segment->index) {
        int r = v03_find_hole_between(verifying, first, before, segment);
        bool same = !before || before->learnt.state != LEARNT_SOUND ||
                    segment->learnt.state != LEARNT_SOUND ||
                    before->header.page_size == segment->header.page_size;
        return r < 0 || same ? r
                             : v03_complain_of_segment(verifying, segment->index, segment->offset,
                                                       "has pages of another size than the WAL before it");
    }
    return before->index < first ? 0 : v03_find_hole_within(verifying, before, segment);
}

/* Whether segment `i` does not continue the one before it, also after a second look at both. 1 or 0, or an
 * errno. */
static int v03_is_broken(const struct v03_verification *verifying, size_t i, struct task *task)
{
    const struct v03_listing *listing = verifying->listing;
    struct segment *segment = listing->segments[i], *before = i ? listing->segments[i - 1] : NULL;

    if (!before || segment_continues(listing, i))
        return !before;
    if (segment->learnt.state != LEARNT_SOUND || before->learnt.state != LEARNT_SOUND)
        return 1;
    int r = segments_confirm(verifying->generation, listing, i, task);
    if (r != -ESTALE)
        return r < 0 ? r : 1;
    task_forgive(task);
    r = verify_segment(verifying, i - 1, task);
    if (r == 0)
        r = verify_segment(verifying, i, task);
    return r < 0 && r != -EBADMSG ? r : !segment_continues(listing, i);
}

static int v03_find_holes(const struct v03_verification *verifying, struct task *task)
{
    const struct v03_generation *generation = verifying->generation;
    const struct v03_listing *listing = verifying->listing;
    uint32_t first = UINT32_MAX;
    int r = 0;

    if (listing->n_snapshots == 0 && listing->n_segments)
        return verifier_complain(verifying->verifier,
                                 "%s/generations/%s has no snapshot: nothing of it can be restored",
                                 replica_url(generation->replica), generation->base.name);
    for (size_t i = 0; i < listing->n_snapshots; i++) {
        const struct snapshot *snapshot = listing->snapshots[i];
        if (snapshot->index < first && !verifier_misses(verifying->verifier, &snapshot->object))
            first = snapshot->index;
    }
    for (size_t i = 0; i < listing->n_segments && r == 0; i++) {
        r = v03_is_broken(verifying, i, task);
        if (r > 0)
            r = v03_find_hole(verifying, first, i);
    }
    return r;
}

/* --- what is mixed --- */

/* At `time`, with the snapshot. */
static int v03_note_mixture(const struct v03_verification *verifying, struct snapshot *snapshot, int64_t time,
                            struct task *task)
{
    const struct v03_listing *listing = verifying->listing;
    const struct wal_position no_limit = {UINT32_MAX, UINT32_MAX};
    _cleanup_(chain_finish) struct chain chain = {0};
    char text[INSTANT_TEXT_SIZE];
    int r = chain_can_begin(verifying->generation, snapshot, task);

    if (r > 0)
        r = lead_replay(verifying->generation, listing, snapshot, v03_segments_at(listing, time), no_limit,
                        task, &chain);
    if (r < 0 || !chain.mixture)
        return r;
    instant_format(time, text);
    return verifier_add_note(verifying->verifier, "%s/generations/%s: what it has as of %s is a mixture: %s",
                             replica_url(verifying->generation->replica), verifying->generation->base.name,
                             text, chain.mixture);
}

/* With each snapshot when it was made, and when the next segment came. Objects that can't be read were told
 * of. */
static int v03_find_mixtures(const struct v03_verification *verifying, struct task *task)
{
    const struct v03_listing *listing = verifying->listing;
    int r = 0;

    for (size_t i = 0; i < 2 * listing->n_snapshots && r == 0; i++) {
        struct snapshot *snapshot = listing->snapshots[i / 2];
        size_t next = v03_segments_at(listing, snapshot->object.modified);
        struct task attempt;
        task_init(&attempt, task);
        if (i % 2 == 0)
            r = v03_note_mixture(verifying, snapshot, snapshot->object.modified, &attempt);
        else if (next < listing->n_segments)
            r = v03_note_mixture(verifying, snapshot, listing->times[next], &attempt);
        r = r == -ECANCELED || r == -ENOMEM ? r : 0;
    }
    return r;
}

int v03_verify(struct generation *generation, struct generation_listing *base, struct verifier *verifier,
               struct task *task)
{
    const struct v03_listing *listing = v03_listing_of(base);
    struct v03_verification verifying = {v03_generation_of(generation), listing, verifier, true};
    struct verifier_round round = {listing->n_segments + listing->n_snapshots, &verifying,
                                   v03_verify_object_of, v03_verify_item};
    int r = verifier_each(verifier, &round, task);

    verifying.beginnings = false;
    round.n = listing->n_segments;
    if (r == 0)
        r = verifier_each(verifier, &round, task);
    if (r == 0)
        r = v03_find_holes(&verifying, task);
    return r < 0 ? r : v03_find_mixtures(&verifying, task);
}
