/* The checksum grows in the blocks' order. Who reads in order decodes them nearly so, and each is added when
 * it is decoded, or, if one before it was late, from the cache. Otherwise all are read from the cache at the
 * end.
 */
#include "snapshot_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "snapshot.h"
#include "snapshot_compare.h"
#include "snapshot_object.h"
#include "v03/object_stream.h"
#include "v03/v03.h"

#define STEP (1 << 20) /* bytes read from the cache at once */

static bool is_all_decoded(const struct blocks *blocks)
{
    return blocks->complete && blocks->n_decoded + 1 == blocks->n_starts;
}

/* Takes the checksum upon itself, for nobody else until end_check. The table's lock is held. */
static bool take_check(struct blocks *blocks, bool due)
{
    due = due && !blocks->checked && !blocks->checking && blocks->frame.content_checksum;
    if (due && !blocks->sum)
        due = lz4_checksum_open(&blocks->sum) == 0;
    blocks->checking |= due;
    return due;
}

void snapshot_check_add(struct snapshot *snapshot, size_t number, const uint8_t *bytes, size_t length)
{
    struct blocks *blocks = &snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    bool mine = take_check(blocks, number == blocks->n_summed);
    pthread_mutex_unlock(&blocks->lock);
    if (!mine)
        return;
    lz4_checksum_add(blocks->sum, bytes, length);
    pthread_mutex_lock(&blocks->lock);
    blocks->n_summed++;
    blocks->checking = false;
    pthread_cond_broadcast(&blocks->changed);
    pthread_mutex_unlock(&blocks->lock);
}

/* Begins the checksum anew, with only those blocks as decoded that the cache has. */
static void begin_again(const struct block_reader *reader)
{
    struct blocks *blocks = &reader->snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    size_t n = blocks->n_starts;
    uint32_t block_size = blocks->frame.block_max;
    pthread_mutex_unlock(&blocks->lock);

    _cleanup_free_ bool *there = calloc(n, sizeof *there);
    for (size_t i = 0; there && i + 1 < n; i++)
        there[i] = cache_image_has(reader->image, (uint64_t)i * block_size);

    pthread_mutex_lock(&blocks->lock);
    lz4_checksum_close(blocks->sum);
    blocks->sum = NULL;
    blocks->n_summed = 0;
    blocks->n_decoded = 0;
    for (size_t i = 0; i < blocks->n_starts; i++) {
        if (i < n && blocks->states[i] == BLOCK_DECODED && (!there || !there[i]))
            blocks->states[i] = BLOCK_NEW;
        blocks->n_decoded += blocks->states[i] != BLOCK_NEW;
    }
    pthread_mutex_unlock(&blocks->lock);
}

/* What the cache has lost again is not fetched for this: whoever waits for it makes it himself. */
static int make_nothing(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                        struct task *task)
{
    return -ECANCELED;
}

/* What was made of a block's beginning before may have come wrong over the network, or this time. */
int snapshot_check_kept(const struct block_reader *reader, size_t number, const uint8_t *bytes, size_t length,
                        struct task *task)
{
    uint64_t begin = (uint64_t)number * reader->snapshot->blocks.frame.block_max;
    _cleanup_free_ uint8_t *kept = malloc(V03_PIECE);
    size_t part = V03_PIECE;

    for (size_t at = 0; kept && at < length && part == V03_PIECE; at += part) {
        part = cache_image_peek(reader->image, begin + at, length - at < part ? length - at : part, kept);
        if (memcmp(kept, bytes + at, part) != 0)
            return snapshot_fail(reader->generation, reader->snapshot, learnt_sum(number, bytes, length),
                                 task, "it reads differently the second time");
    }
    return kept ? 0 : -ENOMEM;
}

/* Adds a block as the cache has it. -ECANCELED: it has lost it, or a part; or the task is over. */
static int add_cached(const struct block_reader *reader, struct lz4_checksum *sum, size_t number,
                      struct task *task)
{
    const struct cache_maker maker = {.make = make_nothing};
    uint64_t size = reader->snapshot->blocks.frame.block_max, offset = number * size, end = offset + size;
    _cleanup_free_ uint8_t *bytes = malloc(STEP);
    int64_t n = 1;

    for (; bytes && offset < end && n > 0; offset += (uint64_t)n) {
        size_t length = end - offset < STEP ? (size_t)(end - offset) : STEP;
        n = cache_image_read(reader->image, offset, length, bytes, &maker, task);
        if (n > 0)
            lz4_checksum_add(sum, bytes, (size_t)n);
    }
    return !bytes ? -ENOMEM : n < 0 ? (int)n : 0;
}

/* Adds the decoded blocks that are next. */
static int catch_up(const struct block_reader *reader, struct task *task)
{
    struct blocks *blocks = &reader->snapshot->blocks;

    while (blocks_is_decoded(reader->snapshot, blocks->n_summed)) {
        int r = add_cached(reader, blocks->sum, blocks->n_summed, task);
        if (r < 0)
            return r;
        pthread_mutex_lock(&blocks->lock);
        blocks->n_summed++;
        pthread_mutex_unlock(&blocks->lock);
    }
    return 0;
}

/* Reads the checksum behind the end mark. */
static int read_told(const struct block_reader *reader, uint64_t end, struct task *task, uint32_t *ret_told)
{
    uint8_t told[4];
    task_set_step(task, "the snapshot's checksum");
    int r = snapshot_object_read(reader->generation, reader->snapshot, end + LZ4_BLOCK_HEADER_SIZE,
                                 sizeof told, told, task);
    *ret_told =
        (uint32_t)told[3] << 24 | (uint32_t)told[2] << 16 | (uint32_t)told[1] << 8 | (uint32_t)told[0];
    return r;
}

/* Compares the checksum of all blocks with the one that is told: 1 if it holds, else 0, or an errno. What is
 * told may have come wrong as well. */
static int compare(const struct block_reader *reader, uint64_t end, struct task *task, uint64_t *ret_sum)
{
    struct snapshot *snapshot = reader->snapshot;
    uint32_t sum = lz4_checksum_value(snapshot->blocks.sum), told = 0;
    int r = read_told(reader, end, task, &told);

    if (r == 0 && told != sum) {
        snapshot_read_anew(snapshot, true);
        r = read_told(reader, end, task, &told);
    }
    if (r == 0)
        snapshot_read_anew(snapshot, false);
    *ret_sum = (uint64_t)told << 32 | sum;
    return r < 0 ? r : told == sum;
}

/* Takes the check upon itself if it is due: `*ret_all`, with all blocks; where another is at it, the end is
 * waited for, as long as that matters. `*ret_end` is where the end mark stands. */
static bool begin_check(const struct block_reader *reader, struct task *task, bool *ret_all,
                        uint64_t *ret_end)
{
    struct blocks *blocks = &reader->snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    while (is_all_decoded(blocks) && !blocks->checked && (blocks->checking || blocks->n_putting) &&
           !task_cancelled(task))
        task_wait(&blocks->changed, &blocks->lock);
    bool late = reader->ahead && blocks->n_summed && blocks->n_summed < blocks->n_starts &&
                blocks->states[blocks->n_summed] == BLOCK_DECODED;
    *ret_all = is_all_decoded(blocks) && !blocks->n_putting;
    bool mine = take_check(blocks, *ret_all || late);
    *ret_end = mine ? blocks->starts[blocks->n_starts - 1] : 0;
    pthread_mutex_unlock(&blocks->lock);
    return mine;
}

static void end_check(struct blocks *blocks, bool holds)
{
    pthread_mutex_lock(&blocks->lock);
    blocks->checking = false;
    blocks->checked = holds;
    pthread_cond_broadcast(&blocks->changed);
    pthread_mutex_unlock(&blocks->lock);
}

int snapshot_check_whole(const struct block_reader *reader, struct task *task)
{
    struct task attempt;
    uint64_t end, sum = 0;
    bool all;

    if (!begin_check(reader, task, &all, &end))
        return 0;
    task_init(&attempt, task);
    int r = catch_up(reader, &attempt);
    if (r == 0 && all)
        r = compare(reader, end, &attempt, &sum);
    bool holds = r > 0, damaged = all && (r == 0 || r == -EBADMSG);
    if (damaged)
        r = snapshot_fail(reader->generation, reader->snapshot, sum, task, "its checksum does not match");
    if (r < 0)
        begin_again(reader);
    end_check(&reader->snapshot->blocks, holds);
    if (holds)
        blocks_remember(reader->generation, reader->snapshot);
    return damaged ? r : 0;
}

/* --- for whoever has read all he wants, and must know --- */

static bool is_unchecked(struct blocks *blocks)
{
    pthread_mutex_lock(&blocks->lock);
    bool unchecked = !blocks->in_order && blocks->frame.content_checksum && !blocks->checked;
    pthread_mutex_unlock(&blocks->lock);
    return unchecked;
}

/* The object is read once more. */
struct second_look {
    const struct block_reader *reader;
    struct snapshot_comparison comparison;
};

/* A learnt_attempt. */
static int look_again(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct second_look *look = context;
    const struct block_reader *reader = look->reader;
    struct object_stream stream = {
        .generation = reader->generation, .object = &reader->snapshot->object, .anew = anew};

    snapshot_compare_begin(&look->comparison, reader->image);
    int r = object_decode(&stream, snapshot_compare_sink, &look->comparison, task);
    *ret_sum = stream.sum;
    return r;
}

/* Decodes all of it from the start. */
static int check_again(const struct block_reader *reader, struct task *task)
{
    struct snapshot *snapshot = reader->snapshot;
    _cleanup_free_ struct second_look *look = malloc(sizeof *look);

    if (!look)
        return -ENOMEM;
    look->reader = reader;
    int r = learnt_read(look_again, look, task);
    if (r < 0)
        return r;
    if (look->comparison.differs)
        return snapshot_fail(reader->generation, snapshot, 0, task, "what was kept of it is something else");
    end_check(&snapshot->blocks, true);
    blocks_remember(reader->generation, snapshot);
    return 0;
}

/* Makes what is missing of it: the read that makes the last block compares the checksum. */
static int make_rest(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    int64_t block = blocks_size(snapshot), n = block;

    for (uint64_t offset = 0; is_unchecked(&snapshot->blocks) && n == block; offset += (uint64_t)block)
        n = snapshot_read(generation, snapshot, offset, (size_t)block, NULL, task);
    return n < 0 && n != -ENOSPC ? (int)n : 0;
}

int snapshot_check_rest(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct block_reader reader = {.generation = generation, .snapshot = snapshot};
    int r =
        snapshot->object.size <= V03_WHOLE_OBJECT ? -EOPNOTSUPP : blocks_begin(generation, snapshot, task);

    if (r == -EOPNOTSUPP)
        return 0; /* it was checked when it was decoded */
    if (r == 0)
        r = make_rest(generation, snapshot, task);
    if (r < 0 || !is_unchecked(&snapshot->blocks))
        return r;
    /* All of it may be in the cache, while nobody knows that it was decoded; or there is no cache. */
    if (!identity || cache_image_open(generation->cache, identity, V03_PIECE, &reader.image) < 0)
        return -ENOMEM;
    r = check_again(&reader, task);
    cache_image_close(reader.image);
    return r;
}
