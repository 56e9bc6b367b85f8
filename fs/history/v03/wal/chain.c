#include "chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/hash.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"
#include "v03/snapshot/snapshot.h"
#include "wal_listing.h"

void chain_finish(struct chain *chain)
{
    free(chain->shrinks);
    free(chain->gap);
    free(chain->mixture);
    *chain = (struct chain){0};
}

uint64_t chain_size(const struct chain *chain)
{
    bool is_exact;
    return chain->last.frame ? (uint64_t)chain->pages * chain->page_size
                             : snapshot_size(chain->snapshot, &is_exact);
}

int chain_can_begin(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    int r = snapshot_learn(generation, snapshot, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&snapshot->lock);
    r = snapshot->learnt.state == LEARNT_SOUND;
    pthread_mutex_unlock(&snapshot->lock);
    return r;
}

/* Nearly always it is the last one of all. */
bool chain_find_commit(const struct v03_listing *listing, size_t begin, size_t end, struct wal_position limit,
                       size_t *ret_segment, size_t *ret_commit)
{
    for (size_t i = end; i > begin; i--) {
        const struct segment *segment = listing->segments[i - 1];
        for (size_t j = segment->n_commits; j > 0; j--) {
            const struct wal_position at = {segment->index, segment->commits[j - 1].frame};
            if (wal_position_compare(at, limit) > 0)
                continue;
            *ret_segment = i - 1;
            *ret_commit = j - 1;
            return true;
        }
    }
    return false;
}

static int chain_copy_shrinks(const struct replay *replay, struct chain *chain)
{
    size_t n = replay->n_shrinks;
    while (n && replay->shrinks[n - 1].index >= chain->last.index)
        n--;
    if (n == 0)
        return 0;
    chain->shrinks = calloc(n, sizeof *chain->shrinks);
    if (!chain->shrinks)
        return -ENOMEM;
    memcpy(chain->shrinks, replay->shrinks, n * sizeof *chain->shrinks);
    chain->n_shrinks = n;
    return 0;
}

int chain_describe_gap_locked(const struct v03_listing *listing, const struct snapshot *snapshot,
                              size_t begin, size_t end, char **ret_gap)
{
    const struct segment *next = listing->segments[end];
    char *gap;
    int n;

    if (next->learnt.state == LEARNT_DAMAGED)
        n = asprintf(&gap, "segment %08x/%08llx is damaged", next->index, (unsigned long long)next->offset);
    else if (end == begin)
        n = asprintf(&gap, "WAL %08x does not begin with a segment at offset 0", snapshot->index);
    else if (listing->segments[end - 1]->index != next->index)
        n = asprintf(&gap, "WAL %08x has no beginning", listing->segments[end - 1]->index + 1);
    else
        n = asprintf(&gap, "segment %08x/%08llx does not continue what is before it", next->index,
                     (unsigned long long)next->offset);
    if (n < 0)
        return -ENOMEM;
    *ret_gap = gap;
    return 0;
}

/* Whether something is missing between the chain and the segment behind it. Damage there is another matter:
 * that one is younger than what was asked for. */
static bool chain_lacks_next(const struct chain *chain, const struct v03_listing *listing)
{
    const struct segment *next = listing->segments[chain->end];

    if (chain->end == chain->begin)
        return next->index != chain->snapshot->index || next->offset != 0;
    const struct segment *last = listing->segments[chain->end - 1];
    if (next->index == last->index)
        return next->offset > last->offset + last->size;
    return next->index != last->index + 1 || next->offset != 0 || !segment_ends_wal(last);
}

int chain_look_ahead(struct v03_generation *generation, const struct v03_listing *listing, size_t n_segments,
                     struct chain *chain)
{
    int r = 0;

    if (chain->gap || chain->end != n_segments || n_segments == listing->n_segments)
        return 0;
    pthread_mutex_lock(&generation->base.lock);
    if (chain_lacks_next(chain, listing))
        r = chain_describe_gap_locked(listing, chain->snapshot, chain->begin, chain->end, &chain->gap);
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

/* Takes from the replay what the chain's part of it is. */
static int chain_take_part(const struct replay *replay, const struct v03_listing *listing, size_t n_segments,
                           struct wal_position limit, struct chain *chain)
{
    size_t i, j;

    chain->begin = replay->begin;
    chain->end = replay->end < n_segments ? replay->end : n_segments;
    if (chain->end < chain->begin)
        chain->end = chain->begin;
    if (chain->end > chain->begin) {
        chain->page_size = listing->segments[chain->end - 1]->header.page_size;
        chain->source_size += listing->sizes[chain->end - 1];
        chain->source_size -= chain->begin ? listing->sizes[chain->begin - 1] : 0;
        if (listing->times[chain->end - 1] > chain->time)
            chain->time = listing->times[chain->end - 1];
    }
    if (chain_find_commit(listing, chain->begin, chain->end, limit, &i, &j)) {
        const struct segment *segment = listing->segments[i];
        chain->last = (struct wal_position){segment->index, segment->commits[j].frame};
        chain->pages = segment->commits[j].pages;
    }
    chain->position = chain->last;
    int r = chain_copy_shrinks(replay, chain);
    if (r == 0 && chain->end < n_segments)
        r = chain_describe_gap_locked(listing, chain->snapshot, chain->begin, chain->end, &chain->gap);
    return r;
}

/* What a state holds is told by where its replay ends: a segment, which is written once, or a commit within
 * one; without any, the snapshot. Whichever snapshot it began with, the bytes are the same. */
uint64_t chain_end_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame)
{
    char text[16];
    uint64_t hash = hash_text(HASH_START, last ? last->object.key : snapshot->object.key);

    snprintf(text, sizeof text, "%" PRIu32, frame);
    return hash_text(hash, last ? text : snapshot->object.version);
}

/* The state's, as the names tell it that lead to it: whichever snapshot may be taken in the end. */
static uint64_t chain_inode(const struct v03_listing *listing, const struct chain *chain)
{
    const struct segment *last = chain->end > chain->begin ? listing->segments[chain->end - 1] : NULL;
    bool is_cut = false;

    if (last && last->n_commits) {
        const struct wal_position end = {last->index, last->commits[last->n_commits - 1].frame};
        is_cut = wal_position_compare(end, chain->last) > 0;
    }
    return chain_end_inode(chain->snapshot, last, is_cut ? chain->last.frame : 0);
}

/* Learns the segments up to where names say that the replay ends. */
static int chain_learn(struct v03_generation *generation, const struct v03_listing *listing,
                       struct snapshot *snapshot, size_t n_segments, struct task *task)
{
    size_t known = 0, outlook = 0;

    pthread_mutex_lock(&generation->base.lock);
    const struct replay *replay = replay_get_locked(listing, snapshot);
    if (replay) {
        known = replay->end;
        outlook = replay_outlook_locked(replay, listing, n_segments);
    }
    pthread_mutex_unlock(&generation->base.lock);
    if (!replay)
        return -ENOMEM;
    return outlook > known ? segments_learn(generation, listing, known, outlook, task) : 0;
}

/* What a replay ends before, though something is there. */
struct chain_end {
    size_t begin, end; /* segments that are replayed */
    bool is_doubtful;  /* names tell of no hole before segment `end` */
    bool is_misfit;    /* the pages of a snapshot of which not all was checked are of another size */
};

static bool chain_find_end(struct v03_generation *generation, const struct v03_listing *listing,
                           struct snapshot *snapshot, size_t n_segments, struct chain_end *ret_end)
{
    struct chain_end end = {0};

    pthread_mutex_lock(&generation->base.lock);
    struct replay *replay = replay_get_locked(listing, snapshot);
    if (replay && replay_grow_locked(replay, listing, n_segments) == 0 && replay->end < n_segments) {
        const struct segment *next = listing->segments[replay->end];
        const struct segment *before = replay->end ? listing->segments[replay->end - 1] : NULL;
        end = (struct chain_end){replay->begin, replay->end, false, false};
        end.is_misfit = end.end == end.begin && next->index == snapshot->index && next->offset == 0 &&
                        next->learnt.state == LEARNT_SOUND && snapshot->attempt == 0 &&
                        snapshot->object.size > V03_WHOLE_OBJECT;
        end.is_doubtful = end.end > end.begin && (next->index == before->index ||
                                                  (next->index == before->index + 1 && next->offset == 0));
    }
    pthread_mutex_unlock(&generation->base.lock);
    *ret_end = end;
    return end.is_misfit || end.is_doubtful;
}

/* A chain that breaks where names say that it goes on is looked at once more, before anybody is told of a
 * hole. 0: so it is; -ESTALE: it was something else; or why it can't be had. */
static int chain_confirm_end(struct v03_generation *generation, const struct v03_listing *listing,
                             struct snapshot *snapshot, size_t n_segments, struct task *task)
{
    struct chain_end end;

    if (!chain_find_end(generation, listing, snapshot, n_segments, &end))
        return 0;
    int r = segments_confirm(generation, listing, end.end, task);
    if (r < 0 || !end.is_misfit)
        return r;
    snapshot_fail(generation, snapshot, snapshot->page_size, task,
                  "its pages are of another size than those of its WAL");
    return -ESTALE;
}

int chain_open(struct v03_generation *generation, const struct v03_listing *listing,
               struct snapshot *snapshot, size_t n_segments, struct wal_position limit, struct task *task,
               struct chain *ret_chain)
{
    _cleanup_(chain_finish) struct chain chain = {
        .snapshot = snapshot,
        .last = {snapshot->index, 0},
        .page_size = snapshot->page_size,
        .time = snapshot->object.modified,
        .source_size = snapshot->object.size,
    };
    int r = chain_learn(generation, listing, snapshot, n_segments, task);

    if (r == 0)
        r = chain_confirm_end(generation, listing, snapshot, n_segments, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->base.lock);
    struct replay *replay = replay_get_locked(listing, snapshot);
    r = replay ? replay_grow_locked(replay, listing, n_segments) : -ENOMEM;
    if (r == 0)
        r = chain_take_part(replay, listing, n_segments, limit, &chain);
    chain.inode = chain_inode(listing, &chain);
    pthread_mutex_unlock(&generation->base.lock);
    if (r < 0)
        return r;
    *ret_chain = chain;
    chain = (struct chain){0};
    return 0;
}
