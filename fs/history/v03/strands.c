/* What a strand learns is a set of links: the header here says that the next one is there. That is true of
 * the bytes whether a block begins here or not, so the links of all strands are put together, and the chain
 * is what comes of following them from the first header. Where it ends before the end mark (a strand was
 * begun at a place that only looked like a block), another round goes on from where links are missing. */
#include "strands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"

#define STRANDS_MAX 32          /* requests at once */
#define BLOCKS_A_STRAND 10      /* at least: to find a block's beginning costs half a block */
#define NANOSECONDS_A_BYTE 10   /* of a line that is worth the trouble: 100 MB/s */
#define WINDOW_MAX (512u << 10) /* bytes searched at once */
#define WINDOW_MIN (128u << 10)
#define HOP_SIZE 1024          /* bytes read of a block: they tell a false one in most cases */
#define NEAR_BLOCK (64u << 10) /* bytes: blocks smaller than that are read through, not hopped over */
#define NEAR_SIZE (128u << 10) /* bytes read through at once */
#define TRIES_MAX 8            /* places that a strand is begun at before it is given up */

struct link {
    uint64_t start, next; /* next 0: that is the end mark */
};

struct links {
    struct link *items;
    size_t n, capacity;
};

/* One strand. */
struct strand {
    uint64_t at, limit; /* where it is; where the next one begins */
    bool searches;      /* no block was found yet */
    bool exact;         /* a block begins at `at`, for certain */
    bool broken;        /* none does */
    struct links links;
};

struct strands {
    const struct strands_object *object;
    size_t window_size;
    struct links links; /* of the rounds before, by start */
    struct strand *items;
    size_t n;
};

/* A piece of the object in memory. */
struct window {
    uint8_t *bytes;
    size_t room, length;
    uint64_t begin;
    uint8_t scratch[LZ4_LOOK_SIZE];
};

void strands_chain_finish(struct strands_chain *chain)
{
    free(chain->starts);
    *chain = (struct strands_chain){0};
}

size_t strands_count(size_t blocks, uint64_t block_bytes, int64_t round_trip)
{
    /* The search takes count times half a block, the hops a round trip for each block of a strand: the sum is
     * least where both are the same. */
    double half = (double)block_bytes / 2 * NANOSECONDS_A_BYTE, hops = (double)blocks * (double)round_trip;
    size_t most = blocks / BLOCKS_A_STRAND < STRANDS_MAX ? blocks / BLOCKS_A_STRAND : STRANDS_MAX, count = 1;

    while (count < most && (double)count * (double)count * half < hops)
        count++;
    return count;
}

static int add_link(struct links *links, uint64_t start, uint64_t next)
{
    int r = ARRAY_GROW(links->items, links->capacity, links->n + 1);
    if (r == 0)
        links->items[links->n++] = (struct link){start, next};
    return r;
}

static int compare_links(const void *a, const void *b)
{
    const struct link *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static const struct link *find_link(const struct links *links, uint64_t start)
{
    const struct link key = {.start = start};
    return links->n ? bsearch(&key, links->items, links->n, sizeof key, compare_links) : NULL;
}

static void window_finish(struct window **window)
{
    if (*window)
        free((*window)->bytes);
    free(*window);
}

static int window_open(const struct strands *strands, struct window **ret_window)
{
    struct window *window = malloc(sizeof *window);
    if (!window)
        return -ENOMEM;
    window->room = strands->window_size + LZ4_LOOK_DATA;
    window->length = 0;
    window->begin = 0;
    window->bytes = malloc(window->room);
    *ret_window = window;
    return window->bytes ? 0 : -ENOMEM;
}

/* The bytes from `at` on, at least `length` of them unless the object ends before. `*ret_length` says how
 * many there are; if some have to be read, `more` are. */
static int look(const struct strands *strands, struct window *window, uint64_t at, size_t length, size_t more,
                struct task *task, const uint8_t **ret_bytes, size_t *ret_length)
{
    const struct strands_object *object = strands->object;
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
static int search(const struct strands *strands, struct strand *strand, struct window *window,
                  struct task *task)
{
    const uint8_t *bytes;
    size_t length;

    while (strand->at < strand->limit && strand->at < strands->object->size) {
        int r = look(strands, window, strand->at, LZ4_LOOK_DATA, window->room, task, &bytes, &length);
        if (r < 0)
            return r;
        bool ends = strand->at + length == strands->object->size;
        size_t limit = ends ? length : length - LZ4_LOOK_DATA + 1;
        size_t found = lz4_block_search(&strands->object->frame, bytes, length, limit, window->scratch);
        strand->at += found;
        strand->searches = found == limit;
        if (!strand->searches)
            return 0;
    }
    return 0;
}

/* Whether a block that ends at `end` would be the frame's last, and the object hold nothing else. */
static bool is_tail(const struct strands_object *object, uint64_t end)
{
    return end <= object->size && object->size - end == lz4_frame_tail(&object->frame);
}

/* Takes in the header at the strand's place and moves on to the next one. */
static int hop(const struct strands *strands, struct strand *strand, struct window *window, size_t more,
               struct task *task)
{
    const struct strands_object *object = strands->object;
    struct lz4_block block;
    const uint8_t *bytes;
    size_t length;
    int r = look(strands, window, strand->at, LZ4_BLOCK_HEADER_SIZE, more, task, &bytes, &length);

    if (r < 0)
        return r;
    strand->broken = length < LZ4_BLOCK_HEADER_SIZE || lz4_block_parse(&object->frame, bytes, &block) < 0;
    if (!strand->broken && block.end)
        strand->broken = !is_tail(object, strand->at);
    else if (!strand->broken && !strand->exact)
        strand->broken = !lz4_block_looks(&object->frame, bytes, length, window->scratch) &&
                         !is_tail(object, strand->at + block.span);
    if (strand->broken)
        return 0;
    r = add_link(&strand->links, strand->at, block.end ? 0 : strand->at + block.span);
    strand->at = block.end ? UINT64_MAX : strand->at + block.span;
    return r;
}

/* Hops until the next strand's part is reached, or a place whose link is known. */
static int follow(const struct strands *strands, struct strand *strand, struct window *window,
                  struct task *task)
{
    uint64_t span = UINT64_MAX;
    int r = 0;

    while (r == 0 && !strand->broken && strand->at < strand->limit &&
           !find_link(&strands->links, strand->at)) {
        uint64_t before = strand->at;
        r = hop(strands, strand, window, span < NEAR_BLOCK ? NEAR_SIZE : HOP_SIZE, task);
        span = strand->at - before;
    }
    return r;
}

/* Searches a beginning and follows it. One that breaks was none, and the search goes on behind it. */
static int run(void *context, size_t item, struct task *task)
{
    struct strands *strands = context;
    struct strand *strand = &strands->items[item];
    _cleanup_(window_finish) struct window *window = NULL;
    int r = window_open(strands, &window);

    for (int tries = 0; r == 0 && strand->searches && tries < TRIES_MAX; tries++) {
        if ((r = search(strands, strand, window, task)) < 0 || strand->searches)
            return r;
        uint64_t found = strand->at;
        size_t before = strand->links.n;
        r = follow(strands, strand, window, task);
        if (strand->broken) {
            strand->at = (strand->links.n - before > 1 ? strand->at : found) + 1;
            strand->searches = true;
            strand->broken = false;
        }
    }
    return r < 0 ? r : strand->searches ? 0 : follow(strands, strand, window, task);
}

/* Puts the links of the round to the others. */
static int gather(struct strands *strands)
{
    int r = 0;

    for (size_t i = 0; i < strands->n; i++) {
        struct links *links = &strands->items[i].links;
        for (size_t k = 0; k < links->n && r == 0; k++)
            r = add_link(&strands->links, links->items[k].start, links->items[k].next);
        free(links->items);
        *links = (struct links){0};
    }
    if (strands->links.n)
        qsort(strands->links.items, strands->links.n, sizeof *strands->links.items, compare_links);
    return r;
}

/* Follows the links from where the chain ends by now. Each leads onward, so it comes to an end. */
static int extend(const struct strands *strands, uint64_t first, struct strands_chain *chain)
{
    const struct link *link;

    for (;;) {
        uint64_t at = chain->n_starts ? chain->starts[chain->n_starts - 1] : first;
        if (!(link = find_link(&strands->links, at)))
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

/* Where a strand ended that leads into another's part without meeting it, the next round goes on; so it does,
 * first of all, from where the chain ends. */
static void prepare(struct strands *strands, uint64_t end, uint64_t part)
{
    size_t n = 1;

    for (size_t i = 1; i < strands->n; i++) {
        const struct strand *strand = &strands->items[i];
        if (!strand->broken && !strand->searches && strand->at < strands->object->size && strand->at != end &&
            !find_link(&strands->links, strand->at))
            strands->items[n++] = (struct strand){.at = strand->at, .limit = strand->at + part};
    }
    strands->items[0] = (struct strand){.at = end, .limit = end + part, .exact = true};
    strands->n = n;
}

int strands_follow(const struct strands_object *object, uint64_t first, size_t count, uint64_t block_bytes,
                   struct task *task, struct strands_chain *chain)
{
    uint64_t window = block_bytes / 4, part = (object->size - first) / count + 1, end = first;
    _cleanup_free_ struct strand *items = calloc(count, sizeof *items);
    struct strands strands = {.object = object, .items = items, .n = count};
    int r = items ? 0 : -ENOMEM;

    strands.window_size = window < WINDOW_MIN   ? WINDOW_MIN
                          : window < WINDOW_MAX ? (size_t)window
                                                : WINDOW_MAX;
    for (size_t i = 0; i < count && items; i++)
        items[i] = (struct strand){
            .at = first + i * part, .limit = first + (i + 1) * part, .searches = i > 0, .exact = i == 0};
    while (r == 0) {
        r = parallel_each(strands.n, STRANDS_MAX, run, &strands, task);
        int gathered = gather(&strands);
        if (r == 0 && (r = gathered) == 0)
            r = extend(&strands, first, chain);
        uint64_t reached = chain->n_starts ? chain->starts[chain->n_starts - 1] : first;
        if (r < 0 || chain->complete || reached == end)
            break;
        end = reached;
        prepare(&strands, end, part);
    }
    free(strands.links.items);
    return r;
}
