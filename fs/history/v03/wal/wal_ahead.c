#include "wal_lead.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "v03/object/v03_base.h"
#include "v03/snapshot/snapshot.h"
#include "wal_listing.h"

#define MOST_PAGES 8 /* that are looked at */

/* What follows a chain in its snapshot's WAL, as far as the snapshot may hold it. */
struct wal_following {
    struct v03_generation *generation;
    const struct v03_listing *listing;
    const struct chain *chain;
    struct wal_reader wals;
    struct wal_position next, last; /* the commit that follows, and the last frame */
    uint8_t *there, *written;       /* a page each */
};

static void wal_following_finish(struct wal_following *following)
{
    free(following->there);
    free(following->written);
}

/* Where the segments end of which the snapshot may hold something: behind the second that is younger. */
static size_t wal_end_of_following(const struct v03_listing *listing, const struct chain *chain)
{
    const struct snapshot *snapshot = chain->snapshot;
    size_t i = chain->end, n_younger = 0;

    for (; i < listing->n_segments && listing->segments[i]->index == snapshot->index && n_younger < 2; i++)
        n_younger += listing->times[i] > snapshot->object.modified;
    return i;
}

/* Learns what follows. Returns 1, 0 if there is nothing, or why it can't be had. */
static int wal_follow(struct wal_following *following, struct task *task)
{
    const struct v03_listing *listing = following->listing;
    const struct chain *chain = following->chain;
    size_t end = wal_end_of_following(listing, chain), i = chain->end;
    int r = segments_learn(following->generation, listing, i, end, task);

    if (r < 0)
        return r;
    pthread_mutex_lock(&following->generation->base.lock);
    for (; i < end && listing->segments[i]->learnt.state == LEARNT_SOUND; i++) {
        const struct segment *segment = listing->segments[i];
        if (!replay_can_follow(listing, chain->snapshot, chain->begin, i))
            break;
        if (!following->next.frame && segment->n_commits)
            following->next = (struct wal_position){segment->index, segment->commits[0].frame};
        following->last = (struct wal_position){segment->index, segment->first_frame + segment->n_frames};
    }
    pthread_mutex_unlock(&following->generation->base.lock);
    following->wals.segments = listing->segments + chain->begin;
    following->wals.n_segments = i - chain->begin;
    return following->next.frame > 0;
}

/* Whether the page stands in the snapshot as one of the frames that follow has it. 1 or 0, or an errno. */
static int wal_is_there(struct wal_following *following, uint32_t page, uint32_t page_size, struct task *task)
{
    struct v03_frames *frames = following->listing->frames;
    struct wal_position first = following->chain->last, at = following->last;
    int64_t n = snapshot_read(following->generation, following->chain->snapshot,
                              (uint64_t)(page - 1) * page_size, page_size, following->there, task);

    first.frame++;
    for (; n == page_size && at.frame >= first.frame; at.frame--) {
        pthread_rwlock_rdlock(&frames->lock);
        bool found = versions_find(&frames->versions, page, first, at, &at);
        pthread_rwlock_unlock(&frames->lock);
        if (!found)
            return 0;
        n = wal_image_read(&following->wals, at, 0, page_size, following->written, task);
        if (n == page_size && memcmp(following->there, following->written, page_size) == 0)
            return 1;
    }
    return n < 0 ? (int)n : 0;
}

/* Whether the state has a part of the transaction that follows, and not the other: pages that were written in
 * the WAL before are as they were before. 1 or 0, or an errno. */
static int wal_is_mixed(struct wal_following *following, struct task *task)
{
    struct v03_frames *frames = following->listing->frames;
    uint32_t page_size = following->listing->segments[following->chain->end]->header.page_size;
    uint32_t pages[MOST_PAGES];
    bool has, lacks;
    int r = 0;

    following->there = malloc(page_size);
    following->written = malloc(page_size);
    if (!following->there || !following->written)
        return -ENOMEM;
    pthread_rwlock_rdlock(&frames->lock);
    size_t n = versions_list_new(&frames->versions, following->chain->last, following->next, pages,
                                 MOST_PAGES, &lacks);
    pthread_rwlock_unlock(&frames->lock);
    has = false;
    for (size_t i = 0; i < n && r >= 0 && !(has && lacks); i++) {
        r = wal_is_there(following, pages[i], page_size, task);
        has = has || r > 0;
        lacks = lacks || r == 0;
    }
    return r < 0 ? r : has && lacks;
}

static int wal_look(struct v03_generation *generation, const struct v03_listing *listing, struct chain *chain,
                    struct task *task)
{
    _cleanup_(wal_following_finish) struct wal_following following = {
        .generation = generation,
        .listing = listing,
        .chain = chain,
        .wals = {.generation = generation, .images = &listing->frames->images}};
    int r = wal_follow(&following, task);

    if (r > 0)
        r = wal_is_mixed(&following, task);
    if (r <= 0)
        return r;
    if (asprintf(&chain->mixture,
                 "snapshot %08x holds a part of the next transaction, and no earlier one leads here",
                 chain->snapshot->index) >= 0)
        return 0;
    chain->mixture = NULL;
    return -ENOMEM;
}

int ahead_tell(struct v03_generation *generation, const struct v03_listing *listing, struct task *task,
               struct chain *chain)
{
    struct task attempt;
    int r = 0;

    task_init(&attempt, task);
    if (chain->last.index == chain->snapshot->index)
        r = wal_look(generation, listing, chain, &attempt);
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}
