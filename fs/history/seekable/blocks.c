#include "blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "v03/object_stream.h"
#include "v03/snapshot/snapshot.h"
#include "v03/snapshot/snapshot_object.h"
#include "v03/v03.h"

#define KIND "blocks"
#define FACT_VERSION 1

/* The head of what is kept of a block table; the starts follow, then which blocks were decoded. */
struct blocks_fact {
    uint32_t complete, checked;
    struct lz4_frame frame;
};

void blocks_init(struct blocks *blocks)
{
    pthread_mutex_init(&blocks->lock, NULL);
    pthread_cond_init(&blocks->changed, NULL);
}

void blocks_finish(struct blocks *blocks)
{
    lz4_checksum_close(blocks->sum);
    free(blocks->starts);
    free(blocks->states);
    pthread_cond_destroy(&blocks->changed);
    pthread_mutex_destroy(&blocks->lock);
}

/* Adds one more block's place. The table's lock is held, as in all of the static functions below that take a
 * table. */
static int add_start(struct blocks *blocks, uint64_t start)
{
    size_t n = blocks->n_starts + 1;
    int r = ARRAY_GROW(blocks->starts, blocks->starts_capacity, n);
    if (r == 0)
        r = ARRAY_GROW(blocks->states, blocks->states_capacity, n);
    if (r < 0)
        return r;
    blocks->states[n - 1] = BLOCK_NEW;
    blocks->starts[n - 1] = start;
    blocks->n_starts = n;
    return 0;
}

/* Takes the table from the cache, while it is empty. */
static int recall_table(struct blocks *blocks, const struct buffer *buffer)
{
    struct blocks_fact fact;

    if (buffer->size <= sizeof fact)
        return -ENOENT;
    memcpy(&fact, buffer->data, sizeof fact);
    const uint8_t *starts = buffer->data + sizeof fact;
    size_t n = (buffer->size - sizeof fact) / (sizeof *blocks->starts + 1);
    const uint8_t *decoded = starts + n * sizeof *blocks->starts;
    for (size_t i = 0; i < n; i++) {
        uint64_t start;
        memcpy(&start, starts + i * sizeof start, sizeof start);
        if (add_start(blocks, start) < 0)
            break;
        blocks->states[i] = decoded[i] ? BLOCK_DECODED : BLOCK_NEW;
        blocks->n_decoded += decoded[i] > 0;
    }
    blocks->frame = fact.frame;
    blocks->complete = fact.complete && blocks->n_starts == n;
    blocks->checked = fact.checked;
    return blocks->n_starts ? 0 : -ENOMEM;
}

static int recall(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct buffer buffer = {0};
    int r = identity ? cache_get_fact(generation->cache, identity, KIND, FACT_VERSION, &buffer) : -ENOMEM;

    if (r == 0) {
        pthread_mutex_lock(&snapshot->blocks.lock);
        if (snapshot->blocks.n_starts == 0)
            r = recall_table(&snapshot->blocks, &buffer);
        pthread_mutex_unlock(&snapshot->blocks.lock);
    }
    buffer_finish(&buffer);
    return r;
}

void blocks_remember(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct blocks *blocks = &snapshot->blocks;
    struct buffer buffer = {0};
    struct blocks_fact fact;

    memset(&fact, 0, sizeof fact); /* padding too: it is written out */
    pthread_mutex_lock(&blocks->lock);
    fact.complete = blocks->complete;
    fact.checked = blocks->checked;
    fact.frame = blocks->frame;
    int r = buffer_append(&buffer, &fact, sizeof fact);
    if (r == 0)
        r = buffer_append(&buffer, blocks->starts, blocks->n_starts * sizeof *blocks->starts);
    for (size_t i = 0; i < blocks->n_starts && r == 0; i++) {
        uint8_t decoded = blocks->states[i] == BLOCK_DECODED;
        r = buffer_append(&buffer, &decoded, sizeof decoded);
    }
    pthread_mutex_unlock(&blocks->lock);
    if (identity && r == 0)
        cache_put_fact(generation->cache, identity, KIND, FACT_VERSION, buffer.data, buffer.size);
    buffer_finish(&buffer);
}

void blocks_forget(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    if (identity)
        cache_drop_fact(generation->cache, identity, KIND);
}

void blocks_drop_guesses(struct v03_generation *generation, struct snapshot *snapshot)
{
    struct blocks *blocks = &snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    size_t n = blocks->n_starts;
    while (n > 1 && blocks->states[n - 1] == BLOCK_NEW && blocks->states[n - 2] == BLOCK_NEW)
        n--;
    if (n < blocks->n_starts) {
        blocks->n_starts = n;
        blocks->complete = false;
    }
    pthread_mutex_unlock(&blocks->lock);
    blocks_forget(generation, snapshot);
}

int blocks_give_up(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->blocks.lock);
    snapshot->blocks.in_order = true;
    pthread_mutex_unlock(&snapshot->blocks.lock);
    return -EOPNOTSUPP;
}

/* Whether the table has been begun: 1, 0, or as blocks_begin. */
static int is_begun(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->blocks.lock);
    int r = snapshot->blocks.in_order ? -EOPNOTSUPP : snapshot->blocks.n_starts > 0;
    pthread_mutex_unlock(&snapshot->blocks.lock);
    return r;
}

int blocks_take_frame(struct v03_generation *generation, struct snapshot *snapshot,
                      const struct lz4_frame *frame)
{
    struct blocks *blocks = &snapshot->blocks;
    int r = is_begun(snapshot);

    if (r != 0)
        return r < 0 ? r : 0;
    if (!frame->independent)
        return blocks_give_up(snapshot);
    if (recall(generation, snapshot) == 0)
        return 0;
    pthread_mutex_lock(&blocks->lock);
    if (blocks->n_starts == 0) {
        r = add_start(blocks, frame->header_size);
        blocks->frame = *frame;
    }
    pthread_mutex_unlock(&blocks->lock);
    return r;
}

int blocks_begin(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    uint8_t bytes[LZ4_FRAME_HEADER_MAX];
    struct lz4_frame frame;
    int r = is_begun(snapshot);

    if (r != 0)
        return r < 0 ? r : 0;
    if (recall(generation, snapshot) == 0)
        return 0;
    task_set_step(task, "the snapshot's header");
    r = snapshot_object_read(generation, snapshot, 0, sizeof bytes, bytes, task);
    if (r < 0)
        return r;
    if (lz4_frame_parse(bytes, sizeof bytes, &frame) < 0)
        return blocks_give_up(snapshot); /* reading in order says what is wrong with it */
    return blocks_take_frame(generation, snapshot, &frame);
}

bool blocks_get(struct snapshot *snapshot, uint64_t wanted, struct block_place *ret_place)
{
    struct blocks *blocks = &snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    size_t n = blocks->n_starts - 1; /* blocks whose headers were read */
    bool known = wanted < n || (blocks->complete && n);
    size_t number = wanted < n ? (size_t)wanted : known ? n - 1 : n;
    *ret_place = (struct block_place){number, blocks->starts[number], known ? blocks->starts[number + 1] : 0};
    pthread_mutex_unlock(&blocks->lock);
    return known;
}

/* The header at the last place known is none. Perhaps the one that led there came wrong over the network: it
 * will be read again. */
static void drop_last(struct blocks *blocks, size_t number)
{
    pthread_mutex_lock(&blocks->lock);
    if (number > 0 && number + 1 == blocks->n_starts && !blocks->complete)
        blocks->n_starts--;
    pthread_mutex_unlock(&blocks->lock);
}

/* Whether the header is what the table has of its block: it leads to the next one, or is the end mark. Of a
 * block that was dropped meanwhile the table has nothing. */
static bool is_as_known(struct blocks *blocks, size_t number, const struct lz4_block *block)
{
    pthread_mutex_lock(&blocks->lock);
    bool is_last = number + 1 == blocks->n_starts;
    bool holds = is_last ? block->end || !blocks->complete
                         : number < blocks->n_starts && !block->end &&
                               blocks->starts[number] + block->span == blocks->starts[number + 1];
    pthread_mutex_unlock(&blocks->lock);
    return holds;
}

/* Whether the object ends as a frame does that has its end mark at the header of block `number`, which is not
 * the first. 1 or 0; or an errno. */
static int is_tail(struct v03_generation *generation, struct snapshot *snapshot, size_t number,
                   struct task *task)
{
    struct blocks *blocks = &snapshot->blocks;
    uint64_t size;
    int r = snapshot_object_size(generation, snapshot, task, &size);

    if (r < 0)
        return r;
    pthread_mutex_lock(&blocks->lock);
    uint64_t left = size - blocks->starts[number];
    pthread_mutex_unlock(&blocks->lock);
    return number > 0 && left == lz4_frame_tail(&blocks->frame);
}

int blocks_note_header(struct v03_generation *generation, struct snapshot *snapshot, size_t number,
                       const uint8_t header[static LZ4_BLOCK_HEADER_SIZE], struct task *task)
{
    struct blocks *blocks = &snapshot->blocks;
    struct lz4_block block;
    int r = 0;

    if (lz4_block_parse(&blocks->frame, header, &block) < 0) {
        drop_last(blocks, number);
        return snapshot_refuse(generation, snapshot, task, "a block header is invalid");
    }
    if (!is_as_known(blocks, number, &block)) {
        blocks_forget(generation, snapshot);
        return snapshot_refuse(generation, snapshot, task, "a block header leads elsewhere than before");
    }
    if (block.end && (r = is_tail(generation, snapshot, number, task)) <= 0)
        return r < 0 ? r : blocks_give_up(snapshot); /* reading in order says which of the two is wrong */
    r = 0;
    pthread_mutex_lock(&blocks->lock);
    if (number + 1 == blocks->n_starts && !blocks->complete) {
        if (block.end)
            blocks->complete = true;
        else
            r = add_start(blocks, blocks->starts[number] + block.span);
    }
    pthread_mutex_unlock(&blocks->lock);
    return r;
}

int blocks_note_starts(struct snapshot *snapshot, size_t number, const uint64_t *starts, size_t n,
                       bool complete)
{
    struct blocks *blocks = &snapshot->blocks;
    int r = 0;

    pthread_mutex_lock(&blocks->lock);
    /* Others may have found some of them meanwhile, or dropped the one before. */
    if (blocks->n_starts <= number)
        n = 0;
    for (size_t i = blocks->n_starts - number - 1; i < n && r == 0; i++)
        r = add_start(blocks, starts[i]);
    if (r == 0 && n && complete && blocks->n_starts == number + 1 + n)
        blocks->complete = true;
    pthread_mutex_unlock(&blocks->lock);
    return r;
}

void blocks_note_state(struct snapshot *snapshot, size_t number, enum block_state state)
{
    struct blocks *blocks = &snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    if (number < blocks->n_starts) { /* it may have been dropped meanwhile */
        enum block_state before = blocks->states[number];
        blocks->states[number] = state;
        blocks->n_decoded += (size_t)(state != BLOCK_NEW) - (size_t)(before != BLOCK_NEW);
        blocks->n_putting += (size_t)(state == BLOCK_PUTTING) - (size_t)(before == BLOCK_PUTTING);
    }
    pthread_cond_broadcast(&blocks->changed);
    pthread_mutex_unlock(&blocks->lock);
}

bool blocks_is_decoded(struct snapshot *snapshot, size_t number)
{
    struct blocks *blocks = &snapshot->blocks;

    pthread_mutex_lock(&blocks->lock);
    bool decoded = number < blocks->n_starts && blocks->states[number] == BLOCK_DECODED;
    pthread_mutex_unlock(&blocks->lock);
    return decoded;
}

uint32_t blocks_size(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->blocks.lock);
    uint32_t size =
        snapshot->blocks.in_order || snapshot->blocks.n_starts == 0 ? 0 : snapshot->blocks.frame.block_max;
    pthread_mutex_unlock(&snapshot->blocks.lock);
    return size;
}

/* As many as full blocks make. */
static size_t count_full(struct snapshot *snapshot)
{
    bool is_exact;
    uint64_t size = snapshot_size(snapshot, &is_exact);
    uint32_t block = blocks_size(snapshot);
    return block && size ? (size_t)((size - 1) / block + 1) : 1;
}

size_t blocks_expected(struct snapshot *snapshot, uint64_t *ret_bytes)
{
    size_t n = count_full(snapshot);

    pthread_mutex_lock(&snapshot->blocks.lock);
    if (snapshot->blocks.complete || n < snapshot->blocks.n_starts)
        n = snapshot->blocks.n_starts - snapshot->blocks.complete;
    pthread_mutex_unlock(&snapshot->blocks.lock);
    *ret_bytes = snapshot->object.size / n + 1;
    return n;
}

bool blocks_are_full(struct snapshot *snapshot, size_t number)
{
    size_t n = count_full(snapshot);

    pthread_mutex_lock(&snapshot->blocks.lock);
    bool full = number == 0 || (snapshot->blocks.complete && snapshot->blocks.n_starts - 1 == n);
    pthread_mutex_unlock(&snapshot->blocks.lock);
    return full;
}
