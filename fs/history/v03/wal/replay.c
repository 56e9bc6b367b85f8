#include "replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "v03/snapshot/snapshot.h"
#include "wal_listing.h"

/* Whether `segment` can be the first one of its WAL. */
static bool replay_begins_wal(const struct segment *segment)
{
    return segment->offset == 0 && segment->learnt.state != LEARNT_DAMAGED;
}

/* Litestream copies whole transactions only. */
bool segment_ends_wal(const struct segment *segment)
{
    return segment->learnt.state != LEARNT_SOUND || segment->n_frames == 0 ||
           (segment->n_commits &&
            segment->commits[segment->n_commits - 1].frame == segment->first_frame + segment->n_frames);
}

/* Within a WAL the bytes and the checksum chain go on. The next WAL begins at offset 0, and nothing tells
 * whether whole segments at the end of the one before it were lost. */
bool segment_continues(const struct v03_listing *listing, size_t i)
{
    const struct segment *before = listing->segments[i - 1], *segment = listing->segments[i];

    if (before->learnt.state == LEARNT_SOUND && segment->learnt.state == LEARNT_SOUND &&
        before->header.page_size != segment->header.page_size)
        return false;
    if (segment->index != before->index)
        return segment->index == before->index + 1 && replay_begins_wal(segment) && segment_ends_wal(before);
    if (segment->learnt.state == LEARNT_DAMAGED || before->learnt.state == LEARNT_DAMAGED)
        return false;
    if (before->learnt.state != LEARNT_SOUND)
        return segment->offset > before->offset;
    if (before->offset + before->size != segment->offset)
        return false;
    return segment->learnt.state != LEARNT_SOUND ||
           memcmp(before->chain_after, segment->chain_before, sizeof before->chain_after) == 0;
}

/* Whether segment `begin` can be the first that is replayed upon the snapshot. */
static bool replay_can_begin(const struct v03_listing *listing, const struct snapshot *snapshot, size_t begin)
{
    const struct segment *segment = begin < listing->n_segments ? listing->segments[begin] : NULL;
    return segment && segment->index == snapshot->index && replay_begins_wal(segment) &&
           (segment->learnt.state != LEARNT_SOUND || snapshot->page_size == 0 ||
            segment->header.page_size == snapshot->page_size);
}

bool replay_can_follow(const struct v03_listing *listing, const struct snapshot *snapshot, size_t begin,
                       size_t i)
{
    return i == begin ? replay_can_begin(listing, snapshot, i) : segment_continues(listing, i);
}

static void replay_free(struct replay *replay)
{
    if (!replay)
        return;
    snapshot_unref(replay->snapshot);
    segment_row_unref(replay->row);
    free(replay->shrinks);
    free(replay);
}

struct v03_frames *v03_frames_make(void)
{
    struct v03_frames *frames = calloc(1, sizeof *frames);
    if (!frames)
        return NULL;
    atomic_init(&frames->references, 1);
    pthread_rwlock_init(&frames->lock, NULL);
    wal_images_init(&frames->images);
    return frames;
}

struct v03_frames *v03_frames_ref(struct v03_frames *frames)
{
    atomic_fetch_add(&frames->references, 1);
    return frames;
}

void v03_frames_unref(struct v03_frames *frames)
{
    if (!frames || atomic_fetch_sub(&frames->references, 1) != 1)
        return;
    versions_finish(&frames->versions);
    wal_images_finish(&frames->images);
    for (size_t i = 0; i < frames->n_replays; i++)
        replay_free(frames->replays[i]);
    free(frames->replays);
    pthread_rwlock_destroy(&frames->lock);
    free(frames);
}

/* How many pages the snapshot may have. One whose size is not exact may have any number: then the end of the
 * first WAL that is replayed is noted as a cut, which is right whether or not there was something to cut. */
static uint32_t replay_pages_of(struct snapshot *snapshot)
{
    bool is_exact;
    uint64_t size = snapshot_size(snapshot, &is_exact);
    if (snapshot->page_size == 0)
        return 0;
    return is_exact ? (uint32_t)((size + snapshot->page_size - 1) / snapshot->page_size) : UINT32_MAX;
}

static void replay_begin(struct replay *replay, const struct v03_listing *listing)
{
    segment_row_unref(replay->row);
    replay->row = segment_row_ref(listing->row);
    replay->begin = replay->end = v03_find_index(listing, replay->snapshot->index);
    replay->last = (struct wal_position){replay->snapshot->index, 0};
    replay->pages = 0;
    replay->most_pages = replay_pages_of(replay->snapshot);
    replay->n_shrinks = 0;
}

/* Whether the replayed segments are the listing's too, by the same numbers. Segments are only added while
 * frames are shared, so what lies between two that have kept their numbers is the same. */
static bool replay_is_along(const struct replay *replay, const struct v03_listing *listing)
{
    size_t end = replay->end < listing->n_segments ? replay->end : listing->n_segments;
    if (replay->row == listing->row)
        return replay->end > replay->begin ||
               replay->begin == v03_find_index(listing, replay->snapshot->index);
    return end > replay->begin && listing->segments[replay->begin] == replay->row->segments[replay->begin] &&
           listing->segments[end - 1] == replay->row->segments[end - 1];
}

static struct replay *replay_add(struct v03_frames *frames, struct snapshot *snapshot)
{
    struct replay *replay = NULL;
    if (ARRAY_GROW(frames->replays, frames->replays_capacity, frames->n_replays + 1) < 0 ||
        !(replay = calloc(1, sizeof *replay)))
        return NULL;
    replay->snapshot = snapshot_ref(snapshot);
    frames->replays[frames->n_replays++] = replay;
    return replay;
}

struct replay *replay_get_locked(const struct v03_listing *listing, struct snapshot *snapshot)
{
    struct v03_frames *frames = listing->frames;
    struct replay *replay = NULL;

    for (size_t i = 0; i < frames->n_replays && !replay; i++)
        if (frames->replays[i]->snapshot == snapshot)
            replay = frames->replays[i];
    if (!replay && !(replay = replay_add(frames, snapshot)))
        return NULL;
    if (!replay->row || !replay_is_along(replay, listing))
        replay_begin(replay, listing);
    return replay;
}

size_t replay_outlook_locked(const struct replay *replay, const struct v03_listing *listing,
                             size_t n_segments)
{
    size_t end = replay->end;
    while (end < n_segments && replay_can_follow(listing, replay->snapshot, replay->begin, end))
        end++;
    return end;
}

/* The WAL `index` is replayed whole: its end cuts the file to the size of its last commit. */
static int replay_end_wal(struct replay *replay, uint32_t index)
{
    if (replay->last.index != index || replay->last.frame == 0 || replay->pages >= replay->most_pages)
        return 0;
    int r = ARRAY_GROW(replay->shrinks, replay->shrinks_capacity, replay->n_shrinks + 1);
    if (r < 0)
        return r;
    replay->shrinks[replay->n_shrinks++] = (struct shrink){index, replay->pages};
    replay->most_pages = replay->pages; /* what was beyond is gone: it can't be cut again */
    return 0;
}

static void replay_take(struct replay *replay, const struct segment *segment)
{
    for (size_t i = 0; i < segment->n_commits; i++)
        if (segment->commits[i].pages > replay->most_pages)
            replay->most_pages = segment->commits[i].pages;
    if (segment->n_commits) {
        const struct commit *last = &segment->commits[segment->n_commits - 1];
        replay->last = (struct wal_position){segment->index, last->frame};
        replay->pages = last->pages;
    }
    replay->end++;
}

int replay_grow_locked(struct replay *replay, const struct v03_listing *listing, size_t n_segments)
{
    if (replay->row != listing->row && replay->end < n_segments) {
        segment_row_unref(replay->row);
        replay->row = segment_row_ref(listing->row);
    }
    while (replay->end < n_segments && listing->segments[replay->end]->learnt.state == LEARNT_SOUND &&
           replay_can_follow(listing, replay->snapshot, replay->begin, replay->end)) {
        const struct segment *segment = listing->segments[replay->end];
        if (replay->end > replay->begin && listing->segments[replay->end - 1]->index != segment->index) {
            int r = replay_end_wal(replay, segment->index - 1);
            if (r < 0)
                return r;
        }
        replay_take(replay, segment);
    }
    return 0;
}
