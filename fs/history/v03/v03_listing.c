/* What a generation's listing shows, and which part of it belongs to an instant.
 *
 * `litestream restore -timestamp T` takes the newest snapshot created at or before T, and the segments in the
 * order of their positions up to the first that is later than T, even where that one lies before the
 * snapshot. So a segment counts at T when it and all before it are at or before T: `times` holds that running
 * maximum. Source: Litestream v0.3.13 replica.go, SnapshotIndexAt and walSegmentMap. */
#include <stdlib.h>

#include "litemount/array.h"
#include "v03/snapshot/snapshot.h"
#include "v03/wal/frames.h"
#include "v03/wal/replay.h"
#include "v03/wal/segment.h"
#include "v03/wal/segment_row.h"
#include "v03/wal/versions.h"
#include "v03_listing.h"

struct v03_frames *v03_frames_make(void)
{
    struct v03_frames *frames = calloc(1, sizeof *frames);
    if (!frames)
        return NULL;
    atomic_init(&frames->references, 1);
    pthread_rwlock_init(&frames->lock, NULL);
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
    replays_finish(frames);
    pthread_rwlock_destroy(&frames->lock);
    free(frames);
}

struct v03_listing *v03_listing_ref(struct v03_listing *listing)
{
    if (listing)
        atomic_fetch_add(&listing->references, 1);
    return listing;
}

void v03_listing_unref(struct v03_listing *listing)
{
    if (!listing || atomic_fetch_sub(&listing->references, 1) != 1)
        return;
    for (size_t i = 0; i < listing->n_snapshots; i++)
        snapshot_unref(listing->snapshots[i]);
    segment_row_unref(listing->row);
    v03_frames_unref(listing->frames);
    free(listing->snapshots);
    free(listing);
}

size_t v03_segments_at(const struct v03_listing *listing, int64_t time)
{
    return ARRAY_LOWER_BOUND(listing->n_segments, i, listing->times[i] <= time);
}

size_t v03_snapshots_at(const struct v03_listing *listing, int64_t time)
{
    return ARRAY_LOWER_BOUND(listing->n_snapshots, i, listing->snapshots[i]->object.modified <= time);
}

size_t v03_find_index(const struct v03_listing *listing, uint32_t index)
{
    return ARRAY_LOWER_BOUND(listing->n_segments, i, listing->segments[i]->index < index);
}

/* When the newest state at `time` came to be: with the snapshot, or with the last segment replayed upon it.
 */
bool v03_point_at(const struct v03_listing *listing, int64_t time, int64_t *ret_point)
{
    size_t snapshots = v03_snapshots_at(listing, time), segments = v03_segments_at(listing, time);
    if (snapshots == 0)
        return false;
    const struct snapshot *snapshot = listing->snapshots[snapshots - 1];
    *ret_point = snapshot->object.modified;
    if (segments && listing->segments[segments - 1]->index >= snapshot->index &&
        listing->times[segments - 1] > *ret_point)
        *ret_point = listing->times[segments - 1];
    return true;
}
