/* A snapshot's decoded image, the database file.
 *
 * A small object is fetched whole and all its checksums hold before anything in it is used; of a large one
 * only the blocks that are read are made, or parts of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "seekable/block_make.h"
#include "snapshot.h"
#include "snapshot_check.h"
#include "snapshot_object.h"
#include "v03/object_stream.h"
#include "v03/v03.h"

/* Bytes: a small object that decodes to no more is decoded once, into memory, before any of it is put. */
#define DECODED_IN_MEMORY (4 << 20)

static int put_in_order(struct cache_fill *fill, const struct overview *overview)
{
    struct piece_writer writer = {.fill = fill};
    int r = piece_writer_sink(&writer, overview->start.data, overview->start.size);

    if (r == 0)
        r = piece_writer_end(&writer);
    piece_writer_finish(&writer);
    return r;
}

/* What is made of a small object. */
struct small_image {
    const struct block_reader *reader;
    struct cache_fill *fill;
};

/* A learnt_attempt. All its checksums hold before anything in it is put; what decodes to much is decoded once
 * more for that. */
static int small_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct small_image *image = context;
    const struct block_reader *reader = image->reader;
    struct object_stream stream = {
        .generation = reader->generation, .object = &reader->snapshot->object, .anew = anew};
    _cleanup_(buffer_finish) struct buffer plain = {0};
    struct piece_writer writer = {.fill = image->fill};
    struct overview overview = {.most = DECODED_IN_MEMORY};
    int r = object_fetch(&stream, &plain, task);

    *ret_sum = stream.sum;
    if (r == 0)
        r = object_decode_fetched(&stream, &plain, overview_sink, &overview, task);
    if (r == 0 && overview.size == overview.start.size) {
        r = put_in_order(image->fill, &overview);
    } else if (r == 0) {
        r = object_decode_fetched(&stream, &plain, piece_writer_sink, &writer, task);
        if (r == 0)
            r = piece_writer_end(&writer);
    }
    piece_writer_finish(&writer);
    buffer_finish(&overview.start);
    return r;
}

/* Decodes a large one from the start: some of it is put before it is known whether it holds. */
static int make_large_in_order(const struct block_reader *reader, struct cache_fill *fill, struct task *task)
{
    struct snapshot *snapshot = reader->snapshot;
    struct object_stream stream = {
        .generation = reader->generation, .object = &snapshot->object, .anew = snapshot->attempt > 0};
    struct piece_writer writer = {.fill = fill};
    int r = object_decode(&stream, piece_writer_sink, &writer, task);

    if (r == 0)
        r = piece_writer_end(&writer);
    piece_writer_finish(&writer);
    if (r != -EBADMSG)
        return r;
    char why[TASK_REASON_SIZE];
    snprintf(why, sizeof why, "%s", task_reason(task, r));
    task_forgive(task);
    return snapshot_fail(reader->generation, snapshot, stream.sum, task, why);
}

static int make_in_order(const struct block_reader *reader, struct cache_fill *fill, struct task *task)
{
    struct small_image image = {reader, fill};
    return reader->snapshot->object.size <= V03_WHOLE_OBJECT ? learnt_read(small_attempt, &image, task)
                                                             : make_large_in_order(reader, fill, task);
}

static int refuse_damaged(struct snapshot *snapshot, struct task *task)
{
    pthread_mutex_lock(&snapshot->lock);
    int r =
        task_fail(task, EIO, "%s", snapshot->learnt.damage ? snapshot->learnt.damage : "a damaged snapshot");
    pthread_mutex_unlock(&snapshot->lock);
    return r;
}

/* 0, or -EIO with a reason: nothing is read of it any more. */
static int check_usable(struct snapshot *snapshot, struct task *task)
{
    if (snapshot_failure(snapshot))
        return task_fail(task, EIO, "%s", snapshot_failure(snapshot));
    return snapshot_is_damaged(snapshot) ? refuse_damaged(snapshot, task) : 0;
}

/* Blocks that do not hold are read anew: first where they are taken to stand, and then, for a header before
 * them may have come wrong, where they are found again. */
static int make_blocks(const struct block_reader *reader, uint64_t offset, uint64_t length,
                       struct cache_fill *fill, struct task *task)
{
    struct snapshot *snapshot = reader->snapshot;
    int r = blocks_make(reader, offset, length, fill, task);

    for (int attempt = 0; attempt < 2 && r == -EBADMSG; attempt++) {
        log_info("%s; reading it anew", task_reason(task, r));
        task_forgive(task);
        snapshot_read_anew(snapshot, true);
        if (attempt > 0)
            blocks_drop_guesses(reader->generation, snapshot);
        r = blocks_make(reader, offset, length, fill, task);
        snapshot_read_anew(snapshot, false);
    }
    return r;
}

static int make_image(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                      struct task *task)
{
    const struct block_reader *reader = context;
    int r = check_usable(reader->snapshot, task); /* it may have failed since the read began */

    if (r < 0)
        return r;
    if (reader->snapshot->object.size > V03_WHOLE_OBJECT) {
        r = make_blocks(reader, offset, length, fill, task);
        if (r != -EOPNOTSUPP)
            return r;
    }
    return make_in_order(reader, fill, task);
}

/* A large snapshot is made by block, everything else whole. */
static void unit_of_image(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end)
{
    struct snapshot *snapshot = ((const struct block_reader *)context)->snapshot;
    uint32_t block = snapshot->object.size > V03_WHOLE_OBJECT ? blocks_size(snapshot) : 0;

    *ret_begin = block ? offset / block * block : 0;
    *ret_end = block ? *ret_begin + block : INT64_MAX;
}

int64_t snapshot_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                      size_t length, void *bytes, struct task *task)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct block_reader reader = {generation, snapshot, .ahead = !bytes};
    const struct cache_maker maker = {make_image, unit_of_image, &reader};

    int r = check_usable(snapshot, task);
    if (r < 0)
        return r;
    if (!identity || cache_image_open(generation->cache, identity, V03_PIECE, &reader.image) < 0)
        return -ENOMEM;
    int64_t n = cache_image_read(reader.image, offset, length, bytes, &maker, task);
    r = n < 0 ? (int)n : snapshot_check_whole(&reader, task);
    if (r == 0) /* another reader's check may not have held */
        r = check_usable(snapshot, task);
    cache_image_close(reader.image);
    return r < 0 ? r : n;
}

/* Enough of the object for the first piece, whatever it holds. */
#define PEEK_SIZE (LZ4_FRAME_HEADER_MAX + LZ4_BLOCK_HEADER_SIZE + V03_PIECE + V03_PIECE / 255 + 16)

static int put_piece(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                     struct task *task)
{
    return cache_fill_put(fill, 0, context, V03_PIECE, false);
}

/* Keeps the first piece, which will be asked for next. That it can't be kept does not matter. */
static void keep_first_piece(struct v03_generation *generation, const struct snapshot *snapshot,
                             uint8_t *piece, const struct task *task)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    const struct cache_maker maker = {.make = put_piece, .context = piece};
    struct cache_image *image;

    if (!identity || cache_image_open(generation->cache, identity, V03_PIECE, &image) < 0)
        return;
    cache_image_keep(image, 0, &maker, task);
    cache_image_close(image);
}

/* Decodes the first piece from the object's first `length` bytes, as far as they go. */
static int decode_start(struct v03_generation *generation, struct snapshot *snapshot, const uint8_t *start,
                        size_t length, uint8_t *piece, struct task *task, size_t *ret_size)
{
    struct lz4_frame frame;
    struct lz4_block block;

    if (lz4_frame_parse(start, length, &frame) < 0 || length < frame.header_size + LZ4_BLOCK_HEADER_SIZE ||
        lz4_block_parse(&frame, start + frame.header_size, &block) < 0 || block.end)
        return -EOPNOTSUPP;
    size_t data = frame.header_size + LZ4_BLOCK_HEADER_SIZE;
    int r = blocks_take_frame(generation, snapshot, &frame);
    if (r == 0)
        r = blocks_note_header(generation, snapshot, 0, start + frame.header_size, task);
    if (r < 0 && r != -EOPNOTSUPP)
        return r;
    /* The first block of a frame has no block before it, linked or not. */
    return lz4_block_decode_start(&frame, &block, start + data, length - data, piece, V03_PIECE, ret_size);
}

int snapshot_peek(struct v03_generation *generation, struct snapshot *snapshot, size_t wanted, uint8_t *bytes,
                  struct task *task)
{
    uint64_t size;
    size_t got = 0;
    int r = snapshot_object_size(generation, snapshot, task, &size);

    if (r < 0)
        return r;
    size_t length = size < PEEK_SIZE ? (size_t)size : PEEK_SIZE;
    _cleanup_free_ uint8_t *start = malloc(length + 1), *piece = malloc(V03_PIECE);
    if (!start || !piece)
        return -ENOMEM;
    task_set_step(task, "the snapshot's first page");
    r = snapshot_object_read(generation, snapshot, 0, length, start, task);
    if (r == 0)
        r = decode_start(generation, snapshot, start, length, piece, task, &got);
    if (r < 0)
        return r == -EBADMSG ? -EOPNOTSUPP : r; /* decoding all of it says what is wrong */
    if (got < wanted)
        return -EOPNOTSUPP;
    if (got == V03_PIECE && blocks_size(snapshot))
        keep_first_piece(generation, snapshot, piece, task);
    memcpy(bytes, piece, wanted);
    return 0;
}
