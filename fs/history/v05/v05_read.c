/* Reading a v0.5 state: each page from the newest file of its plan that holds it; a page that none holds is
 * zeros (the lock page is never stored). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "ltx_image.h"
#include "ltx_verdict.h"
#include "v05_state.h"

#define PARALLEL_RUNS 16

static int v05_by_page_newest_first(const void *left, const void *right)
{
    const struct ltx_version *a = left, *b = right;
    if (a->page != b->page)
        return a->page < b->page ? -1 : 1;
    return (a->file < b->file) - (a->file > b->file);
}

/* Brings the chain's tables together, when the state is read for the first time. Called locked. */
static int v05_merge_locked(struct v05_state *state)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < state->plan.n_chain; i++)
        n += state->plan.chain[i]->table.n;
    state->versions = calloc(n + 1, sizeof *state->versions);
    if (!state->versions)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < state->plan.n_chain; i++)
        for (size_t j = 0; j < state->plan.chain[i]->table.n; j++)
            state->versions[n++] = (struct ltx_version){ltx_table_number(&state->plan.chain[i]->table, j),
                                                        (uint32_t)i, (uint32_t)j};
    qsort(state->versions, n, sizeof *state->versions, v05_by_page_newest_first);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || state->versions[kept - 1].page != state->versions[i].page)
            state->versions[kept++] = state->versions[i];
    state->n_versions = kept;
    state->merged = true;
    return 0;
}

static int v05_ensure_merged(struct v05_state *state)
{
    int r = 0;
    pthread_mutex_lock(&state->lock);
    if (!state->merged)
        r = v05_merge_locked(state);
    pthread_mutex_unlock(&state->lock);
    return r;
}

/* The first version of a page not before `page`. */
static size_t v05_first_version(const struct v05_state *state, uint32_t page)
{
    return ARRAY_LOWER_BOUND(state->n_versions, i, state->versions[i].page < page);
}

/* Pages of a state that stand one behind the other in one file. */
struct ltx_run {
    size_t file; /* in the chain; n_chain: the base, beyond: none, they read as zeros */
    size_t entry, n;
};

/* The place of one page; the versions from `*version` on are those of no page before it. */
static struct ltx_run v05_locate(const struct v05_state *state, uint32_t page, size_t *version)
{
    const struct plan *plan = &state->plan;
    size_t entry;

    while (*version < state->n_versions && state->versions[*version].page < page)
        ++*version;
    if (*version < state->n_versions && state->versions[*version].page == page)
        return (struct ltx_run){state->versions[*version].file, state->versions[*version].entry, 1};
    if (plan->base && ltx_table_find(&plan->base->table, page, &entry))
        return (struct ltx_run){plan->n_chain, entry, 1};
    return (struct ltx_run){plan->n_chain + 1, 0, 1};
}

static const struct ltx_file *v05_file_of(const struct v05_state *state, const struct ltx_run *run)
{
    if (run->file < state->plan.n_chain)
        return state->plan.chain[run->file];
    return run->file == state->plan.n_chain ? state->plan.base : NULL;
}

/* Runs, in the order of their pages. Owns them. */
struct ltx_runs {
    struct ltx_run *items;
    size_t n, capacity;
};

static void v05_runs_finish(struct ltx_runs *runs)
{
    free(runs->items);
}

static int v05_add_run(struct ltx_runs *runs, const struct ltx_run *run)
{
    int r = ARRAY_GROW(runs->items, runs->capacity, runs->n + 1);
    if (r == 0)
        runs->items[runs->n++] = *run;
    return r;
}

/* Where the pages [first, end) stand, counted from 1. */
static int v05_find_runs(const struct v05_state *state, uint64_t first, uint64_t end, struct ltx_runs *runs)
{
    size_t version = v05_first_version(state, (uint32_t)first);
    int r = 0;

    for (uint64_t page = first; page < end && r == 0; page++) {
        struct ltx_run place = v05_locate(state, (uint32_t)page, &version);
        struct ltx_run *last = runs->n ? &runs->items[runs->n - 1] : NULL;
        if (last && last->file == place.file &&
            (!v05_file_of(state, &place) || last->entry + last->n == place.entry))
            last->n++;
        else
            r = v05_add_run(runs, &place);
    }
    return r;
}

/* What is to be fetched for several runs: of each file one behind the other, those near each other as one. */
static int v05_join_runs(const struct v05_state *state, const struct ltx_runs *runs, struct ltx_runs *joined)
{
    _cleanup_free_ size_t *last = calloc(state->plan.n_chain + 1, sizeof *last); /* of each file, from 1 */
    int r = last ? 0 : -ENOMEM;

    for (size_t i = 0; i < runs->n && r == 0; i++) {
        const struct ltx_run *run = &runs->items[i];
        const struct ltx_file *file = v05_file_of(state, run);
        if (!file || !ltx_image_misses(file, run->entry, run->entry + run->n))
            continue;
        struct ltx_run *before = last[run->file] ? &joined->items[last[run->file] - 1] : NULL;
        if (before && ltx_image_joins(file, before->entry + before->n, run->entry)) {
            before->n = run->entry + run->n - before->entry;
        } else {
            r = v05_add_run(joined, run);
            last[run->file] = joined->n;
        }
    }
    return r;
}

/* Runs that are being fetched. */
struct ltx_runs_fetch {
    const struct v05_state *state;
    const struct ltx_run *runs;
};

static int v05_fetch_run(void *context, size_t item, struct task *task)
{
    const struct ltx_runs_fetch *fetch = context;
    const struct ltx_run *run = &fetch->runs[item];
    uint64_t page_size = fetch->state->page_size;
    int64_t n = ltx_verdict_read(v05_file_of(fetch->state, run), run->entry * page_size, run->n * page_size,
                                 NULL, task);
    return n < 0 ? (int)n : 0;
}

/* Brings into the cache, if there is room for it, what the runs lack there, all of it at once. */
static int v05_bring(const struct v05_state *state, const struct ltx_runs *runs, struct task *task)
{
    _cleanup_(v05_runs_finish) struct ltx_runs joined = {0};
    int r = v05_join_runs(state, runs, &joined);
    struct ltx_runs_fetch fetch = {state, joined.items};
    return r < 0 ? r : parallel_each(joined.n, PARALLEL_RUNS, v05_fetch_run, &fetch, task);
}

/* Reads from the runs, of which the first begins `skip` bytes before what is wanted. */
static int v05_copy(const struct v05_state *state, const struct ltx_runs *runs, size_t skip, size_t length,
                    uint8_t *bytes, struct task *task)
{
    for (size_t i = 0; i < runs->n && length; i++, skip = 0) {
        const struct ltx_run *run = &runs->items[i];
        const struct ltx_file *file = v05_file_of(state, run);
        size_t part = run->n * state->page_size - skip;
        part = part < length ? part : length;
        if (!file)
            memset(bytes, 0, part);
        int64_t n =
            file ? ltx_verdict_read(file, (uint64_t)run->entry * state->page_size + skip, part, bytes, task)
                 : (int64_t)part;
        if (n < 0)
            return (int)n;
        if ((size_t)n < part)
            return ltx_file_fail(file, EIO, task, "lacks a page that its page index tells of");
        bytes += part;
        length -= part;
    }
    return 0;
}

int v05_read_planned(struct v05_state *state, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    _cleanup_(v05_runs_finish) struct ltx_runs runs = {0};
    uint64_t first = offset / state->page_size, end = (offset + length - 1) / state->page_size + 1;
    int r = v05_ensure_merged(state);

    if (r == 0)
        r = v05_find_runs(state, first + 1, end + 1, &runs);
    if (r == 0 && (runs.n > 1 || !bytes))
        r = v05_bring(state, &runs, task);
    if (r == 0 && bytes)
        r = v05_copy(state, &runs, offset % state->page_size, length, bytes, task);
    return r;
}
