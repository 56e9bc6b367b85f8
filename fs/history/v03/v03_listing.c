/* What a generation's listing shows, and which part of it belongs to an instant.
 *
 * `litestream restore -timestamp T` takes the newest snapshot created at or before T, and the segments in the
 * order of their positions up to the first that is later than T, even where that one lies before the
 * snapshot. So a segment counts at T when it and all before it are at or before T: `times` holds that running
 * maximum. Source: Litestream v0.3.13 replica.go, SnapshotIndexAt and walSegmentMap.  *
 * Segments come all the time, and nearly always at the end: then the listings that follow each other share
 * what they have in common, and a refresh costs what is new. */
#include "v03_listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "v03/snapshot/snapshot.h"
#include "v03/wal/replay.h"
#include "v03_key.h"

/* A look may miss an object that is written while it lasts, and see a later one: so the next one lists again
 * what is this much younger than the newest object, by the store's own clock, but no more than one page. */
#define LIST_AGAIN_SPAN (300 * INSTANT_SECOND)
#define LIST_AGAIN_MOST 1000 /* segments */

/* In a WAL whose offsets may soon have more than eight digits keys do not come in the order of offsets. */
#define LONG_OFFSET (UINT64_C(1) << 31)

static void listing_free(struct generation_listing *base)
{
    struct v03_listing *listing = v03_listing_of(base);

    for (size_t i = 0; i < listing->n_snapshots; i++)
        snapshot_unref(listing->snapshots[i]);
    segment_row_unref(listing->row);
    v03_frames_unref(listing->frames);
    free(listing->snapshots);
    free(listing);
}

static void listing_cleanup(struct v03_listing **listing)
{
    v03_listing_unref(*listing);
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

int v03_list_snapshot(const struct snapshot *snapshot, struct listed_objects *objects)
{
    const struct listed_object object = {
        .index = snapshot->index, .size = snapshot->object.size, .created = snapshot->object.modified};
    return listed_objects_add(objects, &object);
}

int v03_list_segments(const struct v03_listing *listing, size_t begin, size_t end,
                      struct listed_objects *objects)
{
    int r = 0;
    for (size_t i = begin; i < end && r == 0; i++) {
        const struct segment *segment = listing->segments[i];
        const struct listed_object object = {.index = segment->index,
                                             .offset = segment->offset,
                                             .size = segment->object.size,
                                             .created = segment->object.modified};
        r = listed_objects_add(objects, &object);
    }
    return r;
}

/* --- putting one together --- */

static int v03_snapshot_compare(const void *left, const void *right)
{
    const struct snapshot *a = *(struct snapshot *const *)left, *b = *(struct snapshot *const *)right;
    if (a->object.modified != b->object.modified)
        return a->object.modified < b->object.modified ? -1 : 1;
    return (a->index < b->index) - (a->index > b->index);
}

static bool v03_same_object(const struct object *a, const struct object *b)
{
    return a->size == b->size && a->modified == b->modified && strcmp(a->key, b->key) == 0 &&
           strcmp(a->version, b->version) == 0;
}

/* The known segment that is this object, or NULL. */
static struct segment *v03_find_segment(const struct v03_listing *known, const struct object *object,
                                        uint32_t index, uint64_t offset)
{
    struct segment wanted = {.index = index, .offset = offset}, *key = &wanted, **found = NULL;

    if (known && known->n_segments)
        found = bsearch(&key, known->segments, known->n_segments, sizeof(struct segment *), segment_compare);
    return found && v03_same_object(&(*found)->object, object) ? *found : NULL;
}

static struct snapshot *v03_find_snapshot(const struct v03_listing *known, const struct object *object)
{
    for (size_t i = 0; known && i < known->n_snapshots; i++)
        if (v03_same_object(&known->snapshots[i]->object, object))
            return known->snapshots[i];
    return NULL;
}

/* What was found, in order, a reference each. */
struct listing_builder {
    struct segment **segments;
    size_t n_segments, segments_capacity;
    struct snapshot **snapshots;
    size_t n_snapshots, snapshots_capacity;
};

static void v03_builder_finish(struct listing_builder *builder)
{
    for (size_t i = 0; i < builder->n_segments; i++)
        segment_unref(builder->segments[i]);
    for (size_t i = 0; i < builder->n_snapshots; i++)
        snapshot_unref(builder->snapshots[i]);
    free(builder->segments);
    free(builder->snapshots);
}

static int v03_add_segment(struct listing_builder *builder, struct segment *known,
                           const struct object *object, uint32_t index, uint64_t offset)
{
    if (ARRAY_GROW(builder->segments, builder->segments_capacity, builder->n_segments + 1) < 0)
        return -ENOMEM;
    struct segment *segment = known ? segment_ref(known) : segment_make(object, index, offset);
    if (!segment)
        return -ENOMEM;
    builder->segments[builder->n_segments++] = segment;
    return 0;
}

static int v03_add_snapshot(struct listing_builder *builder, struct snapshot *known,
                            const struct object *object, uint32_t index)
{
    if (ARRAY_GROW(builder->snapshots, builder->snapshots_capacity, builder->n_snapshots + 1) < 0)
        return -ENOMEM;
    struct snapshot *snapshot = known ? snapshot_ref(known) : snapshot_make(object, index);
    if (!snapshot)
        return -ENOMEM;
    builder->snapshots[builder->n_snapshots++] = snapshot;
    return 0;
}

static int v03_add_object(struct listing_builder *builder, const struct v03_listing *known,
                          const struct object *object)
{
    const char *slash = strrchr(object->key, '/'), *name = slash ? slash + 1 : object->key;
    uint32_t index;
    uint64_t offset;

    if (v03_parse_segment(name, &index, &offset))
        return v03_add_segment(builder, v03_find_segment(known, object, index, offset), object, index,
                               offset);
    if (v03_parse_snapshot(name, &index))
        return v03_add_snapshot(builder, v03_find_snapshot(known, object), object, index);
    return 0; /* Junk between the objects is nobody's business. */
}

static int v03_compare_positions_and_keys(const void *left, const void *right)
{
    const struct segment *a = *(struct segment *const *)left, *b = *(struct segment *const *)right;
    int order = segment_compare(left, right);
    return order ? order : strcmp(a->object.key, b->object.key);
}

/* Two keys may spell one position (more digits than needed); the first counts. */
static void v03_drop_double_segments(struct listing_builder *builder)
{
    size_t kept = 0;
    for (size_t i = 0; i < builder->n_segments; i++) {
        if (kept && segment_compare(&builder->segments[kept - 1], &builder->segments[i]) == 0)
            segment_unref(builder->segments[i]);
        else
            builder->segments[kept++] = builder->segments[i];
    }
    builder->n_segments = kept;
}

/* Where offsets have more than eight digits, a listing after a key shows some segments before it too. */
static void v03_drop_segments_before(struct listing_builder *builder, struct segment *first)
{
    size_t n = 0;
    while (n < builder->n_segments && segment_compare(&builder->segments[n], &first) < 0)
        segment_unref(builder->segments[n++]);
    builder->n_segments -= n;
    if (n)
        memmove(builder->segments, builder->segments + n, builder->n_segments * sizeof *builder->segments);
}

static int v03_builder_make(const struct listing *found, const struct v03_listing *known,
                            struct listing_builder *builder)
{
    int r = 0;
    for (size_t i = 0; i < found->n_objects && r == 0; i++)
        r = v03_add_object(builder, known, &found->objects[i]);
    if (builder->n_segments)
        qsort(builder->segments, builder->n_segments, sizeof *builder->segments,
              v03_compare_positions_and_keys);
    if (builder->n_snapshots)
        qsort(builder->snapshots, builder->n_snapshots, sizeof *builder->snapshots, v03_snapshot_compare);
    v03_drop_double_segments(builder);
    return r;
}

size_t v03_first_to_list_again(const struct v03_listing *listing)
{
    size_t n = listing->n_segments, first;

    if (n == 0)
        return 0;
    int64_t latest = listing->times[n - 1];
    first =
        v03_segments_at(listing, latest < INT64_MIN + LIST_AGAIN_SPAN ? latest : latest - LIST_AGAIN_SPAN);
    if (first + LIST_AGAIN_MOST < n)
        first = n - LIST_AGAIN_MOST;
    if (first == n)
        first = n - 1;
    uint32_t index = listing->segments[first]->index;
    size_t last = index < UINT32_MAX ? v03_find_index(listing, index + 1) - 1 : n - 1;
    return listing->segments[last]->offset < LONG_OFFSET ? first : v03_find_index(listing, index);
}

/* Whether every known segment from number `first` on was found again: then what is known can be shared. */
static bool v03_holds_rest_of(const struct listing_builder *builder, const struct v03_listing *known,
                              size_t first)
{
    size_t at = first;
    for (size_t i = 0; i < builder->n_segments && at < known->n_segments; i++)
        at += builder->segments[i] == known->segments[at];
    return at == known->n_segments;
}

/* How many of what was found are the known segments from number `first` on, one after the other. */
static size_t v03_count_shared(const struct listing_builder *builder, const struct v03_listing *known,
                               size_t first)
{
    size_t n = 0;
    while (n < builder->n_segments && first + n < known->n_segments &&
           builder->segments[n] == known->segments[first + n])
        n++;
    return n;
}

static bool v03_same_snapshots(const struct listing_builder *builder, const struct v03_listing *known)
{
    return builder->n_snapshots == known->n_snapshots &&
           (builder->n_snapshots == 0 || memcmp(builder->snapshots, known->snapshots,
                                                builder->n_snapshots * sizeof *builder->snapshots) == 0);
}

/* The earliest and the latest time of all objects. */
static void v03_note_times(struct v03_listing *listing, const struct listing_builder *builder,
                           const struct v03_listing *known)
{
    listing->earliest_segment = known ? known->earliest_segment : INT64_MAX;
    for (size_t i = 0; i < builder->n_segments; i++)
        if (builder->segments[i]->object.modified < listing->earliest_segment)
            listing->earliest_segment = builder->segments[i]->object.modified;
    listing->earliest = listing->earliest_segment;
    listing->latest = listing->n_segments ? listing->times[listing->n_segments - 1] : INT64_MIN;
    for (size_t i = 0; i < listing->n_snapshots; i++) {
        int64_t time = listing->snapshots[i]->object.modified;
        listing->earliest = time < listing->earliest ? time : listing->earliest;
        listing->latest = time > listing->latest ? time : listing->latest;
    }
}

/* The listing that begins with the first `kept` segments of `known` (NULL: of none) and goes on with the
 * builder's, all but the first `shared`, which are known too. Takes over the builder's snapshots. */
static int v03_finish_builder(struct listing_builder *builder, size_t shared, const struct v03_listing *known,
                              size_t kept, struct v03_listing **ret_listing)
{
    _cleanup_(listing_cleanup) struct v03_listing *listing = calloc(1, sizeof *listing);

    if (!listing)
        return -ENOMEM;
    atomic_init(&listing->base.references, 1);
    listing->base.free = listing_free;
    listing->frames = known ? v03_frames_ref(known->frames) : v03_frames_make();
    if (!listing->frames)
        return -ENOMEM;
    int r = segment_row_extend(known ? known->row : NULL, kept + shared,
                               builder->segments ? builder->segments + shared : NULL,
                               builder->n_segments - shared, &listing->row);
    if (r < 0)
        return r;
    listing->segments = listing->row->segments;
    listing->times = listing->row->times;
    listing->sizes = listing->row->sizes;
    listing->n_segments = kept + builder->n_segments;
    listing->snapshots = steal_pointer(builder->snapshots);
    listing->n_snapshots = builder->n_snapshots;
    builder->n_snapshots = 0;
    v03_note_times(listing, builder, known);
    *ret_listing = steal_pointer(listing);
    return 0;
}

/* Forgets what is known of the segments: each is made anew. */
static int v03_renew_segments(struct listing_builder *builder)
{
    for (size_t i = 0; i < builder->n_segments; i++) {
        struct segment *old = builder->segments[i],
                       *fresh = segment_make(&old->object, old->index, old->offset);
        if (!fresh)
            return -ENOMEM;
        builder->segments[i] = fresh;
        segment_unref(old);
    }
    return 0;
}

int v03_listing_renew_locked(struct v03_generation *generation, const struct v03_listing *known,
                             bool segments, struct v03_listing **ret_listing)
{
    _cleanup_(v03_builder_finish) struct listing_builder builder = {0};
    int r = 0;

    for (size_t i = 0; i < known->n_segments && r == 0; i++) {
        struct segment *segment = known->segments[i];
        r = v03_add_segment(&builder, segments ? NULL : segment, &segment->object, segment->index,
                            segment->offset);
    }
    for (size_t i = 0; i < known->n_snapshots && r == 0; i++) {
        struct snapshot *snapshot = known->snapshots[i];
        r = v03_add_snapshot(&builder, snapshot, &snapshot->object, snapshot->index);
        if (r == 0 && snapshot_failure(snapshot) &&
            (r = snapshot_remake(generation, snapshot, &builder.snapshots[i])) == 0)
            snapshot_unref(snapshot);
    }
    if (r < 0)
        return r;
    return segments ? v03_finish_builder(&builder, 0, NULL, 0, ret_listing)
                    : v03_finish_builder(&builder, known->n_segments, known, 0, ret_listing);
}

int v03_listing_make(const struct listing *found, struct v03_listing *known, bool only_rest,
                     struct v03_listing **ret_listing)
{
    _cleanup_(v03_builder_finish) struct listing_builder builder = {0};
    size_t first = known && only_rest ? v03_first_to_list_again(known) : 0;
    int r = v03_builder_make(found, known, &builder);

    if (r < 0)
        return r;
    if (first)
        v03_drop_segments_before(&builder, known->segments[first]);
    if (known && !v03_holds_rest_of(&builder, known, first)) {
        if (only_rest)
            return -ESTALE;
        r = v03_renew_segments(&builder);
        return r < 0 ? r : v03_finish_builder(&builder, 0, NULL, 0, ret_listing);
    }
    size_t shared = known ? v03_count_shared(&builder, known, first) : 0;
    if (known && shared == builder.n_segments && v03_same_snapshots(&builder, known)) {
        *ret_listing = v03_listing_ref(known);
        return 0;
    }
    return v03_finish_builder(&builder, shared, known, first, ret_listing);
}
