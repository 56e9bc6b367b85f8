#include "sequential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block_make.h"
#include "litemount/task.h"
#include "litemount/workspaces.h"
#include "v03/snapshot/snapshot.h"
#include "v03/snapshot/snapshot_object.h"
#include "v03/v03.h"

#define RANGE (UINT64_C(3) << 19) /* bytes */

/* A block that was taken off the front. */
struct taken {
    size_t number;
    uint64_t start, end; /* of its header in the object, and of what follows the next one's */
};

void sequential_init(struct sequential *sequential)
{
    pthread_mutex_init(&sequential->lock, NULL);
    pthread_cond_init(&sequential->changed, NULL);
}

void sequential_finish(struct sequential *sequential)
{
    pthread_cond_destroy(&sequential->changed);
    pthread_mutex_destroy(&sequential->lock);
}

/* From here on the lock is held, but where it says otherwise. */

static bool is_decoding(const struct sequential *sequential, size_t number)
{
    for (size_t i = 0; i < sequential->n_decoding; i++)
        if (sequential->decoding[i] == number)
            return true;
    return false;
}

static struct sequential_range *range_at(struct sequential *sequential, uint64_t index)
{
    return &sequential->ranges[index % SEQUENTIAL_RANGES];
}

static uint64_t index_of(const struct sequential *sequential, uint64_t offset)
{
    return (offset - sequential->origin) / RANGE;
}

/* Keeps its memory for the next fetch. */
static void empty(struct sequential_range *range)
{
    range->state = RANGE_EMPTY;
    range->length = 0;
}

/* Lets go of the ranges before the front that nobody copies from. */
static void drop_passed(struct sequential *sequential)
{
    while (sequential->first < index_of(sequential, sequential->start)) {
        struct sequential_range *range = range_at(sequential, sequential->first);
        if (range->state == RANGE_FETCHING || range->users)
            return;
        empty(range);
        sequential->first++;
    }
}

/* Copies bytes of ranges that are there; or, without the lock, of ranges that the caller uses. */
static void copy_out(struct sequential *sequential, uint64_t offset, size_t length, uint8_t *bytes)
{
    while (length) {
        const struct sequential_range *range = range_at(sequential, index_of(sequential, offset));
        size_t skip = (offset - sequential->origin) % RANGE;
        size_t part = range->length - skip < length ? range->length - skip : length;
        memcpy(bytes, range->bytes + skip, part);
        bytes += part;
        offset += part;
        length -= part;
    }
}

/* Whether the bytes from the front up to `end` are there. */
static bool is_there(struct sequential *sequential, uint64_t end)
{
    for (uint64_t i = index_of(sequential, sequential->start); sequential->origin + i * RANGE < end; i++)
        if (i >= sequential->first + SEQUENTIAL_RANGES || range_at(sequential, i)->state != RANGE_THERE)
            return false;
    return true;
}

/* Looks whether the block at the front is there, the next one's header with it. 1 if so; 0 if bytes up to
 * `*ret_end` are needed first; -EAGAIN at the end mark; or an errno. */
static int look_at_front(const struct block_reader *reader, struct sequential *sequential, struct task *task,
                         uint64_t *ret_end)
{
    struct v03_generation *generation = reader->generation;
    struct snapshot *snapshot = reader->snapshot;
    uint8_t header[LZ4_BLOCK_HEADER_SIZE];
    struct lz4_block block;

    for (size_t i = 0; i < 2; i++) {
        uint64_t start = i ? *ret_end - sizeof header : sequential->start;
        if (i == 0)
            *ret_end = start + sizeof header;
        if (*ret_end > sequential->size)
            return snapshot_refuse(generation, snapshot, task, "it is cut short");
        if (!is_there(sequential, *ret_end))
            return 0;
        copy_out(sequential, start, sizeof header, header);
        int r = blocks_note_header(generation, snapshot, sequential->number + i, header, task);
        if (r < 0 || i == 1)
            return r < 0 ? r : 1;
        lz4_block_parse(&snapshot->blocks.frame, header, &block);
        if (block.end)
            return -EAGAIN;
        *ret_end = start + block.span + sizeof header;
    }
    return 1;
}

/* The first range that somebody should fetch: one that the front needs, or that block `number` will probably
 * need. False if others are at all of them, or there is no room. */
static bool find_range(const struct block_reader *reader, struct sequential *sequential, size_t number,
                       uint64_t end, uint64_t *ret_index)
{
    uint64_t block_bytes, blocks = number >= sequential->number ? number - sequential->number : 0, wanted;

    blocks_expected(reader->snapshot, &block_bytes);
    if (__builtin_mul_overflow(blocks, block_bytes, &wanted) ||
        __builtin_add_overflow(wanted, block_bytes, &wanted) ||
        __builtin_add_overflow(wanted, sequential->start, &wanted) || wanted > sequential->size)
        wanted = sequential->size;
    end = end > wanted ? end : wanted;
    for (uint64_t i = index_of(sequential, sequential->start);
         i < sequential->first + SEQUENTIAL_RANGES && sequential->origin + i * RANGE < end; i++) {
        *ret_index = i;
        if (range_at(sequential, i)->state == RANGE_EMPTY)
            return true;
    }
    return false;
}

/* Fetches a range; the lock is not held meanwhile. */
static int fetch(const struct block_reader *reader, struct sequential *sequential, uint64_t index,
                 struct task *task)
{
    struct sequential_range *range = range_at(sequential, index);
    uint64_t offset = sequential->origin + index * RANGE, left = sequential->size - offset;

    range->state = RANGE_FETCHING;
    range->length = left < RANGE ? (size_t)left : RANGE;
    pthread_mutex_unlock(&sequential->lock);
    if (!range->bytes)
        range->bytes = malloc(RANGE);
    task_set_step(task, "the snapshot, read through");
    int r = range->bytes ? snapshot_object_read(reader->generation, reader->snapshot, offset, range->length,
                                                range->bytes, task)
                         : -ENOMEM;
    pthread_mutex_lock(&sequential->lock);
    range->state = RANGE_THERE;
    if (r < 0)
        empty(range);
    drop_passed(sequential);
    pthread_cond_broadcast(&sequential->changed);
    return r;
}

/* Holds on to the ranges from the front up to `end`, or lets go of them. */
static void use(struct sequential *sequential, uint64_t start, uint64_t end, int change)
{
    for (uint64_t i = index_of(sequential, start); sequential->origin + i * RANGE < end; i++)
        range_at(sequential, i)->users += (unsigned)change;
    drop_passed(sequential);
}

/* Copies a block together, if there is a workspace for it, and lets go of its ranges. */
static void copy_block(struct sequential *sequential, const struct taken *taken, uint8_t *workspace)
{
    if (workspace)
        copy_out(sequential, taken->start, (size_t)(taken->end - taken->start), workspace);
    pthread_mutex_lock(&sequential->lock);
    use(sequential, taken->start, taken->end, -1);
    pthread_cond_broadcast(&sequential->changed);
    pthread_mutex_unlock(&sequential->lock);
}

/* Makes a block that was taken; called without the lock. */
static int make(const struct block_reader *reader, struct sequential *sequential, const struct taken *taken,
                struct cache_fill *fill, struct task *task)
{
    struct v03_generation *generation = reader->generation;
    uint8_t *workspace = NULL;
    int r = workspaces_take(generation->blocks, generation->base.store, task, &workspace);

    copy_block(sequential, taken, workspace);
    if (r < 0)
        return r;
    r = block_put(reader, taken->number, workspace, (size_t)(taken->end - taken->start), fill, task);
    workspaces_give(generation->blocks, generation->base.store, workspace);
    return r;
}

static void end_decoding(struct sequential *sequential, size_t number)
{
    size_t i = 0;
    while (sequential->decoding[i] != number)
        i++;
    sequential->decoding[i] = sequential->decoding[--sequential->n_decoding];
    pthread_cond_broadcast(&sequential->changed);
}

/* Takes the block at the front, which is there up to `end`, and makes it; the lock is not held meanwhile. */
static int take(const struct block_reader *reader, struct sequential *sequential, uint64_t end,
                struct cache_fill *fill, struct task *task)
{
    const struct taken taken = {sequential->number, sequential->start, end};

    sequential->decoding[sequential->n_decoding++] = taken.number;
    use(sequential, taken.start, taken.end, 1);
    sequential->number++;
    sequential->start = end - LZ4_BLOCK_HEADER_SIZE;
    pthread_cond_broadcast(&sequential->changed);
    pthread_mutex_unlock(&sequential->lock);
    int r = make(reader, sequential, &taken, fill, task);
    pthread_mutex_lock(&sequential->lock);
    end_decoding(sequential, taken.number);
    return r;
}

/* Does what is to be done next, or waits for others who are at it. */
static int step(const struct block_reader *reader, struct sequential *sequential, size_t number,
                struct cache_fill *fill, struct task *task)
{
    uint64_t end, index;
    int r = look_at_front(reader, sequential, task, &end);

    /* At the end mark there is nothing left to do, but perhaps another has the block under way. */
    bool ends = r == -EAGAIN && is_decoding(sequential, number);
    if (r < 0 && !ends)
        return r;
    if (r > 0 && sequential->n_decoding < SEQUENTIAL_MAKERS)
        return take(reader, sequential, end, fill, task);
    if (!ends && find_range(reader, sequential, number, end, &index))
        return fetch(reader, sequential, index, task);
    task_wait(&sequential->changed, &sequential->lock);
    return task_cancelled(task) ? -ECANCELED : 0;
}

/* The first maker begins where the table ends. */
static int enter(const struct block_reader *reader, struct sequential *sequential, size_t number,
                 uint64_t size)
{
    struct block_place place;

    if (sequential->n_makers == 0) {
        if (blocks_get(reader->snapshot, number, &place))
            return -EAGAIN;
        sequential->size = size;
        sequential->number = place.number;
        sequential->start = sequential->origin = place.start;
        sequential->first = 0;
    }
    sequential->n_makers++;
    return 0;
}

static void leave(struct sequential *sequential)
{
    if (--sequential->n_makers > 0)
        return;
    for (size_t i = 0; i < SEQUENTIAL_RANGES; i++) {
        empty(&sequential->ranges[i]);
        free(sequential->ranges[i].bytes);
        sequential->ranges[i].bytes = NULL;
    }
}

bool sequential_nears(struct sequential *sequential, size_t number, size_t near)
{
    pthread_mutex_lock(&sequential->lock);
    bool nears = sequential->n_makers && (number < sequential->number ? is_decoding(sequential, number)
                                                                      : number - sequential->number < near);
    pthread_mutex_unlock(&sequential->lock);
    return nears;
}

int sequential_make(const struct block_reader *reader, size_t number, struct cache_fill *fill,
                    struct task *task)
{
    struct sequential *sequential = &reader->snapshot->sequential;
    uint64_t size;
    int r = snapshot_object_size(reader->generation, reader->snapshot, task, &size);

    if (r < 0)
        return r;
    workspaces_hold(reader->generation->blocks);
    pthread_mutex_lock(&sequential->lock);
    r = enter(reader, sequential, number, size);
    if (r == 0) {
        while (r == 0 && (number >= sequential->number || is_decoding(sequential, number)))
            r = step(reader, sequential, number, fill, task);
        leave(sequential);
    }
    pthread_mutex_unlock(&sequential->lock);
    workspaces_release(reader->generation->blocks);
    if (r == 0 && !blocks_is_decoded(reader->snapshot, number))
        return -EAGAIN;
    return r;
}
