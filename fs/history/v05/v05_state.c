/* Reading a v0.5 state: each page from the newest file of its plan that holds it; a page that none holds is
 * zeros (the lock page is never stored). */
#include "v05_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/hash.h"

/* Where the newest version of a page above the base stands. */
struct ltx_version {
    uint32_t page;
    uint32_t file; /* in the chain */
    size_t entry;  /* in that file's index */
};

struct v05_state {
    struct state base;
    struct v05_listing *listing; /* a reference: keeps the plan's files */
    struct plan plan;
    uint32_t page_size;

    pthread_mutex_t lock; /* guards what is below until `merged`; it never changes after that */
    bool merged;
    struct ltx_version *versions; /* by page; only pages that the chain holds */
    size_t n_versions;
};

static int by_page_newest_first(const void *left, const void *right)
{
    const struct ltx_version *a = left, *b = right;
    if (a->page != b->page)
        return a->page < b->page ? -1 : 1;
    return (a->file < b->file) - (a->file > b->file);
}

/* Brings the chain's indexes together, when the state is read for the first time. Called locked. */
static int merge(struct v05_state *state)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < state->plan.n_chain; i++)
        n += state->plan.chain[i]->index.n;
    state->versions = calloc(n + 1, sizeof *state->versions);
    if (!state->versions)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < state->plan.n_chain; i++)
        for (size_t j = 0; j < state->plan.chain[i]->index.n; j++)
            state->versions[n++] =
                (struct ltx_version){state->plan.chain[i]->index.pages[j].number, (uint32_t)i, j};
    qsort(state->versions, n, sizeof *state->versions, by_page_newest_first);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || state->versions[kept - 1].page != state->versions[i].page)
            state->versions[kept++] = state->versions[i];
    state->n_versions = kept;
    state->merged = true;
    return 0;
}

static int ensure_merged(struct v05_state *state)
{
    int r = 0;
    pthread_mutex_lock(&state->lock);
    if (!state->merged)
        r = merge(state);
    pthread_mutex_unlock(&state->lock);
    return r;
}

/* A page's place. */
struct place {
    struct ltx_file *file; /* NULL: it reads as zeros */
    size_t entry;
};

static bool find_in_base(const struct ltx_file *base, uint32_t page, size_t *ret_entry)
{
    const struct ltx_index *index = &base->index;
    size_t low = 0, high = index->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->pages[middle].number < page)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_entry = low;
    return low < index->n && index->pages[low].number == page;
}

static struct place locate(const struct v05_state *state, uint32_t page)
{
    size_t low = 0, high = state->n_versions, entry;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (state->versions[middle].page < page)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < state->n_versions && state->versions[low].page == page)
        return (struct place){state->plan.chain[state->versions[low].file], state->versions[low].entry};
    if (state->plan.base && find_in_base(state->plan.base, page, &entry))
        return (struct place){state->plan.base, entry};
    return (struct place){0};
}

/* How many pages from `page` on, at most `most`, stand one behind the other in the same file's image. */
static size_t count_run(const struct v05_state *state, uint32_t page, size_t most, const struct place *first)
{
    size_t n = 1;
    while (n < most) {
        struct place next = locate(state, page + (uint32_t)n);
        if (next.file != first->file || (next.file && next.entry != first->entry + n))
            break;
        n++;
    }
    return n;
}

static int64_t state_v05_read(struct state *base, uint64_t offset, size_t length, void *bytes,
                              struct task *task)
{
    struct v05_state *state = (struct v05_state *)base;
    struct v05_generation *generation = (struct v05_generation *)base->generation;
    uint32_t page_size = state->page_size;
    int64_t n = ensure_merged(state);
    size_t done = 0;

    while (done < length && n >= 0) {
        uint64_t at = offset + done, page = at / page_size, last = (offset + length - 1) / page_size;
        uint32_t within = (uint32_t)(at % page_size);
        struct place place = locate(state, (uint32_t)page + 1);
        size_t run = count_run(state, (uint32_t)page + 1, (size_t)(last - page + 1), &place);
        size_t part = run * page_size - within;
        part = part < length - done ? part : length - done;
        if (place.file)
            n = ltx_image_read(generation, place.file, place.entry, within, part, bytes_after(bytes, done),
                               task);
        else if (bytes)
            memset(bytes_after(bytes, done), 0, part);
        if (place.file && n >= 0 && (size_t)n < part)
            n = -EIO;
        done += part;
    }
    return n < 0 ? n : (int64_t)length;
}

static void state_v05_close(struct state *base)
{
    struct v05_state *state = (struct v05_state *)base;
    plan_finish(&state->plan);
    v05_listing_unref(state->listing);
    pthread_mutex_destroy(&state->lock);
    free(state->versions);
    free(state);
}

static const struct state_ops v05_state_ops = {.read = state_v05_read, .close = state_v05_close};

static uint64_t identify(const struct state *state, const struct plan *plan)
{
    const struct object *object = &(plan->base ? plan->base : plan->chain[0])->object;
    char time[32];
    uint64_t hash = hash_text(HASH_START, state->replica);
    hash = hash_text(hash, object->key);
    hash = hash_text(hash, object->version);
    hash = hash_text(hash, state->position);
    hash = hash_text(hash, state->gap ? state->gap : "");
    snprintf(time, sizeof time, "%" PRId64, state->time);
    return hash_text(hash, time);
}

/* Whether all files have pages of one size. */
static bool fit(const struct plan *plan)
{
    uint32_t page_size = plan_last(plan)->header.page_size;
    for (size_t i = 0; i < plan->n_chain; i++)
        if (plan->chain[i]->header.page_size != page_size)
            return false;
    return !plan->base || plan->base->header.page_size == page_size;
}

static uint64_t source_size(const struct plan *plan)
{
    uint64_t size = plan->base ? plan->base->object.size : 0;
    for (size_t i = 0; i < plan->n_chain; i++)
        size += plan->chain[i]->object.size;
    return size;
}

int v05_state_make(struct v05_generation *generation, struct v05_listing *listing, struct plan *plan,
                   int64_t time, char **gap, struct state **ret_state)
{
    const struct ltx_header *last = &plan_last(plan)->header;
    _cleanup_free_ struct v05_state *state = calloc(1, sizeof *state);
    _cleanup_free_ char *position = NULL;

    if (!fit(plan))
        return -EBADMSG;
    if (!state || asprintf(&position, "%016" PRIx64, plan->txid) < 0)
        return -ENOMEM;
    state_init(&state->base, &v05_state_ops, &generation->base);
    state->base.size = (uint64_t)last->commit * last->page_size;
    state->base.source_size = source_size(plan);
    state->base.time = time;
    state->base.replica = replica_url(generation->replica);
    state->base.position = steal_pointer(position);
    state->base.gap = steal_pointer(*gap);
    state->base.identity = identify(&state->base, plan);
    state->page_size = last->page_size;
    pthread_mutex_init(&state->lock, NULL);
    state->listing = v05_listing_ref(listing);
    state->plan = *plan;
    *plan = (struct plan){0};
    *ret_state = &steal_pointer(state)->base;
    return 0;
}
