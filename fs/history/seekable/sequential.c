/* A frame read in order, from where its blocks are not known yet: see THE FRONT in seekable.h. Ranges of the
 * object are fetched side by side, so the line is busy while blocks are decoded, and no round trip is spent
 * on looking for headers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/task.h"
#include "litemount/workspaces.h"
#include "seekable_parts.h"

#define RANGE (UINT64_C(3) << 19) /* bytes */

/* A block that was taken off the front. */
struct taken_block {
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

static bool sequential_is_decoding_locked(const struct sequential *sequential, size_t number)
{
    for (size_t i = 0; i < sequential->n_decoding; i++)
        if (sequential->decoding[i] == number)
            return true;
    return false;
}

/* --- ranges --- */

static struct sequential_range *sequential_range(struct sequential *sequential, uint64_t index)
{
    return &sequential->ranges[index % SEQUENTIAL_RANGES];
}

static uint64_t sequential_index(const struct sequential *sequential, uint64_t offset)
{
    return (offset - sequential->origin) / RANGE;
}

/* Keeps its memory for the next fetch. */
static void sequential_empty(struct sequential_range *range)
{
    range->state = RANGE_EMPTY;
    range->length = 0;
}

/* Lets go of the ranges before the front that nobody copies from. */
static void sequential_drop_passed_locked(struct sequential *sequential)
{
    while (sequential->first < sequential_index(sequential, sequential->start)) {
        struct sequential_range *range = sequential_range(sequential, sequential->first);
        if (range->state == RANGE_FETCHING || range->users)
            return;
        sequential_empty(range);
        sequential->first++;
    }
}

/* Copies bytes of ranges that are there, with the lock held; or, without it, of ranges that the caller uses.
 */
static void sequential_copy(struct sequential *sequential, uint64_t offset, size_t length, uint8_t *bytes)
{
    while (length) {
        const struct sequential_range *range =
            sequential_range(sequential, sequential_index(sequential, offset));
        size_t skip = (offset - sequential->origin) % RANGE;
        size_t part = range->length - skip < length ? range->length - skip : length;
        memcpy(bytes, range->bytes + skip, part);
        bytes += part;
        offset += part;
        length -= part;
    }
}

/* Whether the bytes from the front up to `end` are there. */
static bool sequential_is_there_locked(struct sequential *sequential, uint64_t end)
{
    for (uint64_t i = sequential_index(sequential, sequential->start); sequential->origin + i * RANGE < end;
         i++)
        if (i >= sequential->first + SEQUENTIAL_RANGES ||
            sequential_range(sequential, i)->state != RANGE_THERE)
            return false;
    return true;
}

/* The first range that somebody should fetch: one that the front needs, up to `end`, or that block `number`
 * will probably need. False if others are at all of them, or there is no room. */
static bool sequential_find_range_locked(const struct block_reader *reader, size_t number, uint64_t end,
                                         uint64_t *ret_index)
{
    struct sequential *sequential = &reader->frame->sequential;
    uint64_t block_bytes, blocks = number >= sequential->number ? number - sequential->number : 0, wanted;

    block_table_expected(reader->frame, &block_bytes);
    if (__builtin_mul_overflow(blocks, block_bytes, &wanted) ||
        __builtin_add_overflow(wanted, block_bytes, &wanted) ||
        __builtin_add_overflow(wanted, sequential->start, &wanted) || wanted > reader->frame->owner.size)
        wanted = reader->frame->owner.size;
    end = end > wanted ? end : wanted;
    for (uint64_t i = sequential_index(sequential, sequential->start);
         i < sequential->first + SEQUENTIAL_RANGES && sequential->origin + i * RANGE < end; i++) {
        *ret_index = i;
        if (sequential_range(sequential, i)->state == RANGE_EMPTY)
            return true;
    }
    return false;
}

/* Fetches a range; the lock is not held meanwhile. */
static int sequential_fetch_locked(const struct block_reader *reader, uint64_t index, struct task *task)
{
    struct sequential *sequential = &reader->frame->sequential;
    struct sequential_range *range = sequential_range(sequential, index);
    uint64_t offset = sequential->origin + index * RANGE, left = reader->frame->owner.size - offset;

    range->state = RANGE_FETCHING;
    range->length = left < RANGE ? (size_t)left : RANGE;
    pthread_mutex_unlock(&sequential->lock);
    if (!range->bytes)
        range->bytes = malloc(RANGE);
    task_set_step(task, "the frame, in order");
    int r = range->bytes ? block_read(reader, offset, range->length, range->bytes, task) : -ENOMEM;
    pthread_mutex_lock(&sequential->lock);
    range->state = RANGE_THERE;
    if (r < 0)
        sequential_empty(range);
    sequential_drop_passed_locked(sequential);
    pthread_cond_broadcast(&sequential->changed);
    return r;
}

/* Holds on to the ranges from `start` up to `end` (1), or lets go of them (-1). */
static void sequential_use_locked(struct sequential *sequential, uint64_t start, uint64_t end, int change)
{
    for (uint64_t i = sequential_index(sequential, start); sequential->origin + i * RANGE < end; i++)
        sequential_range(sequential, i)->users += (unsigned)change;
    sequential_drop_passed_locked(sequential);
    pthread_cond_broadcast(&sequential->changed);
}

/* --- the front --- */

/* Looks whether the block at the front is there, the next one's header with it. 1 if so; 0 if bytes up to
 * `*ret_end` are needed first; -EAGAIN at the end mark; or an errno. */
static int sequential_look_locked(const struct block_reader *reader, struct task *task, uint64_t *ret_end)
{
    struct seekable *frame = reader->frame;
    struct sequential *sequential = &frame->sequential;
    uint8_t header[LZ4_BLOCK_HEADER_SIZE];
    uint64_t start = sequential->start;
    struct lz4_block block;

    for (size_t i = 0; i < 2; i++) {
        *ret_end = start + sizeof header;
        if (*ret_end > frame->owner.size)
            return block_refuse(frame, task, "it is cut short");
        if (!sequential_is_there_locked(sequential, *ret_end))
            return 0;
        sequential_copy(sequential, start, sizeof header, header);
        int r = block_table_note_header(frame, sequential->number + i, header, task);
        if (r < 0)
            return r;
        lz4_block_parse(&frame->table.frame, header, &block);
        if (block.end && i == 0)
            return -EAGAIN;
        start += block.span;
    }
    return 1;
}

/* Makes a block that was taken; called without the lock. */
static int sequential_put(const struct block_reader *reader, const struct taken_block *taken,
                          struct task *task)
{
    const struct seekable_owner *owner = &reader->frame->owner;
    struct sequential *sequential = &reader->frame->sequential;
    size_t length = (size_t)(taken->end - taken->start);
    uint8_t *workspace;
    int r = workspaces_take(owner->workspaces, owner->holder, task, &workspace);

    if (r == 0)
        sequential_copy(sequential, taken->start, length, workspace);
    pthread_mutex_lock(&sequential->lock);
    sequential_use_locked(sequential, taken->start, taken->end, -1);
    pthread_mutex_unlock(&sequential->lock);
    if (r < 0)
        return r;
    r = block_put(reader, taken->number, workspace, length, task);
    workspaces_give(owner->workspaces, owner->holder, workspace);
    return r;
}

static void sequential_end_decoding_locked(struct sequential *sequential, size_t number)
{
    size_t i = 0;
    while (sequential->decoding[i] != number)
        i++;
    sequential->decoding[i] = sequential->decoding[--sequential->n_decoding];
    pthread_cond_broadcast(&sequential->changed);
}

/* Takes the block at the front, which is there up to `end`, and makes it; the lock is not held meanwhile. */
static int sequential_take_locked(const struct block_reader *reader, uint64_t end, struct task *task)
{
    struct sequential *sequential = &reader->frame->sequential;
    const struct taken_block taken = {sequential->number, sequential->start, end};

    sequential->decoding[sequential->n_decoding++] = taken.number;
    sequential->number++;
    sequential->start = end - LZ4_BLOCK_HEADER_SIZE;
    sequential_use_locked(sequential, taken.start, taken.end, 1);
    pthread_mutex_unlock(&sequential->lock);
    int r = sequential_put(reader, &taken, task);
    pthread_mutex_lock(&sequential->lock);
    sequential_end_decoding_locked(sequential, taken.number);
    return r;
}

/* Does what is to be done next, or waits for others who are at it. */
static int sequential_step_locked(const struct block_reader *reader, size_t number, struct task *task)
{
    struct sequential *sequential = &reader->frame->sequential;
    uint64_t end, index;
    int r = sequential_look_locked(reader, task, &end);

    /* At the end mark there is nothing left to do, but perhaps another has the block under way. */
    bool ends = r == -EAGAIN && sequential_is_decoding_locked(sequential, number);
    if (r < 0 && !ends)
        return r;
    if (r > 0 && sequential->n_decoding < SEQUENTIAL_MAKERS)
        return sequential_take_locked(reader, end, task);
    if (!ends && sequential_find_range_locked(reader, number, end, &index))
        return sequential_fetch_locked(reader, index, task);
    task_wait(&sequential->changed, &sequential->lock);
    return task_cancelled(task) ? -ECANCELED : 0;
}

/* --- who takes part --- */

/* The first maker begins where the table ends. */
static int sequential_enter_locked(struct seekable *frame, size_t number)
{
    struct sequential *sequential = &frame->sequential;
    struct block_place place;

    if (sequential->n_makers == 0) {
        if (block_table_get(frame, number, &place))
            return -EAGAIN;
        sequential->number = place.number;
        sequential->start = sequential->origin = place.start;
        sequential->first = 0;
    }
    sequential->n_makers++;
    return 0;
}

static void sequential_leave_locked(struct sequential *sequential)
{
    if (--sequential->n_makers > 0)
        return;
    for (size_t i = 0; i < SEQUENTIAL_RANGES; i++) {
        sequential_empty(&sequential->ranges[i]);
        free(sequential->ranges[i].bytes);
        sequential->ranges[i].bytes = NULL;
    }
}

bool sequential_nears(struct sequential *sequential, size_t number, size_t near)
{
    pthread_mutex_lock(&sequential->lock);
    bool nears = sequential->n_makers &&
                 (number < sequential->number ? sequential_is_decoding_locked(sequential, number)
                                              : number - sequential->number < near);
    pthread_mutex_unlock(&sequential->lock);
    return nears;
}

int sequential_make(const struct block_reader *reader, size_t number, struct task *task)
{
    struct seekable *frame = reader->frame;
    struct sequential *sequential = &frame->sequential;

    workspaces_hold(frame->owner.workspaces);
    pthread_mutex_lock(&sequential->lock);
    int r = sequential_enter_locked(frame, number);
    if (r == 0) {
        while (r == 0 && (number >= sequential->number || sequential_is_decoding_locked(sequential, number)))
            r = sequential_step_locked(reader, number, task);
        sequential_leave_locked(sequential);
    }
    pthread_mutex_unlock(&sequential->lock);
    workspaces_release(frame->owner.workspaces);
    if (r == 0 && !block_table_is_decoded(frame, number))
        return -EAGAIN;
    return r;
}
