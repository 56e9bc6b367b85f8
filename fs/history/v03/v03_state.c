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
#include "v03/wal/chain.h"
#include "v03_key.h"
#include "v03_listing.h"

struct v03_state {
    struct state base;
    struct v03_listing *listing; /* a reference: keeps the chain's snapshot and segments */
    struct chain chain;
};

/* Pages that follow each other, and whose bytes stand one behind the other in one place: one read gets them.
 */
struct v03_page_run {
    enum { FROM_ZEROS, FROM_SNAPSHOT, FROM_WAL } kind;
    struct wal_position at; /* of the first one's frame, in a WAL */
    size_t length;          /* bytes that are to be read of them */
};

/* Whether a page that was written in WAL `index` was cut off before the state's last WAL. */
static bool v03_was_cut(const struct chain *chain, uint32_t page, uint32_t index)
{
    for (size_t i = chain->n_shrinks; i > 0 && chain->shrinks[i - 1].index >= index; i--)
        if (chain->shrinks[i - 1].pages < page)
            return true;
    return false;
}

/* Where one page is; the frames are locked for reading. */
static struct v03_page_run v03_page_find_locked(const struct v03_state *state, uint32_t page)
{
    const struct chain *chain = &state->chain;
    const struct wal_position first = {chain->snapshot->index, 0};
    struct wal_position at = first;
    bool found = versions_find(&state->listing->frames->versions, page, first, chain->last, &at);

    if (v03_was_cut(chain, page, at.index))
        return (struct v03_page_run){.kind = FROM_ZEROS};
    return (struct v03_page_run){.kind = found ? FROM_WAL : FROM_SNAPSHOT, .at = at};
}

/* Whether the page that is `n` pages behind the run's first one belongs to it. */
static bool v03_run_goes_on(const struct v03_page_run *run, const struct v03_page_run *next, uint64_t n)
{
    return next->kind == run->kind && (run->kind != FROM_WAL || (next->at.index == run->at.index &&
                                                                 next->at.frame == run->at.frame + n));
}

/* The run that the bytes from `offset` on begin with. */
static struct v03_page_run v03_run_find(const struct v03_state *state, uint64_t offset, size_t length)
{
    struct v03_frames *frames = state->listing->frames;
    uint32_t page_size = state->chain.page_size;

    if (!state->chain.last.frame) /* it is the snapshot alone */
        return (struct v03_page_run){.kind = FROM_SNAPSHOT, .length = length};
    uint64_t first = offset / page_size, last = (offset + length - 1) / page_size, page = first + 1;
    pthread_rwlock_rdlock(&frames->lock);
    struct v03_page_run run = v03_page_find_locked(state, (uint32_t)first + 1);
    for (; page <= last; page++) {
        struct v03_page_run next = v03_page_find_locked(state, (uint32_t)page + 1);
        if (!v03_run_goes_on(&run, &next, page - first))
            break;
    }
    pthread_rwlock_unlock(&frames->lock);
    run.length = page * page_size - offset < length ? (size_t)(page * page_size - offset) : length;
    return run;
}

/* Reads from the snapshot; what lies behind its end was never written. */
static int v03_read_snapshot(struct v03_state *state, uint64_t offset, size_t length, uint8_t *bytes,
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

static int64_t state_v03_read(struct state *base, uint64_t offset, size_t length, void *bytes,
                              struct task *task)
{
    struct v03_state *state = (struct v03_state *)base;
    const struct chain *chain = &state->chain;
    const struct wal_reader wals = {.generation = (struct v03_generation *)base->generation,
                                    .images = &state->listing->frames->images,
                                    .segments = state->listing->segments + chain->begin,
                                    .n_segments = chain->end - chain->begin};
    int64_t r = 0;

    for (size_t done = 0; done < length && r >= 0;) {
        const struct v03_page_run run = v03_run_find(state, offset + done, length - done);
        uint8_t *to = bytes_after(bytes, done);
        if (run.kind == FROM_SNAPSHOT)
            r = v03_read_snapshot(state, offset + done, run.length, to, task);
        else if (run.kind == FROM_WAL)
            r = wal_image_read(&wals, run.at, (uint32_t)((offset + done) % chain->page_size), run.length, to,
                               task);
        else if (to)
            memset(to, 0, run.length);
        done += run.length;
    }
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
    int r = v03_list_snapshot(chain->snapshot, objects);
    return r < 0 ? r : v03_list_segments(state->listing, chain->begin, chain->end, objects);
}

static const struct state_ops v03_state_ops = {.read = state_v03_read,
                                               .check = state_v03_check,
                                               .failure = state_v03_failure,
                                               .list_objects = state_v03_list_objects,
                                               .close = state_v03_close};

static uint64_t v03_identify(const struct state *state, const struct snapshot *snapshot)
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
    state->base.identity = v03_identify(&state->base, chain->snapshot);
    state->base.inode = chain->inode;
    state->listing = v03_listing_ref(listing);
    state->chain = *chain;
    *chain = (struct chain){0};
    *ret_state = &steal_pointer(state)->base;
    return 0;
}
