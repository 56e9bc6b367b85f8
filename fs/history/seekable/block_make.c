#include "block_make.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/parallel.h"
#include "litemount/task.h"
#include "litemount/workspaces.h"
#include "v03/object_stream.h"
#include "v03/snapshot/snapshot.h"
#include "v03/snapshot/snapshot_check.h"
#include "v03/snapshot/snapshot_object.h"
#include "v03/v03.h"

/* Bytes of the image from the last block known to one that a reader in order may want. */
#define AHEAD (96 << 20)

#define MAKERS 4        /* threads that read through for one reader */
#define GUESS_MORE 4096 /* bytes: what a guess of a beginning's length is too short by, mostly */

/* A snapshot up to this is fetched whole when more than its beginning is wanted: at 100 MB/s it takes about
 * as long as the round trips of finding a few of its blocks. */
#define SMALL_OBJECT (8 << 20) /* bytes */
#define SMALL_IMAGE (64 << 20) /* bytes: what it decodes to */

_Static_assert(BLOCK_STORED + (4 << 20) <= HISTORY_BLOCK, "a workspace holds a block");

/* The beginning of a block in its object, from the header on. */
struct fetched {
    uint8_t *bytes; /* a workspace */
    size_t length;
};

int block_put(const struct block_reader *reader, size_t number, uint8_t *workspace, size_t length,
              struct cache_fill *fill, struct task *task)
{
    struct v03_generation *generation = reader->generation;
    struct snapshot *snapshot = reader->snapshot;
    const struct lz4_frame *frame = &snapshot->blocks.frame;
    uint8_t *data = workspace + LZ4_BLOCK_HEADER_SIZE, *content = workspace + BLOCK_STORED;
    struct lz4_block block, next;
    size_t size;

    if (lz4_block_parse(frame, workspace, &block) < 0 || block.end ||
        block.span + LZ4_BLOCK_HEADER_SIZE != length ||
        lz4_block_parse(frame, workspace + block.span, &next) < 0)
        return snapshot_refuse(generation, snapshot, task, "a block header is invalid");
    size = block.size;
    if (block.raw && !frame->block_checksum)
        content = data;
    else if (lz4_block_decode(frame, &block, data, content, &size) < 0)
        return snapshot_refuse(generation, snapshot, task, "a block of it does not decode");
    int r = blocks_note_header(generation, snapshot, number + 1, workspace + block.span, task);
    if (r < 0)
        return r;
    if (!next.end && size != frame->block_max)
        return blocks_give_up(snapshot); /* a writer that flushes: what it holds can't be told by number */
    r = snapshot_check_kept(reader, number, content, size, task);
    if (r < 0)
        return r;
    blocks_note_state(snapshot, number, BLOCK_PUTTING);
    snapshot_check_add(snapshot, number, content, size);
    r = cache_fill_put(fill, (uint64_t)number * frame->block_max, content, size, next.end);
    blocks_note_state(snapshot, number, r == 0 ? BLOCK_DECODED : BLOCK_NEW);
    blocks_remember(generation, snapshot);
    return r;
}

/* Makes sure that the block's first `length` bytes are there. */
static int fetch(const struct block_reader *reader, const struct block_place *place, size_t length,
                 struct task *task, struct fetched *fetched)
{
    if (length <= fetched->length)
        return 0;
    task_set_step(task, "block %zu of the snapshot", place->number);
    int r = snapshot_object_read(reader->generation, reader->snapshot, place->start + fetched->length,
                                 length - fetched->length, fetched->bytes + fetched->length, task);
    if (r == 0)
        fetched->length = length;
    return r;
}

/* How many bytes of a block decode to its first `wanted`, at a guess; all of them if that is nearly all. */
static size_t guess_length(const struct block_reader *reader, const struct block_place *place, size_t wanted,
                           uint64_t left)
{
    uint64_t bytes, block_max = reader->snapshot->blocks.frame.block_max, most;

    blocks_expected(reader->snapshot, &bytes);
    if (place->end)
        bytes = place->end - place->start;
    most = place->end ? bytes + LZ4_BLOCK_HEADER_SIZE : bytes + bytes / 8 + LZ4_BLOCK_HEADER_SIZE;
    bytes = wanted < block_max ? bytes * wanted / block_max * 5 / 4 + GUESS_MORE : most;
    bytes = bytes < most ? bytes : most;
    bytes = bytes < BLOCK_STORED ? bytes : BLOCK_STORED;
    return (size_t)(bytes < left ? bytes : left);
}

/* Puts the block's first `wanted` bytes, or more, if what was fetched decodes to them: 1, else 0. */
static int put_start(const struct block_reader *reader, const struct block_place *place,
                     const struct lz4_block *block, const struct fetched *fetched, size_t wanted,
                     struct cache_fill *fill, struct task *task)
{
    const struct lz4_frame *frame = &reader->snapshot->blocks.frame;
    uint8_t *decoded = fetched->bytes + BLOCK_STORED;
    size_t got;

    if (lz4_block_decode_start(frame, block, fetched->bytes + LZ4_BLOCK_HEADER_SIZE,
                               fetched->length - LZ4_BLOCK_HEADER_SIZE, decoded, wanted, &got) < 0)
        return snapshot_refuse(reader->generation, reader->snapshot, task, "a block of it does not decode");
    if (got < wanted)
        return 0;
    int r = cache_fill_put(fill, (uint64_t)place->number * frame->block_max, decoded, wanted, false);
    return r < 0 ? r : 1;
}

/* Makes the first `wanted` bytes of a block, or all. -EAGAIN: the end mark stands there. */
static int make_block(const struct block_reader *reader, const struct block_place *place, size_t wanted,
                      uint8_t *workspace, struct cache_fill *fill, struct task *task)
{
    struct fetched fetched = {.bytes = workspace};
    const struct lz4_frame *frame = &reader->snapshot->blocks.frame;
    struct lz4_block block;
    uint64_t size;
    int r = snapshot_object_size(reader->generation, reader->snapshot, task, &size);

    if (r < 0)
        return r;
    if (place->start >= size || size - place->start < LZ4_BLOCK_HEADER_SIZE)
        return snapshot_refuse(reader->generation, reader->snapshot, task, "it is cut short");
    r = fetch(reader, place, guess_length(reader, place, wanted, size - place->start), task, &fetched);
    if (r == 0)
        r = blocks_note_header(reader->generation, reader->snapshot, place->number, fetched.bytes, task);
    if (r < 0)
        return r;
    lz4_block_parse(frame, fetched.bytes, &block);
    if (block.end)
        return -EAGAIN;
    if (wanted < frame->block_max) {
        /* Its beginning may shrink less than the rest. */
        size_t enough = LZ4_BLOCK_HEADER_SIZE + wanted + wanted / 255 + 16;
        r = put_start(reader, place, &block, &fetched, wanted, fill, task);
        if (r == 0 && enough < block.span / 2 && fetched.length < enough)
            if ((r = fetch(reader, place, enough, task, &fetched)) == 0)
                r = put_start(reader, place, &block, &fetched, wanted, fill, task);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    r = fetch(reader, place, block.span + LZ4_BLOCK_HEADER_SIZE, task, &fetched);
    return r < 0
               ? r
               : block_put(reader, place->number, workspace, block.span + LZ4_BLOCK_HEADER_SIZE, fill, task);
}

/* Whether bytes of the block before `begin` were made already: the ones right before it, so that somebody
 * seems to read in order, or those half way to it. */
static bool was_begun(const struct block_reader *reader, size_t number, uint64_t begin)
{
    uint64_t start = (uint64_t)number * reader->snapshot->blocks.frame.block_max;
    return begin > 0 && (cache_image_has(reader->image, start + begin - V03_PIECE) ||
                         cache_image_has(reader->image, start + begin / 2));
}

/* How many of the block's bytes to make if those from `begin` to `end` are wanted. No block is fetched in
 * many steps. */
static size_t worth_making(const struct block_reader *reader, size_t number, uint64_t begin, uint64_t end)
{
    const struct lz4_frame *frame = &reader->snapshot->blocks.frame;
    bool whole = reader->ahead || frame->block_checksum || end > frame->block_max / 2 ||
                 !blocks_are_full(reader->snapshot, number) || was_begun(reader, number, begin);
    return whole ? frame->block_max : (size_t)end;
}

static bool is_small(const struct block_reader *reader, uint64_t number)
{
    bool is_exact;
    return number > 0 && reader->snapshot->object.size <= SMALL_OBJECT &&
           snapshot_size(reader->snapshot, &is_exact) <= SMALL_IMAGE;
}

struct reading_through {
    const struct block_reader *reader;
    size_t number; /* of the last block that is wanted */
    struct cache_fill *fill;
};

/* That it can't be read on that way is no failure. */
static int read_through(void *context, size_t item, struct task *task)
{
    const struct reading_through *reading = context;
    int r = sequential_make(reading->reader, reading->number, reading->fill, task);
    return r == -EAGAIN || r == -EOPNOTSUPP ? 0 : r;
}

/* Makes all blocks up to `number` if that is to be done by reading through; else -EAGAIN, or an errno. */
static int make_through(const struct block_reader *reader, uint64_t number, struct cache_fill *fill,
                        struct task *task)
{
    struct reading_through reading = {reader, (size_t)number, fill};
    size_t near = AHEAD / reader->snapshot->blocks.frame.block_max;
    struct block_place place;

    if (sequential_nears(&reader->snapshot->sequential, (size_t)number, near))
        return sequential_make(reader, (size_t)number, fill, task);
    if (blocks_get(reader->snapshot, number, &place))
        return -EAGAIN;
    if (!reader->ahead || number - place.number >= near) {
        if (!is_small(reader, number))
            return -EAGAIN;
        reading.number = SIZE_MAX;
    }
    /* Nobody else is at it: several threads for it fill the line. */
    int r = parallel_each(MAKERS, MAKERS, read_through, &reading, task);
    if (r < 0)
        return r;
    return blocks_is_decoded(reader->snapshot, (size_t)number) ? 0 : -EAGAIN;
}

/* Makes a block that stands at `place`, bytes from `begin` to `end` in it at least. */
static int make_placed(const struct block_reader *reader, const struct block_place *place, uint64_t begin,
                       uint64_t end, struct cache_fill *fill, struct task *task)
{
    struct v03_generation *generation = reader->generation;
    uint8_t *workspace;
    int r = workspaces_take(generation->blocks, generation->base.store, task, &workspace);

    if (r < 0)
        return r;
    r = make_block(reader, place, worth_making(reader, place->number, begin, end), workspace, fill, task);
    workspaces_give(generation->blocks, generation->base.store, workspace);
    return r;
}

/* Makes what is wanted of block `number`, bytes from `begin` to `end` in it. `*ret_last`: there is none after
 * it. */
static int make_part(const struct block_reader *reader, uint64_t number, uint64_t begin, uint64_t end,
                     struct cache_fill *fill, struct task *task, bool *ret_last)
{
    struct snapshot *snapshot = reader->snapshot;
    struct block_place place;
    int r = make_through(reader, number, fill, task);

    while (r == -EAGAIN) {
        r = 0;
        /* Where the first header to be read is the block's own, it is read along with the block. */
        if (!blocks_get(snapshot, number, &place) && place.number != number)
            r = blocks_find(reader->generation, snapshot, number, task, &place);
        *ret_last = place.number < number; /* the image's end is looked for, and is in the last block */
        if (r == 0)
            r = make_placed(reader, &place, begin, *ret_last ? snapshot->blocks.frame.block_max : end, fill,
                            task);
    }
    return r;
}

int blocks_make(const struct block_reader *reader, uint64_t offset, uint64_t length, struct cache_fill *fill,
                struct task *task)
{
    int r = blocks_begin(reader->generation, reader->snapshot, task);
    uint64_t end = offset + length, block_max = reader->snapshot->blocks.frame.block_max;
    bool last = false;

    if (r == 0 && reader->ahead && (r = make_through(reader, (end - 1) / block_max, fill, task)) == -EAGAIN)
        r = 0;
    while (r == 0 && offset < end && !last) {
        uint64_t number = offset / block_max, begin = number * block_max, stop = begin + block_max;
        /* Who reads through has made it, most of the time. */
        if (!reader->ahead || !cache_image_has(reader->image, offset))
            r = make_part(reader, number, offset - begin, (end < stop ? end : stop) - begin, fill, task,
                          &last);
        offset = stop;
    }
    return r;
}
