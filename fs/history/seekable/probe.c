/* What a probe learns is a set of links: the header here says that the next one is there. That is true of
 * the bytes whether a block begins here or not, so the links of all probes are put together, and the chain
 * is what comes of following them from the first header. Where it ends before the end mark (a probe was
 * begun at a place that only looked like a block), another round goes on from where links are missing. */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"

#define PROBES_MAX 32           /* requests at once */
#define BLOCKS_A_PROBE 11       /* at least: to find a block's beginning costs half a block */
#define NANOSECONDS_A_BYTE 10   /* of a line that is worth the trouble: 100 MB/s */
#define WINDOW_MAX (640u << 10) /* bytes searched at once */
#define WINDOW_MIN (128u << 10)
#define HOP_SIZE 1024          /* bytes read of a block: they tell a false one in most cases */
#define NEAR_BLOCK (64u << 10) /* bytes: blocks smaller than that are read through, not hopped over */
#define NEAR_SIZE (128u << 10) /* bytes read through at once */
#define TRIES_MAX 8            /* places that a probe is begun at before it is given up */

struct link {
    uint64_t start, next; /* next 0: that is the end mark */
};

struct links {
    struct link *items;
    size_t n, capacity;
};

/* One probe. */
struct probe {
    uint64_t at, limit; /* where it is; where the next one begins */
    bool searches;      /* no block was found yet */
    bool exact;         /* a block begins at `at`, for certain */
    bool broken;        /* none does */
    struct links links;
};

struct probes {
    const struct probe_object *object;
    size_t window_size;
    struct links links; /* of the rounds before, by start */
    struct probe *items;
    size_t n;
};

/* A piece of the object in memory. */
struct window {
    uint8_t *bytes;
    size_t room, length;
    uint64_t begin;
    uint8_t scratch[LZ4_LOOK_SIZE];
};

void probe_chain_finish(struct probe_chain *chain)
{
    free(chain->starts);
    *chain = (struct probe_chain){0};
}

size_t probe_count(size_t blocks, uint64_t block_bytes, int64_t round_trip)
{
    /* The search takes count times half a block, the hops a round trip for each block of a probe: the sum is
     * least where both are the same. */
    double half = (double)block_bytes / 2 * NANOSECONDS_A_BYTE, hops = (double)blocks * (double)round_trip;
    size_t most = blocks / BLOCKS_A_PROBE < PROBES_MAX ? blocks / BLOCKS_A_PROBE : PROBES_MAX, count = 1;

    while (count < most && (double)count * (double)count * half < hops)
        count++;
    return count;
}

static int probe_add_link(struct links *links, uint64_t start, uint64_t next)
{
    int r = ARRAY_GROW(links->items, links->capacity, links->n + 1);
    if (r == 0)
        links->items[links->n++] = (struct link){start, next};
    return r;
}

static int probe_compare_links(const void *a, const void *b)
{
    const struct link *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static const struct link *probe_find_link(const struct links *links, uint64_t start)
{
    const struct link key = {.start = start};
    return links->n ? bsearch(&key, links->items, links->n, sizeof key, probe_compare_links) : NULL;
}

static void probe_window_finish(struct window **window)
{
    if (*window)
        free((*window)->bytes);
    free(*window);
}

static int probe_window_open(const struct probes *probes, struct window **ret_window)
{
    struct window *window = malloc(sizeof *window);
    if (!window)
        return -ENOMEM;
    window->room = probes->window_size + LZ4_LOOK_DATA;
    window->length = 0;
    window->begin = 0;
    window->bytes = malloc(window->room);
    *ret_window = window;
    return window->bytes ? 0 : -ENOMEM;
}

/* The bytes from `at` on, at least `length` of them unless the object ends before. `*ret_length` says how
 * many there are; if some have to be read, `more` are. */
static int probe_look(const struct probes *probes, struct window *window, uint64_t at, size_t length,
                      size_t more, struct task *task, const uint8_t **ret_bytes, size_t *ret_length)
{
    const struct probe_object *object = probes->object;
    uint64_t left = at < object->size ? object->size - at : 0;
    bool inside = at >= window->begin && at <= window->begin + window->length;
    size_t kept = inside ? (size_t)(window->begin + window->length - at) : 0;

    length = left < length ? (size_t)left : length;
    if (kept < length) {
        memmove(window->bytes, window->bytes + (at - window->begin) * (kept > 0), kept);
        more = more < window->room ? more : window->room;
        more = left < more ? (size_t)left : more;
        window->begin = at;
        window->length = kept;
        int r = object->read(object->context, at + kept, more - kept, window->bytes + kept, task);
        if (r < 0) {
            window->length = 0;
            return r;
        }
        window->length = kept = more;
    }
    *ret_bytes = window->bytes + (at - window->begin);
    *ret_length = kept;
    return 0;
}

/* Moves on to the next place that looks like a block, or to the limit. */
static int probe_search(const struct probes *probes, struct probe *probe, struct window *window,
                        struct task *task)
{
    const uint8_t *bytes;
    size_t length;

    while (probe->at < probe->limit && probe->at < probes->object->size) {
        int r = probe_look(probes, window, probe->at, LZ4_LOOK_DATA, window->room, task, &bytes, &length);
        if (r < 0)
            return r;
        bool ends = probe->at + length == probes->object->size;
        size_t limit = ends ? length : length - LZ4_LOOK_DATA + 1;
        size_t found = lz4_block_search(&probes->object->frame, bytes, length, limit, window->scratch);
        probe->at += found;
        probe->searches = found == limit;
        if (!probe->searches)
            return 0;
    }
    return 0;
}

/* Whether a block that ends at `end` would be the frame's last, and the object hold nothing else. */
static bool probe_is_tail(const struct probe_object *object, uint64_t end)
{
    return end <= object->size && object->size - end == lz4_frame_tail(&object->frame);
}

/* Takes in the header at the probe's place and moves on to the next one. */
static int probe_hop(const struct probes *probes, struct probe *probe, struct window *window, size_t more,
                     struct task *task)
{
    const struct probe_object *object = probes->object;
    struct lz4_block block;
    const uint8_t *bytes;
    size_t length;
    int r = probe_look(probes, window, probe->at, LZ4_BLOCK_HEADER_SIZE, more, task, &bytes, &length);

    if (r < 0)
        return r;
    probe->broken = length < LZ4_BLOCK_HEADER_SIZE || lz4_block_parse(&object->frame, bytes, &block) < 0;
    if (!probe->broken && block.end)
        probe->broken = !probe_is_tail(object, probe->at);
    else if (!probe->broken && !probe->exact)
        probe->broken = !lz4_block_looks(&object->frame, bytes, length, window->scratch) &&
                        !probe_is_tail(object, probe->at + block.span);
    if (probe->broken)
        return 0;
    r = probe_add_link(&probe->links, probe->at, block.end ? 0 : probe->at + block.span);
    probe->at = block.end ? UINT64_MAX : probe->at + block.span;
    return r;
}

/* Hops until the next probe's part is reached, or a place whose link is known. */
static int probe_run_on(const struct probes *probes, struct probe *probe, struct window *window,
                        struct task *task)
{
    uint64_t span = UINT64_MAX;
    int r = 0;

    while (r == 0 && !probe->broken && probe->at < probe->limit &&
           !probe_find_link(&probes->links, probe->at)) {
        uint64_t before = probe->at;
        r = probe_hop(probes, probe, window, span < NEAR_BLOCK ? NEAR_SIZE : HOP_SIZE, task);
        span = probe->at - before;
    }
    return r;
}

/* Searches a beginning and follows it. One that breaks was none, and the search goes on behind it. */
static int probe_run(void *context, size_t item, struct task *task)
{
    struct probes *probes = context;
    struct probe *probe = &probes->items[item];
    _cleanup_(probe_window_finish) struct window *window = NULL;
    int r = probe_window_open(probes, &window);

    for (int tries = 0; r == 0 && probe->searches && tries < TRIES_MAX; tries++) {
        if ((r = probe_search(probes, probe, window, task)) < 0 || probe->searches)
            return r;
        uint64_t found = probe->at;
        size_t before = probe->links.n;
        r = probe_run_on(probes, probe, window, task);
        if (probe->broken) {
            probe->at = (probe->links.n - before > 1 ? probe->at : found) + 1;
            probe->searches = true;
            probe->broken = false;
        }
    }
    return r < 0 ? r : probe->searches ? 0 : probe_run_on(probes, probe, window, task);
}

/* Puts the links of the round to the others. */
static int probe_gather(struct probes *probes)
{
    int r = 0;

    for (size_t i = 0; i < probes->n; i++) {
        struct links *links = &probes->items[i].links;
        for (size_t k = 0; k < links->n && r == 0; k++)
            r = probe_add_link(&probes->links, links->items[k].start, links->items[k].next);
        free(links->items);
        *links = (struct links){0};
    }
    if (probes->links.n)
        qsort(probes->links.items, probes->links.n, sizeof *probes->links.items, probe_compare_links);
    return r;
}

/* Follows the links from where the chain ends by now. Each leads onward, so it comes to an end. */
static int probe_extend(const struct probes *probes, uint64_t first, struct probe_chain *chain)
{
    const struct link *link;

    for (;;) {
        uint64_t at = chain->n_starts ? chain->starts[chain->n_starts - 1] : first;
        if (!(link = probe_find_link(&probes->links, at)))
            return 0;
        if (link->next == 0) {
            chain->complete = true;
            return 0;
        }
        int r = ARRAY_GROW(chain->starts, chain->capacity, chain->n_starts + 1);
        if (r < 0)
            return r;
        chain->starts[chain->n_starts++] = link->next;
    }
}

/* Where a probe ended that leads into another's part without meeting it, the next round goes on; so it does,
 * first of all, from where the chain ends. */
static void probe_prepare(struct probes *probes, uint64_t end, uint64_t part)
{
    size_t n = 1;

    for (size_t i = 1; i < probes->n; i++) {
        const struct probe *probe = &probes->items[i];
        if (!probe->broken && !probe->searches && probe->at < probes->object->size && probe->at != end &&
            !probe_find_link(&probes->links, probe->at))
            probes->items[n++] = (struct probe){.at = probe->at, .limit = probe->at + part};
    }
    probes->items[0] = (struct probe){.at = end, .limit = end + part, .exact = true};
    probes->n = n;
}

int probe_follow(const struct probe_object *object, uint64_t first, size_t count, uint64_t block_bytes,
                 struct task *task, struct probe_chain *chain)
{
    uint64_t window = block_bytes / 4, part = (object->size - first) / count + 1, end = first;
    _cleanup_free_ struct probe *items = calloc(count, sizeof *items);
    struct probes probes = {.object = object, .items = items, .n = count};
    int r = items ? 0 : -ENOMEM;

    probes.window_size = window < WINDOW_MIN ? WINDOW_MIN : window < WINDOW_MAX ? (size_t)window : WINDOW_MAX;
    for (size_t i = 0; i < count && items; i++)
        items[i] = (struct probe){
            .at = first + i * part, .limit = first + (i + 1) * part, .searches = i > 0, .exact = i == 0};
    while (r == 0) {
        r = parallel_each(probes.n, PROBES_MAX, probe_run, &probes, task);
        int gathered = probe_gather(&probes);
        if (r == 0 && (r = gathered) == 0)
            r = probe_extend(&probes, first, chain);
        uint64_t reached = chain->n_starts ? chain->starts[chain->n_starts - 1] : first;
        if (r < 0 || chain->complete || reached == end)
            break;
        end = reached;
        probe_prepare(&probes, end, part);
    }
    free(probes.links.items);
    return r;
}
