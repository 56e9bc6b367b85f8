#include "through.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block_make.h"
#include "litemount/task.h"
#include "litemount/workspaces.h"
#include "snapshot_object.h"

#define RANGE (UINT64_C(3) << 19) /* bytes */

/* A block that was taken off the front. */
struct taken {
    size_t number;
    uint64_t start, end; /* of its header in the object, and of what follows the next one's */
};

void through_init(struct through *through)
{
    pthread_mutex_init(&through->lock, NULL);
    pthread_cond_init(&through->changed, NULL);
}

void through_finish(struct through *through)
{
    pthread_cond_destroy(&through->changed);
    pthread_mutex_destroy(&through->lock);
}

/* From here on the lock is held, but where it says otherwise. */

static bool is_decoding(const struct through *through, size_t number)
{
    for (size_t i = 0; i < through->n_decoding; i++)
        if (through->decoding[i] == number)
            return true;
    return false;
}

static struct through_range *range_at(struct through *through, uint64_t index)
{
    return &through->ranges[index % THROUGH_RANGES];
}

static uint64_t index_of(const struct through *through, uint64_t offset)
{
    return (offset - through->origin) / RANGE;
}

/* Keeps its memory for the next fetch. */
static void empty(struct through_range *range)
{
    range->state = RANGE_EMPTY;
    range->length = 0;
}

/* Lets go of the ranges before the front that nobody copies from. */
static void drop_passed(struct through *through)
{
    while (through->first < index_of(through, through->start)) {
        struct through_range *range = range_at(through, through->first);
        if (range->state == RANGE_FETCHING || range->users)
            return;
        empty(range);
        through->first++;
    }
}

/* Copies bytes of ranges that are there; or, without the lock, of ranges that the caller uses. */
static void copy_out(struct through *through, uint64_t offset, size_t length, uint8_t *bytes)
{
    while (length) {
        const struct through_range *range = range_at(through, index_of(through, offset));
        size_t skip = (offset - through->origin) % RANGE;
        size_t part = range->length - skip < length ? range->length - skip : length;
        memcpy(bytes, range->bytes + skip, part);
        bytes += part;
        offset += part;
        length -= part;
    }
}

/* Whether the bytes from the front up to `end` are there. */
static bool is_there(struct through *through, uint64_t end)
{
    for (uint64_t i = index_of(through, through->start); through->origin + i * RANGE < end; i++)
        if (i >= through->first + THROUGH_RANGES || range_at(through, i)->state != RANGE_THERE)
            return false;
    return true;
}

/* Looks whether the block at the front is there, the next one's header with it. 1 if so; 0 if bytes up to
 * `*ret_end` are needed first; -EAGAIN at the end mark; or an errno. */
static int look_at_front(const struct block_reader *reader, struct through *through, struct task *task,
                         uint64_t *ret_end)
{
    struct v03_generation *generation = reader->generation;
    struct snapshot *snapshot = reader->snapshot;
    uint8_t header[LZ4_BLOCK_HEADER_SIZE];
    struct lz4_block block;

    for (size_t i = 0; i < 2; i++) {
        uint64_t start = i ? *ret_end - sizeof header : through->start;
        if (i == 0)
            *ret_end = start + sizeof header;
        if (*ret_end > through->size)
            return snapshot_refuse(generation, snapshot, task, "it is cut short");
        if (!is_there(through, *ret_end))
            return 0;
        copy_out(through, start, sizeof header, header);
        int r = blocks_note_header(generation, snapshot, through->number + i, header, task);
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
static bool find_range(const struct block_reader *reader, struct through *through, size_t number,
                       uint64_t end, uint64_t *ret_index)
{
    uint64_t block_bytes, blocks = number >= through->number ? number - through->number : 0, wanted;

    blocks_expected(reader->snapshot, &block_bytes);
    if (__builtin_mul_overflow(blocks, block_bytes, &wanted) ||
        __builtin_add_overflow(wanted, block_bytes, &wanted) ||
        __builtin_add_overflow(wanted, through->start, &wanted) || wanted > through->size)
        wanted = through->size;
    end = end > wanted ? end : wanted;
    for (uint64_t i = index_of(through, through->start);
         i < through->first + THROUGH_RANGES && through->origin + i * RANGE < end; i++) {
        *ret_index = i;
        if (range_at(through, i)->state == RANGE_EMPTY)
            return true;
    }
    return false;
}

/* Fetches a range; the lock is not held meanwhile. */
static int fetch(const struct block_reader *reader, struct through *through, uint64_t index,
                 struct task *task)
{
    struct through_range *range = range_at(through, index);
    uint64_t offset = through->origin + index * RANGE, left = through->size - offset;

    range->state = RANGE_FETCHING;
    range->length = left < RANGE ? (size_t)left : RANGE;
    pthread_mutex_unlock(&through->lock);
    if (!range->bytes)
        range->bytes = malloc(RANGE);
    task_set_step(task, "the snapshot, read through");
    int r = range->bytes ? snapshot_object_read(reader->generation, reader->snapshot, offset, range->length,
                                                range->bytes, task)
                         : -ENOMEM;
    pthread_mutex_lock(&through->lock);
    range->state = RANGE_THERE;
    if (r < 0)
        empty(range);
    drop_passed(through);
    pthread_cond_broadcast(&through->changed);
    return r;
}

/* Holds on to the ranges from the front up to `end`, or lets go of them. */
static void use(struct through *through, uint64_t start, uint64_t end, int change)
{
    for (uint64_t i = index_of(through, start); through->origin + i * RANGE < end; i++)
        range_at(through, i)->users += (unsigned)change;
    drop_passed(through);
}

/* Copies a block together, if there is a workspace for it, and lets go of its ranges. */
static void copy_block(struct through *through, const struct taken *taken, uint8_t *workspace)
{
    if (workspace)
        copy_out(through, taken->start, (size_t)(taken->end - taken->start), workspace);
    pthread_mutex_lock(&through->lock);
    use(through, taken->start, taken->end, -1);
    pthread_cond_broadcast(&through->changed);
    pthread_mutex_unlock(&through->lock);
}

/* Makes a block that was taken; called without the lock. */
static int make(const struct block_reader *reader, struct through *through, const struct taken *taken,
                struct cache_fill *fill, struct task *task)
{
    struct v03_generation *generation = reader->generation;
    uint8_t *workspace = NULL;
    int r = workspaces_take(generation->blocks, generation->base.store, task, &workspace);

    copy_block(through, taken, workspace);
    if (r < 0)
        return r;
    r = block_put(reader, taken->number, workspace, (size_t)(taken->end - taken->start), fill, task);
    workspaces_give(generation->blocks, generation->base.store, workspace);
    return r;
}

static void end_decoding(struct through *through, size_t number)
{
    size_t i = 0;
    while (through->decoding[i] != number)
        i++;
    through->decoding[i] = through->decoding[--through->n_decoding];
    pthread_cond_broadcast(&through->changed);
}

/* Takes the block at the front, which is there up to `end`, and makes it; the lock is not held meanwhile. */
static int take(const struct block_reader *reader, struct through *through, uint64_t end,
                struct cache_fill *fill, struct task *task)
{
    const struct taken taken = {through->number, through->start, end};

    through->decoding[through->n_decoding++] = taken.number;
    use(through, taken.start, taken.end, 1);
    through->number++;
    through->start = end - LZ4_BLOCK_HEADER_SIZE;
    pthread_cond_broadcast(&through->changed);
    pthread_mutex_unlock(&through->lock);
    int r = make(reader, through, &taken, fill, task);
    pthread_mutex_lock(&through->lock);
    end_decoding(through, taken.number);
    return r;
}

/* Does what is to be done next, or waits for others who are at it. */
static int step(const struct block_reader *reader, struct through *through, size_t number,
                struct cache_fill *fill, struct task *task)
{
    uint64_t end, index;
    int r = look_at_front(reader, through, task, &end);

    /* At the end mark there is nothing left to do, but perhaps another has the block under way. */
    bool ends = r == -EAGAIN && is_decoding(through, number);
    if (r < 0 && !ends)
        return r;
    if (r > 0 && through->n_decoding < THROUGH_MAKERS)
        return take(reader, through, end, fill, task);
    if (!ends && find_range(reader, through, number, end, &index))
        return fetch(reader, through, index, task);
    task_wait(&through->changed, &through->lock);
    return task_cancelled(task) ? -ECANCELED : 0;
}

/* The first maker begins where the table ends. */
static int enter(const struct block_reader *reader, struct through *through, size_t number, uint64_t size)
{
    struct block_place place;

    if (through->n_makers == 0) {
        if (blocks_get(reader->snapshot, number, &place))
            return -EAGAIN;
        through->size = size;
        through->number = place.number;
        through->start = through->origin = place.start;
        through->first = 0;
    }
    through->n_makers++;
    return 0;
}

static void leave(struct through *through)
{
    if (--through->n_makers > 0)
        return;
    for (size_t i = 0; i < THROUGH_RANGES; i++) {
        empty(&through->ranges[i]);
        free(through->ranges[i].bytes);
        through->ranges[i].bytes = NULL;
    }
}

bool through_nears(struct through *through, size_t number, size_t near)
{
    pthread_mutex_lock(&through->lock);
    bool nears = through->n_makers &&
                 (number < through->number ? is_decoding(through, number) : number - through->number < near);
    pthread_mutex_unlock(&through->lock);
    return nears;
}

int through_make(const struct block_reader *reader, size_t number, struct cache_fill *fill, struct task *task)
{
    struct through *through = &reader->snapshot->through;
    uint64_t size;
    int r = snapshot_object_size(reader->generation, reader->snapshot, task, &size);

    if (r < 0)
        return r;
    workspaces_hold(reader->generation->blocks);
    pthread_mutex_lock(&through->lock);
    r = enter(reader, through, number, size);
    if (r == 0) {
        while (r == 0 && (number >= through->number || is_decoding(through, number)))
            r = step(reader, through, number, fill, task);
        leave(through);
    }
    pthread_mutex_unlock(&through->lock);
    workspaces_release(reader->generation->blocks);
    if (r == 0 && !blocks_is_decoded(reader->snapshot, number))
        return -EAGAIN;
    return r;
}
