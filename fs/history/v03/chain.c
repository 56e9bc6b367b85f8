#include "chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"

void chain_finish(struct chain *chain)
{
    free(chain->shrinks);
    free(chain->gap);
    *chain = (struct chain){0};
}

/* Whether `segment` can be the first one of its WAL. */
static bool begins_wal(const struct segment *segment)
{
    return segment->offset == 0 && segment->learnt != LEARNT_DAMAGED;
}

/* Whether a WAL can end with `segment`: Litestream copies whole transactions only. */
static bool ends_wal(const struct segment *segment)
{
    return segment->learnt != LEARNT_SOUND || segment->n_frames == 0 ||
           (segment->n_commits &&
            segment->commits[segment->n_commits - 1].frame == segment->first_frame + segment->n_frames);
}

/* Whether `segment` continues `before`, as far as is known. Within a WAL the bytes and the checksum chain go
 * on. The next WAL begins at offset 0, and nothing tells whether whole segments at the end of the one before
 * it were lost. */
static bool continues(const struct segment *before, const struct segment *segment)
{
    if (before->learnt == LEARNT_SOUND && segment->learnt == LEARNT_SOUND &&
        before->header.page_size != segment->header.page_size)
        return false;
    if (segment->index != before->index)
        return segment->index == before->index + 1 && begins_wal(segment) && ends_wal(before);
    if (segment->learnt == LEARNT_DAMAGED || before->learnt == LEARNT_DAMAGED)
        return false;
    if (before->learnt != LEARNT_SOUND)
        return segment->offset > before->offset;
    if (before->offset + before->size != segment->offset)
        return false;
    return segment->learnt != LEARNT_SOUND ||
           memcmp(before->chain_after, segment->chain_before, sizeof before->chain_after) == 0;
}

bool chain_begins(const struct v03_listing *listing, const struct snapshot *snapshot, size_t begin)
{
    const struct segment *segment = begin < listing->n_segments ? listing->segments[begin] : NULL;
    return segment && segment->index == snapshot->index && begins_wal(segment) &&
           (segment->learnt != LEARNT_SOUND || snapshot->page_size == 0 ||
            segment->header.page_size == snapshot->page_size);
}

void chain_ends(const struct v03_listing *listing, size_t *ends)
{
    for (size_t i = listing->n_segments; i > 0; i--) {
        bool goes_on = i < listing->n_segments && continues(listing->segments[i - 1], listing->segments[i]);
        ends[i - 1] = goes_on ? ends[i] : i;
    }
}

size_t chain_reach(const struct v03_listing *listing, const struct snapshot *snapshot, size_t n_segments,
                   size_t *ret_begin)
{
    size_t begin = v03_find_index(listing, snapshot->index), end = begin;

    *ret_begin = begin;
    if (begin >= n_segments || !chain_begins(listing, snapshot, begin))
        return begin;
    for (end = begin + 1; end < n_segments; end++)
        if (!continues(listing->segments[end - 1], listing->segments[end]))
            break;
    return end;
}

/* What one walk carries along. */
struct walk {
    struct chain *chain;
    struct wal_position limit;
    uint32_t most_pages; /* the database's largest size since it was last cut */
    size_t shrinks_capacity;
};

/* The WAL `index` is replayed whole: its end cuts the file to the size of its last commit. */
static int end_wal(struct walk *walk, uint32_t index)
{
    struct chain *chain = walk->chain;
    if (chain->last.index != index || chain->last.frame == 0 || chain->pages >= walk->most_pages)
        return 0;
    int r = ARRAY_GROW(chain->shrinks, walk->shrinks_capacity, chain->n_shrinks + 1);
    if (r == 0)
        chain->shrinks[chain->n_shrinks++] = (struct shrink){index, chain->pages};
    walk->most_pages = chain->pages; /* what was beyond is gone: it can't be cut again */
    return r;
}

static void replay(struct walk *walk, const struct segment *segment)
{
    struct chain *chain = walk->chain;
    for (size_t i = 0; i < segment->n_commits; i++) {
        struct wal_position at = {segment->index, segment->commits[i].frame};
        if (wal_position_compare(at, walk->limit) > 0)
            break;
        chain->last = at;
        chain->pages = segment->commits[i].pages;
        if (chain->pages > walk->most_pages)
            walk->most_pages = chain->pages;
    }
    chain->page_size = segment->header.page_size;
    chain->source_size += segment->object.size;
}

static int walk_segments(struct walk *walk, const struct v03_listing *listing)
{
    struct chain *chain = walk->chain;
    for (size_t i = chain->begin; i < chain->end; i++) {
        const struct segment *segment = listing->segments[i];
        if (i > chain->begin && listing->segments[i - 1]->index != segment->index) {
            int r = end_wal(walk, segment->index - 1);
            if (r < 0)
                return r;
        }
        replay(walk, segment);
    }
    /* The last index's own end cuts the file to its very size: no page of it is lost by that. */
    return 0;
}

static int describe_gap(struct chain *chain, const struct v03_listing *listing, size_t n_segments)
{
    const struct segment *next;
    int n;

    if (chain->end >= n_segments)
        return 0;
    next = listing->segments[chain->end];
    if (next->learnt == LEARNT_DAMAGED)
        n = asprintf(&chain->gap, "segment %08x/%08llx is damaged", next->index,
                     (unsigned long long)next->offset);
    else if (chain->end == chain->begin)
        n = asprintf(&chain->gap, "WAL %08x does not begin with a segment at offset 0",
                     chain->snapshot->index);
    else if (listing->segments[chain->end - 1]->index != next->index)
        n = asprintf(&chain->gap, "WAL %08x has no beginning", listing->segments[chain->end - 1]->index + 1);
    else
        n = asprintf(&chain->gap, "segment %08x/%08llx does not continue what is before it", next->index,
                     (unsigned long long)next->offset);
    if (n < 0) {
        chain->gap = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* How many pages the snapshot may have. One whose size is not exact may have any number: then the end of the
 * first WAL that is replayed is noted as a cut, which is right whether or not there was something to cut. */
static uint32_t pages_of(struct snapshot *snapshot)
{
    bool is_exact;
    uint64_t size = snapshot_size(snapshot, &is_exact);
    if (snapshot->page_size == 0)
        return 0;
    return is_exact ? (uint32_t)((size + snapshot->page_size - 1) / snapshot->page_size) : UINT32_MAX;
}

/* Learns the segments up to where names say that the chain ends, then sees how far it really reaches. */
static int find_end(struct v03_generation *generation, const struct v03_listing *listing, size_t n_segments,
                    struct task *task, struct chain *chain)
{
    pthread_mutex_lock(&generation->lock);
    chain->end = chain_reach(listing, chain->snapshot, n_segments, &chain->begin);
    pthread_mutex_unlock(&generation->lock);
    int r = segments_learn(generation, listing, chain->begin, chain->end, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    chain->end = chain_reach(listing, chain->snapshot, n_segments, &chain->begin);
    r = describe_gap(chain, listing, n_segments);
    pthread_mutex_unlock(&generation->lock);
    return r;
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
    struct walk walk = {.chain = &chain, .limit = limit};
    int r = find_end(generation, listing, n_segments, task, &chain);

    if (r < 0)
        return r;
    walk.most_pages = pages_of(snapshot);
    if ((r = walk_segments(&walk, listing)) < 0)
        return r;
    if (chain.end > chain.begin && listing->times[chain.end - 1] > chain.time)
        chain.time = listing->times[chain.end - 1];
    *ret_chain = chain;
    chain.shrinks = NULL;
    chain.gap = NULL;
    return 0;
}
