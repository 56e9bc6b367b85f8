/* What a generation's listing shows, and which part of it belongs to an instant.
 *
 * `litestream restore -timestamp T` takes the newest snapshot created at or before T, and the segments in the
 * order of their positions up to the first that is later than T, even where that one lies before the
 * snapshot. So a segment counts at T when it and all before it are at or before T: `times` holds that running
 * maximum. Source: Litestream v0.3.13 replica.go, SnapshotIndexAt and walSegmentMap. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "v03.h"

static struct v03_frames *frames_make(void)
{
    struct v03_frames *frames = calloc(1, sizeof *frames);
    if (frames)
        atomic_init(&frames->references, 1);
    return frames;
}

static struct v03_frames *frames_ref(struct v03_frames *frames)
{
    atomic_fetch_add(&frames->references, 1);
    return frames;
}

static void frames_unref(struct v03_frames *frames)
{
    if (!frames || atomic_fetch_sub(&frames->references, 1) != 1)
        return;
    versions_finish(&frames->versions);
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
    for (size_t i = 0; i < listing->n_segments; i++)
        segment_unref(listing->segments[i]);
    for (size_t i = 0; i < listing->n_snapshots; i++)
        snapshot_unref(listing->snapshots[i]);
    frames_unref(listing->frames);
    free(listing->segments);
    free(listing->snapshots);
    free(listing->times);
    free(listing);
}

static int segment_compare(const void *left, const void *right)
{
    const struct segment *a = *(struct segment *const *)left, *b = *(struct segment *const *)right;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int snapshot_compare(const void *left, const void *right)
{
    const struct snapshot *a = *(struct snapshot *const *)left, *b = *(struct snapshot *const *)right;
    if (a->object.modified != b->object.modified)
        return a->object.modified < b->object.modified ? -1 : 1;
    return (a->index < b->index) - (a->index > b->index);
}

static bool same_object(const struct object *a, const struct object *b)
{
    return a->size == b->size && a->modified == b->modified && strcmp(a->key, b->key) == 0 &&
           strcmp(a->version, b->version) == 0;
}

static struct segment *find_segment(const struct v03_listing *known, const struct object *object,
                                    uint32_t index, uint64_t offset)
{
    struct segment wanted = {.index = index, .offset = offset}, *key = &wanted, **found = NULL;

    if (known && known->n_segments)
        found = bsearch(&key, known->segments, known->n_segments, sizeof(struct segment *), segment_compare);
    return found && same_object(&(*found)->object, object) ? *found : NULL;
}

static struct snapshot *find_or_make_snapshot(const struct v03_listing *known, const struct object *object,
                                              uint32_t index)
{
    for (size_t i = 0; known && i < known->n_snapshots; i++)
        if (same_object(&known->snapshots[i]->object, object))
            return snapshot_ref(known->snapshots[i]);
    return snapshot_make(object, index);
}

/* A listing that is being put together. */
struct draft {
    struct v03_listing *listing;
    const struct v03_listing *known; /* the one before, or NULL */
    size_t segments_capacity, snapshots_capacity;
    bool renew; /* its segments are not to be taken over */
};

static int add_segment(struct draft *draft, struct segment *segment)
{
    struct v03_listing *listing = draft->listing;
    if (!segment)
        return -ENOMEM;
    int r = ARRAY_GROW(listing->segments, draft->segments_capacity, listing->n_segments + 1);
    if (r < 0) {
        segment_unref(segment);
        return r;
    }
    listing->segments[listing->n_segments++] = segment;
    return 0;
}

static int add_snapshot(struct draft *draft, struct snapshot *snapshot)
{
    struct v03_listing *listing = draft->listing;
    if (!snapshot)
        return -ENOMEM;
    int r = ARRAY_GROW(listing->snapshots, draft->snapshots_capacity, listing->n_snapshots + 1);
    if (r < 0) {
        snapshot_unref(snapshot);
        return r;
    }
    listing->snapshots[listing->n_snapshots++] = snapshot;
    return 0;
}

static int add_object(struct draft *draft, const struct object *object)
{
    const char *slash = strrchr(object->key, '/'), *name = slash ? slash + 1 : object->key;
    struct segment *segment;
    uint32_t index;
    uint64_t offset;

    if (v03_parse_segment(name, &index, &offset)) {
        segment = draft->renew ? NULL : find_segment(draft->known, object, index, offset);
        return add_segment(draft, segment ? segment_ref(segment) : segment_make(object, index, offset));
    }
    if (v03_parse_snapshot(name, &index))
        return add_snapshot(draft, find_or_make_snapshot(draft->known, object, index));
    return 0; /* Junk between the objects is nobody's business. */
}

/* Two keys may spell one position (more digits than needed); the first counts. */
static void drop_double_segments(struct v03_listing *listing)
{
    size_t kept = 0;
    for (size_t i = 0; i < listing->n_segments; i++) {
        if (kept && segment_compare(&listing->segments[kept - 1], &listing->segments[i]) == 0)
            segment_unref(listing->segments[i]);
        else
            listing->segments[kept++] = listing->segments[i];
    }
    listing->n_segments = kept;
}

static void note_time(struct v03_listing *listing, int64_t time)
{
    if (time < listing->earliest)
        listing->earliest = time;
    if (time > listing->latest)
        listing->latest = time;
}

static int order(struct v03_listing *listing)
{
    int64_t latest = INT64_MIN;

    if (listing->n_segments)
        qsort(listing->segments, listing->n_segments, sizeof *listing->segments, segment_compare);
    if (listing->n_snapshots)
        qsort(listing->snapshots, listing->n_snapshots, sizeof *listing->snapshots, snapshot_compare);
    drop_double_segments(listing);
    listing->times = calloc(listing->n_segments + 1, sizeof *listing->times);
    if (!listing->times)
        return -ENOMEM;
    for (size_t i = 0; i < listing->n_segments; i++) {
        int64_t time = listing->segments[i]->object.modified;
        latest = time > latest ? time : latest;
        listing->times[i] = latest;
        note_time(listing, time);
    }
    for (size_t i = 0; i < listing->n_snapshots; i++)
        note_time(listing, listing->snapshots[i]->object.modified);
    return 0;
}

static void unref_listing(struct v03_listing **listing)
{
    v03_listing_unref(*listing);
}

/* Whether every known segment from number `first` on is still there: then what is known can be shared. */
static bool holds_rest_of(const struct listing *found, const struct v03_listing *known, size_t first)
{
    size_t n = 0;
    for (size_t i = 0; i < found->n_objects; i++) {
        const char *slash = strrchr(found->objects[i].key, '/');
        uint32_t index;
        uint64_t offset;
        if (v03_parse_segment(slash ? slash + 1 : found->objects[i].key, &index, &offset))
            n += find_segment(known, &found->objects[i], index, offset) != NULL;
    }
    return n == known->n_segments - first;
}

/* A look may miss the end of a WAL whose successor it saw already; the next one must not. */
uint32_t v03_index_to_list_again(const struct v03_listing *listing)
{
    uint32_t last = listing->segments[listing->n_segments - 1]->index;
    size_t first = v03_find_index(listing, last);
    return first ? listing->segments[first - 1]->index : last;
}

int v03_listing_make(const struct listing *found, const struct v03_listing *known, bool only_rest,
                     struct v03_listing **ret_listing)
{
    _cleanup_(unref_listing) struct v03_listing *listing = calloc(1, sizeof *listing);
    struct draft draft = {.listing = listing, .known = known};
    size_t kept = 0;
    int r = 0;

    if (!listing)
        return -ENOMEM;
    atomic_init(&listing->references, 1);
    listing->earliest = INT64_MAX;
    listing->latest = INT64_MIN;
    if (known && only_rest)
        kept = v03_find_index(known, v03_index_to_list_again(known));
    draft.renew = known && !holds_rest_of(found, known, kept);
    if (draft.renew && only_rest)
        return -ESTALE;
    listing->frames = known && !draft.renew ? frames_ref(known->frames) : frames_make();
    if (!listing->frames)
        return -ENOMEM;
    for (size_t i = 0; i < kept && r == 0; i++)
        r = add_segment(&draft, segment_ref(known->segments[i]));
    for (size_t i = 0; i < found->n_objects && r == 0; i++)
        r = add_object(&draft, &found->objects[i]);
    if (r == 0)
        r = order(listing);
    if (r < 0)
        return r;
    *ret_listing = steal_pointer(listing);
    return 0;
}

size_t v03_segments_at(const struct v03_listing *listing, int64_t time)
{
    size_t low = 0, high = listing->n_segments;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listing->times[middle] <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t v03_snapshots_at(const struct v03_listing *listing, int64_t time)
{
    size_t low = 0, high = listing->n_snapshots;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listing->snapshots[middle]->object.modified <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t v03_find_index(const struct v03_listing *listing, uint32_t index)
{
    size_t low = 0, high = listing->n_segments;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listing->segments[middle]->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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
