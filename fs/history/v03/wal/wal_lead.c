#include "wal_lead.h"

#include <errno.h>

#include "litemount/cleanup.h"
#include "v03/object/v03_base.h"
#include "v03/snapshot/snapshot.h"
#include "wal_listing.h"

/* Nanoseconds: longer than Litestream waits between two syncs, which is a second unless configured. */
#define QUIET (300 * INT64_C(1000000000))

struct lead_place lead_place(const struct v03_listing *listing, size_t i, size_t j, size_t end)
{
    const struct segment *segment = listing->segments[i];
    bool is_last = j + 1 == segment->n_commits;

    return (struct lead_place){
        .segment = i,
        .at = {segment->index, segment->commits[j].frame},
        .ends_segment = is_last,
        .ends_wal = is_last && i + 1 == end,
        .wal_is_over = end < listing->n_segments,
    };
}

static bool wal_is_long(int64_t from, int64_t to)
{
    int64_t passed;
    return __builtin_sub_overflow(to, from, &passed) || passed > QUIET;
}

/* Whether nothing that was written before the snapshot was made came after it: what is written is uploaded
 * with the next sync. Where nothing came at all, its writer had stopped long before. */
static bool wal_is_quiet(const struct snapshot *snapshot, const struct v03_listing *listing)
{
    int64_t made = snapshot->object.modified;
    size_t next = v03_segments_at(listing, made);

    if (next < listing->n_segments)
        return wal_is_long(made, listing->times[next]);
    return next > 0 && wal_is_long(listing->times[next - 1], made);
}

/* Whether the `n`th segment before number `i`, of the same WAL, is younger than the snapshot. */
static bool wal_is_younger_before(const struct snapshot *snapshot, const struct v03_listing *listing,
                                  size_t i, size_t n)
{
    return i >= n && listing->segments[i - n]->index == listing->segments[i]->index &&
           listing->times[i - n] > snapshot->object.modified;
}

/* Times tell a little. Litestream uploads what it had read of the WAL a moment before, so the first segment
 * that is younger than the snapshot may end before what the snapshot holds (seen). The next one goes on from
 * there, and was read when the snapshot was there: at its end all is made good. `litestream restore` takes
 * the snapshot for all that are not older than it. */
enum lead lead_from(const struct snapshot *snapshot, const struct v03_listing *listing,
                    const struct lead_place *place)
{
    size_t i = place->segment;

    if (snapshot->index != place->at.index)
        return snapshot->index < place->at.index ? LEADS_SURELY : LEADS_NOWHERE;
    if (place->ends_wal && place->wal_is_over)
        return LEADS_SURELY;
    if (wal_is_younger_before(snapshot, listing, i, place->ends_segment ? 1 : 2))
        return LEADS_BY_TIME;
    if (place->ends_segment && i + 1 >= v03_segments_at(listing, snapshot->object.modified) &&
        wal_is_quiet(snapshot, listing))
        return LEADS_BY_TIME;
    return place->ends_wal || (place->ends_segment && listing->times[i] >= snapshot->object.modified)
               ? LEADS_PERHAPS
               : LEADS_NOWHERE;
}

/* Tries the snapshots that lead to the commit in this way, newest first. */
static int wal_open_by(struct v03_generation *generation, const struct v03_listing *listing,
                       const struct lead_place *place, enum lead lead, struct task *task,
                       struct chain *ret_chain)
{
    for (size_t i = listing->n_snapshots; i > 0; i--) {
        _cleanup_(chain_finish) struct chain chain = {0};
        struct snapshot *snapshot = listing->snapshots[i - 1];
        if (lead_from(snapshot, listing, place) != lead)
            continue;
        int r = chain_can_begin(generation, snapshot, task);
        if (r > 0)
            r = chain_open(generation, listing, snapshot, place->segment + 1, place->at, task, &chain);
        else if (r == 0)
            continue;
        if (r < 0)
            return r;
        if (chain.gap)
            continue; /* a hole lies between */
        *ret_chain = chain;
        chain = (struct chain){0};
        return 0;
    }
    return -ENOENT;
}

int lead_open(struct v03_generation *generation, const struct v03_listing *listing,
              const struct lead_place *place, struct task *task, struct chain *ret_chain)
{
    int r = -ENOENT;

    for (enum lead lead = LEADS_SURELY; lead > LEADS_PERHAPS && r == -ENOENT; lead--)
        r = wal_open_by(generation, listing, place, lead, task, ret_chain);
    if (r != -ENOENT)
        return r;
    _cleanup_(chain_finish) struct chain chain = {0};
    r = wal_open_by(generation, listing, place, LEADS_PERHAPS, task, &chain);
    if (r == 0)
        r = ahead_tell(generation, listing, task, &chain);
    if (r < 0)
        return r;
    *ret_chain = chain;
    chain = (struct chain){0};
    return 0;
}

/* The chain's last commit. */
static struct lead_place wal_last_place(const struct v03_listing *listing, const struct chain *chain)
{
    size_t i = 0, j = 0;

    chain_find_commit(listing, chain->begin, chain->end, chain->last, &i, &j); /* it has one */
    return lead_place(listing, i, j, v03_find_index(listing, (uint64_t)chain->last.index + 1));
}

/* The end of the WAL before the chain's snapshot. All of it is there if something of the next one is. 1, 0 if
 * it is not, or why it can't be had. */
static int wal_find_end_before(struct v03_generation *generation, const struct v03_listing *listing,
                               const struct chain *chain, struct task *task, struct lead_place *ret_place)
{
    uint32_t index = chain->snapshot->index;
    size_t end = v03_find_index(listing, index);

    if (end == 0 || end == v03_find_index(listing, (uint64_t)index + 1) ||
        listing->segments[end - 1]->index + 1 != index)
        return 0;
    int r = segments_learn(generation, listing, end - 1, end, task);
    if (r < 0)
        return r;
    const struct segment *segment = listing->segments[end - 1];
    pthread_mutex_lock(&generation->base.lock);
    bool is_end = segment->learnt.state == LEARNT_SOUND && segment->n_commits && segment_ends_wal(segment);
    if (is_end)
        *ret_place = lead_place(listing, end - 1, segment->n_commits - 1, end);
    pthread_mutex_unlock(&generation->base.lock);
    return is_end;
}

/* Takes the other's snapshot and what is replayed upon it: they lead to the same. */
static void wal_take_over(struct chain *chain, struct chain *other)
{
    other->position = chain->position;
    other->time = chain->time;
    other->inode = chain->inode;
    other->gap = steal_pointer(chain->gap);
    chain_finish(chain);
    *chain = *other;
    *other = (struct chain){0};
}

/* Whether the chain's snapshot may be ahead of where the chain ends. */
static bool wal_may_be_ahead(const struct v03_listing *listing, const struct chain *chain)
{
    if (chain->last.index > chain->snapshot->index)
        return false;
    if (chain->last.frame == 0)
        return !wal_is_quiet(chain->snapshot, listing);
    const struct lead_place place = wal_last_place(listing, chain);
    return lead_from(chain->snapshot, listing, &place) <= LEADS_PERHAPS;
}

/* Takes a snapshot before it then, if one leads to the same. */
static int wal_settle(struct v03_generation *generation, const struct v03_listing *listing, struct task *task,
                      struct chain *chain)
{
    _cleanup_(chain_finish) struct chain other = {0};
    struct lead_place place = {0};
    int r = 1;

    if (!wal_may_be_ahead(listing, chain))
        return 0;
    if (chain->last.frame == 0)
        r = wal_find_end_before(generation, listing, chain, task, &place);
    else
        place = wal_last_place(listing, chain);
    if (r > 0)
        r = wal_open_by(generation, listing, &place, LEADS_SURELY, task, &other);
    else if (r == 0)
        r = -ENOENT;
    if (r == 0)
        wal_take_over(chain, &other);
    return r == -ENOENT ? ahead_tell(generation, listing, task, chain) : r;
}

int lead_replay(struct v03_generation *generation, const struct v03_listing *listing,
                struct snapshot *snapshot, size_t n_segments, struct wal_position limit, struct task *task,
                struct chain *ret_chain)
{
    _cleanup_(chain_finish) struct chain chain = {0};
    int r = chain_open(generation, listing, snapshot, n_segments, limit, task, &chain);

    if (r == 0)
        r = wal_settle(generation, listing, task, &chain);
    if (r == 0 && chain.last.frame == 0)
        r = snapshot_measure(generation, snapshot, task); /* it alone is the state */
    if (r < 0)
        return r;
    *ret_chain = chain;
    chain = (struct chain){0};
    return 0;
}
