/* Reading a v0.3 state: each page from the frame or the snapshot that holds its newest version.
 *
 * What `litestream restore` does to reach the same bytes: it copies the snapshot, and checkpoints one WAL
 * after the other into it. A checkpoint writes of every page the newest committed frame, and cuts the file to
 * the size of the last commit. So a page that was cut off and came back without being written reads as zeros;
 * but within one WAL nothing is cut, and the older content stays. Source: SQLite's wal.c, walCheckpoint. */
#include "v03.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/hash.h"
#include "litemount/task.h"
#include "v03/snapshot/snapshot.h"
#include "v03/snapshot/snapshot_check.h"
#include "v03/wal/chain.h"
#include "v03/wal/replay.h"
#include "v03/wal/segment.h"
#include "v03/wal/versions.h"
#include "v03/wal/wal_image.h"
#include "v03_key.h"
#include "v03_listing.h"

#define BATCH 256 /* pages that are looked up at once */

struct v03_state {
    struct state base;
    struct v03_listing *listing; /* a reference: keeps the chain's snapshot and segments */
    struct chain chain;
};

/* Where a page's bytes are. */
struct source {
    enum { FROM_ZEROS, FROM_SNAPSHOT, FROM_WAL } kind;
    struct wal_position at; /* of the frame, in a WAL */
};

/* Whether a page that was written in WAL `index` was cut off before the state's last WAL. */
static bool was_cut(const struct chain *chain, uint32_t page, uint32_t index)
{
    for (size_t i = chain->n_shrinks; i > 0 && chain->shrinks[i - 1].index >= index; i--)
        if (chain->shrinks[i - 1].pages < page)
            return true;
    return false;
}

/* Called with the frames locked for reading. */
static void locate(const struct v03_state *state, uint32_t page, struct source *ret_source)
{
    const struct versions *versions = &state->listing->frames->versions;
    const struct chain *chain = &state->chain;
    const struct wal_position first = {chain->snapshot->index, 0};
    struct wal_position at = first;
    bool found = chain->last.frame && versions_find(versions, page, first, chain->last, &at);

    *ret_source = (struct source){.kind = FROM_ZEROS};
    if (was_cut(chain, page, at.index))
        return;
    if (!found) {
        ret_source->kind = FROM_SNAPSHOT;
        return;
    }
    *ret_source = (struct source){FROM_WAL, at};
}

/* Reads from the snapshot; what lies behind its end was never written. */
static int read_snapshot(struct v03_state *state, uint64_t offset, size_t length, uint8_t *bytes,
                         struct task *task)
{
    struct v03_generation *generation = (struct v03_generation *)state->base.generation;
    bool is_exact;
    uint64_t size = snapshot_size(state->chain.snapshot, &is_exact);
    int64_t n = 0;

    if (offset < size || !is_exact)
        n = snapshot_read(generation, state->chain.snapshot, offset, length, bytes, task);
    if (n < 0)
        return (int)n;
    if (bytes && offset < size && (uint64_t)n < length && (uint64_t)n < size - offset)
        return snapshot_fail(generation, state->chain.snapshot, offset + (uint64_t)n, task,
                             "it lacks pages that its header tells of");
    if (bytes)
        memset(bytes + n, 0, length - (size_t)n);
    return 0;
}

/* How many bytes from `offset` on, at most `length`, lie in the pages `first` to `last` (counted from 0). */
static size_t bytes_within(uint64_t offset, size_t length, uint64_t last, uint32_t page_size)
{
    uint64_t end = (last + 1) * page_size;
    return end - offset < length ? (size_t)(end - offset) : length;
}

/* Whether the next source's bytes stand right behind this one's, so that one read gets both. */
static bool goes_on(const struct source *source, const struct source *next)
{
    if (source->kind != next->kind)
        return false;
    return source->kind != FROM_WAL ||
           (source->at.index == next->at.index && source->at.frame + 1 == next->at.frame);
}

/* One read of a state under way. */
struct reading {
    struct v03_state *state;
    struct wal_reader wals;
    uint64_t offset; /* of what is to be read next */
    size_t length;   /* bytes that are left */
    uint8_t *bytes;  /* where they go, or NULL */
};

static void reading_finish(struct reading *reading)
{
    wal_reader_finish(&reading->wals);
}

/* Reads the bytes up to the end of page `last` (counted from 0), which stand together at `source`. */
static int read_run(struct reading *reading, const struct source *source, uint64_t last, struct task *task)
{
    uint32_t page_size = reading->state->chain.page_size;
    size_t part = bytes_within(reading->offset, reading->length, last, page_size);
    int64_t r = 0;

    if (source->kind == FROM_SNAPSHOT)
        r = read_snapshot(reading->state, reading->offset, part, reading->bytes, task);
    else if (source->kind == FROM_WAL)
        r = wal_reader_read(&reading->wals, source->at, (uint32_t)(reading->offset % page_size), part,
                            reading->bytes, task);
    else if (reading->bytes)
        memset(reading->bytes, 0, part);
    if (r < 0)
        return (int)r;
    reading->offset += part;
    reading->bytes = bytes_after(reading->bytes, part);
    reading->length -= part;
    return 0;
}

/* Looks up the next pages, and reads them. */
static int read_batch(struct reading *reading, struct task *task)
{
    struct v03_frames *frames = reading->state->listing->frames;
    struct source sources[BATCH];
    uint32_t page_size = reading->state->chain.page_size;
    uint64_t first = reading->offset / page_size, last = (reading->offset + reading->length - 1) / page_size;
    size_t n = last - first + 1 < BATCH ? (size_t)(last - first + 1) : BATCH;
    int r = 0;

    pthread_rwlock_rdlock(&frames->lock);
    for (size_t i = 0; i < n; i++)
        locate(reading->state, (uint32_t)(first + i + 1), &sources[i]);
    pthread_rwlock_unlock(&frames->lock);
    for (size_t i = 0, end; i < n && r == 0; i = end) {
        for (end = i + 1; end < n && goes_on(&sources[end - 1], &sources[end]);)
            end++;
        r = read_run(reading, &sources[i], first + end - 1, task);
    }
    return r;
}

static int64_t read_pages(struct v03_state *state, uint64_t offset, size_t length, uint8_t *bytes,
                          struct task *task)
{
    const struct chain *chain = &state->chain;
    _cleanup_(reading_finish) struct reading reading = {
        .state = state,
        .wals = {.generation = (struct v03_generation *)state->base.generation,
                 .segments = state->listing->segments + chain->begin,
                 .n_segments = chain->end - chain->begin},
        .offset = offset,
        .length = length,
        .bytes = bytes,
    };
    int r = 0;

    while (reading.length && r == 0)
        r = read_batch(&reading, task);
    return r < 0 ? r : (int64_t)length;
}

static int64_t state_v03_read(struct state *base, uint64_t offset, size_t length, void *bytes,
                              struct task *task)
{
    struct v03_state *state = (struct v03_state *)base;
    if (state->chain.last.frame)
        return read_pages(state, offset, length, bytes, task);
    int r = read_snapshot(state, offset, length, bytes, task);
    return r < 0 ? r : (int64_t)length;
}

static int state_v03_check(struct state *base, struct task *task)
{
    struct v03_generation *generation = (struct v03_generation *)base->generation;
    return snapshot_check_rest(generation, ((struct v03_state *)base)->chain.snapshot, task);
}

static void state_v03_close(struct state *base)
{
    struct v03_state *state = (struct v03_state *)base;
    chain_finish(&state->chain);
    v03_listing_unref(state->listing);
    free(state);
}

static const char *state_v03_failure(const struct state *base)
{
    return snapshot_failure(((const struct v03_state *)base)->chain.snapshot);
}

static int state_v03_list_objects(const struct state *base, struct listed_objects *objects)
{
    const struct v03_state *state = (const struct v03_state *)base;
    const struct chain *chain = &state->chain;
    const struct snapshot *snapshot = chain->snapshot;
    struct listed_object object = {
        .index = snapshot->index, .size = snapshot->object.size, .created = snapshot->object.modified};
    int r = listed_objects_add(objects, &object);

    for (size_t i = chain->begin; i < chain->end && r == 0; i++) {
        const struct segment *segment = state->listing->segments[i];
        object = (struct listed_object){.index = segment->index,
                                        .offset = segment->offset,
                                        .size = segment->object.size,
                                        .created = segment->object.modified};
        r = listed_objects_add(objects, &object);
    }
    return r;
}

static const struct state_ops v03_state_ops = {.read = state_v03_read,
                                               .check = state_v03_check,
                                               .failure = state_v03_failure,
                                               .list_objects = state_v03_list_objects,
                                               .close = state_v03_close};

static uint64_t identify(const struct state *state, const struct snapshot *snapshot)
{
    char numbers[64];
    uint64_t hash = hash_text(HASH_START, state->replica);
    hash = hash_text(hash, state->generation->name);
    hash = hash_text(hash, snapshot->object.key);
    hash = hash_text(hash, snapshot->object.version);
    hash = hash_text(hash, state->position);
    snprintf(numbers, sizeof numbers, "%lld %llu %u", (long long)state->time,
             (unsigned long long)state->source_size, snapshot->attempt);
    return hash_text(hash, numbers);
}

int v03_state_make(struct v03_generation *generation, struct v03_listing *listing, struct chain *chain,
                   struct state **ret_state)
{
    _cleanup_free_ struct v03_state *state = calloc(1, sizeof *state);
    _cleanup_free_ char *position = malloc(V03_POSITION_SIZE);

    if (!state || !position)
        return -ENOMEM;
    v03_format_position(chain->position, chain->page_size, position);
    state_init(&state->base, &v03_state_ops, &generation->base);
    state->base.size = chain_size(chain);
    state->base.source_size = chain->source_size;
    state->base.time = chain->time;
    state->base.replica = replica_url(generation->replica);
    state->base.position = steal_pointer(position);
    state->base.gap = steal_pointer(chain->gap);
    state->base.mixture = steal_pointer(chain->mixture);
    state->base.identity = identify(&state->base, chain->snapshot);
    state->base.inode = chain->inode;
    state->listing = v03_listing_ref(listing);
    state->chain = *chain;
    *chain = (struct chain){0};
    *ret_state = &steal_pointer(state)->base;
    return 0;
}
