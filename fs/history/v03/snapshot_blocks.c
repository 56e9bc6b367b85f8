#include "snapshot_blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "object_source.h"
#include "object_stream.h"

#define KIND "blocks"
#define FACT_VERSION 2

/* The head of what is kept of a block table; the starts follow, then which blocks were decoded. */
struct blocks_fact {
    uint32_t version;
    uint32_t complete, checked;
    struct lz4_frame frame;
};

static int refuse(struct v03_generation *generation, const struct snapshot *snapshot, struct task *task,
                  const char *why)
{
    return task_fail(task, EBADMSG, "%s/%s is damaged: %s", replica_url(generation->replica),
                     snapshot->object.key, why);
}

/* The snapshot's plain bytes: opened once, kept with it. */
static int open_source(struct v03_generation *generation, struct snapshot *snapshot, struct task *task,
                       struct object_source **ret_source)
{
    struct object_source opened, *kept;

    pthread_mutex_lock(&snapshot->lock);
    *ret_source = snapshot->source;
    pthread_mutex_unlock(&snapshot->lock);
    if (*ret_source)
        return 0;
    int r = object_source_open(generation, &snapshot->object, task, &opened);
    if (r < 0)
        return r;
    kept = malloc(sizeof *kept);
    if (kept)
        *kept = opened;
    pthread_mutex_lock(&snapshot->lock);
    bool mine = kept && !snapshot->source;
    if (mine)
        snapshot->source = kept;
    *ret_source = snapshot->source;
    pthread_mutex_unlock(&snapshot->lock);
    if (!mine) {
        object_source_finish(&opened);
        free(kept);
    }
    return *ret_source ? 0 : -ENOMEM;
}

int snapshot_object_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                         size_t length, void *bytes, struct task *task)
{
    struct object_source *source;
    uint64_t end;
    int r = open_source(generation, snapshot, task, &source);

    if (r < 0)
        return r;
    if (__builtin_add_overflow(offset, length, &end) || end > source->size)
        return refuse(generation, snapshot, task, "it is cut short");
    return object_source_read(source, offset, length, bytes, task);
}

/* Makes room for one more block. Called with the snapshot locked. */
static int reserve_start(struct snapshot *snapshot)
{
    size_t n = snapshot->n_starts + 1;
    int r = ARRAY_GROW(snapshot->starts, snapshot->starts_capacity, n);
    if (r == 0)
        r = ARRAY_GROW(snapshot->decoded, snapshot->decoded_capacity, n);
    if (r == 0)
        snapshot->decoded[n - 1] = false;
    return r;
}

/* Takes the table from the cache. Called with the snapshot locked, while its table is empty. */
static int recall_table(struct snapshot *snapshot, const struct buffer *buffer)
{
    struct blocks_fact fact;

    if (buffer->size <= sizeof fact)
        return -ENOENT;
    memcpy(&fact, buffer->data, sizeof fact);
    const uint8_t *starts = buffer->data + sizeof fact;
    size_t n = (buffer->size - sizeof fact) / (sizeof *snapshot->starts + 1);
    const uint8_t *decoded = starts + n * sizeof *snapshot->starts;
    if (fact.version != FACT_VERSION)
        return -ENOENT;
    for (size_t i = 0; i < n; i++) {
        if (reserve_start(snapshot) < 0)
            break;
        memcpy(&snapshot->starts[i], starts + i * sizeof *snapshot->starts, sizeof *snapshot->starts);
        snapshot->decoded[i] = decoded[i];
        snapshot->n_decoded += decoded[i];
        snapshot->n_starts++;
    }
    snapshot->frame = fact.frame;
    snapshot->starts_complete = fact.complete && snapshot->n_starts == n;
    snapshot->checked = fact.checked;
    return 0;
}

static int recall(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct buffer buffer = {0};
    int r = identity ? cache_get_fact(generation->cache, identity, KIND, &buffer) : -ENOMEM;

    if (r == 0) {
        pthread_mutex_lock(&snapshot->lock);
        if (snapshot->n_starts == 0)
            r = recall_table(snapshot, &buffer);
        pthread_mutex_unlock(&snapshot->lock);
    }
    buffer_finish(&buffer);
    return r;
}

void snapshot_remember_blocks(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct buffer buffer = {0};
    struct blocks_fact fact;

    memset(&fact, 0, sizeof fact); /* padding too: it is written out */
    pthread_mutex_lock(&snapshot->lock);
    fact.version = FACT_VERSION;
    fact.complete = snapshot->starts_complete;
    fact.checked = snapshot->checked;
    fact.frame = snapshot->frame;
    int r = buffer_append(&buffer, &fact, sizeof fact);
    if (r == 0)
        r = buffer_append(&buffer, snapshot->starts, snapshot->n_starts * sizeof *snapshot->starts);
    if (r == 0)
        r = buffer_append(&buffer, snapshot->decoded, snapshot->n_starts);
    pthread_mutex_unlock(&snapshot->lock);
    if (identity && r == 0)
        cache_put_fact(generation->cache, identity, KIND, buffer.data, buffer.size);
    buffer_finish(&buffer);
}

/* Begins the table: the first block stands behind the frame header. */
static int begin_table(struct snapshot *snapshot, const struct lz4_frame *frame)
{
    int r = 0;
    pthread_mutex_lock(&snapshot->lock);
    if (snapshot->n_starts == 0) {
        r = reserve_start(snapshot);
        if (r == 0) {
            snapshot->frame = *frame;
            snapshot->starts[snapshot->n_starts++] = frame->header_size;
        }
    }
    pthread_mutex_unlock(&snapshot->lock);
    return r;
}

static int give_up_blocks(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->lock);
    snapshot->in_order = true;
    pthread_mutex_unlock(&snapshot->lock);
    return -EOPNOTSUPP;
}

/* Makes sure that the table has been begun. */
static int know_frame(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    uint8_t bytes[LZ4_FRAME_HEADER_MAX];
    struct lz4_frame frame;

    pthread_mutex_lock(&snapshot->lock);
    bool known = snapshot->n_starts > 0, in_order = snapshot->in_order;
    pthread_mutex_unlock(&snapshot->lock);
    if (in_order)
        return -EOPNOTSUPP;
    if (known || recall(generation, snapshot) == 0)
        return 0;
    int r = snapshot_object_read(generation, snapshot, 0, sizeof bytes, bytes, task);
    if (r < 0)
        return r;
    /* Reading in order says what is wrong with the header, if anything is. */
    if (lz4_frame_parse(bytes, sizeof bytes, &frame) < 0 || !frame.independent)
        return give_up_blocks(snapshot);
    return begin_table(snapshot, &frame);
}

/* Takes in the header of block `n`: now it is known where the next one stands, or that none follows. */
static int note_header(struct v03_generation *generation, struct snapshot *snapshot, size_t n,
                       const uint8_t header[static LZ4_BLOCK_HEADER_SIZE], struct task *task)
{
    struct lz4_block block;
    int r = 0;

    if (lz4_block_parse(&snapshot->frame, header, &block) < 0)
        return refuse(generation, snapshot, task, "a block header does not hold");
    pthread_mutex_lock(&snapshot->lock);
    if (n + 1 == snapshot->n_starts && !snapshot->starts_complete) {
        if (block.end)
            snapshot->starts_complete = true;
        else if ((r = reserve_start(snapshot)) == 0)
            snapshot->starts[snapshot->n_starts++] = snapshot->starts[n] + block.span;
    }
    pthread_mutex_unlock(&snapshot->lock);
    return r;
}

/* One block's place. */
struct place {
    size_t number;
    uint64_t start, end; /* of its header, and of the next one's, in the object */
};

/* Where block `wanted` is, or the last one if there are not so many; hops to it from the last block known. */
static int find_block(struct v03_generation *generation, struct snapshot *snapshot, uint64_t wanted,
                      struct task *task, struct place *ret_place)
{
    bool hopped = false;

    for (;;) {
        uint8_t header[LZ4_BLOCK_HEADER_SIZE];
        pthread_mutex_lock(&snapshot->lock);
        size_t n = snapshot->n_starts - 1; /* blocks whose headers were read */
        bool found = wanted < n || snapshot->starts_complete;
        size_t number = wanted < n ? (size_t)wanted : n - 1;
        uint64_t last = snapshot->starts[n];
        if (found && n)
            *ret_place = (struct place){number, snapshot->starts[number], snapshot->starts[number + 1]};
        pthread_mutex_unlock(&snapshot->lock);
        if (found && hopped)
            snapshot_remember_blocks(generation, snapshot);
        if (found)
            return n ? 0 : refuse(generation, snapshot, task, "it holds nothing");
        int r = snapshot_object_read(generation, snapshot, last, sizeof header, header, task);
        if (r == 0)
            r = note_header(generation, snapshot, n, header, task);
        if (r < 0)
            return r;
        hopped = true;
    }
}

/* Decodes a block from its header on; the next block's header follows in `bytes`. */
static int decode_block(struct v03_generation *generation, struct snapshot *snapshot,
                        const struct place *place, const uint8_t *bytes, uint8_t *decoded, struct task *task,
                        size_t *ret_size, bool *ret_last)
{
    const uint8_t *next = bytes + (place->end - place->start);
    struct lz4_block block;

    if (lz4_block_parse(&snapshot->frame, bytes, &block) < 0 || block.end ||
        block.span != place->end - place->start)
        return refuse(generation, snapshot, task, "a block header does not hold");
    if (lz4_block_decode(&snapshot->frame, &block, bytes + LZ4_BLOCK_HEADER_SIZE, decoded, ret_size) < 0)
        return refuse(generation, snapshot, task, "a block of it does not decode");
    if (lz4_block_parse(&snapshot->frame, next, &block) < 0)
        return refuse(generation, snapshot, task, "a block header does not hold");
    *ret_last = block.end;
    return note_header(generation, snapshot, place->number + 1, next, task);
}

static void note_decoded(struct snapshot *snapshot, size_t number)
{
    pthread_mutex_lock(&snapshot->lock);
    snapshot->n_decoded += !snapshot->decoded[number];
    snapshot->decoded[number] = true;
    pthread_mutex_unlock(&snapshot->lock);
}

static int make_block(struct v03_generation *generation, struct snapshot *snapshot, const struct place *place,
                      struct cache_fill *fill, struct task *task)
{
    size_t length = (size_t)(place->end - place->start) + LZ4_BLOCK_HEADER_SIZE, size = 0;
    _cleanup_free_ uint8_t *bytes = malloc(length);
    _cleanup_free_ uint8_t *decoded = malloc(snapshot->frame.block_max);
    bool last = false;

    if (!bytes || !decoded)
        return -ENOMEM;
    int r = snapshot_object_read(generation, snapshot, place->start, length, bytes, task);
    if (r == 0)
        r = decode_block(generation, snapshot, place, bytes, decoded, task, &size, &last);
    if (r < 0)
        return r;
    if (!last && size != snapshot->frame.block_max)
        return give_up_blocks(
            snapshot); /* a writer that flushes: what a block holds can't be told by number */
    r = cache_fill_put(fill, (uint64_t)place->number * snapshot->frame.block_max, decoded, size, last);
    if (r < 0)
        return r;
    note_decoded(snapshot, place->number);
    snapshot_remember_blocks(generation, snapshot);
    return 0;
}

int snapshot_make_blocks(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                         uint64_t length, struct cache_fill *fill, struct task *task)
{
    struct place place = {0};
    int r = know_frame(generation, snapshot, task);

    for (uint64_t at = offset; r == 0 && at < offset + length; at += snapshot->frame.block_max) {
        uint64_t block = at / snapshot->frame.block_max;
        at = block * snapshot->frame.block_max;
        r = find_block(generation, snapshot, block, task, &place);
        if (r == 0)
            r = make_block(generation, snapshot, &place, fill, task);
        if (r == 0 && place.number < block)
            break; /* that was the last one */
    }
    return r;
}

uint32_t snapshot_block_size(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->lock);
    uint32_t size = snapshot->in_order || snapshot->n_starts == 0 ? 0 : snapshot->frame.block_max;
    pthread_mutex_unlock(&snapshot->lock);
    return size;
}

#define PEEK_SIZE (16 << 10) /* bytes of the object: more than a database header ever needs */

int snapshot_peek(struct v03_generation *generation, struct snapshot *snapshot, size_t wanted, uint8_t *bytes,
                  struct task *task)
{
    struct object_source *source;
    int r = open_source(generation, snapshot, task, &source);
    if (r < 0)
        return r;
    uint64_t size = source->size;
    size_t length = size < PEEK_SIZE ? (size_t)size : PEEK_SIZE, got;
    _cleanup_free_ uint8_t *start = malloc(length + 1);
    struct lz4_frame frame;
    struct lz4_block block;

    if (!start)
        return -ENOMEM;
    r = object_source_read(source, 0, length, start, task);
    if (r < 0)
        return r;
    if (lz4_frame_parse(start, length, &frame) < 0 || length < frame.header_size + LZ4_BLOCK_HEADER_SIZE ||
        lz4_block_parse(&frame, start + frame.header_size, &block) < 0 || block.end)
        return -EOPNOTSUPP;
    size_t data = frame.header_size + LZ4_BLOCK_HEADER_SIZE, given = length - data;
    given = given < block.size ? given : block.size;
    /* The first block of a frame has no block before it, linked or not. */
    if (lz4_block_decode_start(&frame, &block, start + data, given, bytes, wanted, &got) < 0 || got < wanted)
        return -EOPNOTSUPP;
    return 0;
}

int snapshot_last_block(struct v03_generation *generation, struct snapshot *snapshot, struct task *task,
                        uint64_t *ret_number)
{
    struct place place = {0};
    int r = know_frame(generation, snapshot, task);

    if (r == 0)
        r = find_block(generation, snapshot, UINT64_MAX, task, &place);
    if (r == 0)
        *ret_number = place.number;
    return r;
}
