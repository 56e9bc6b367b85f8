/* Reading a snapshot's image, the database file, through the cache: what is missing there is made here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "seekable/seekable.h"
#include "snapshot_parts.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"

/* Bytes: a small object that decodes to no more is decoded once, into memory, before any of it is put. */
#define DECODED_IN_MEMORY (4 << 20)

/* Who reads. Plain value. */
struct snapshot_reader {
    struct snapshot *snapshot;
    bool ahead; /* for a reader to come, who reads in order */
};

/* What is made of a small object. */
struct small_image {
    struct snapshot *snapshot;
    struct cache_fill *fill;
};

/* A learnt_attempt. All its checksums hold before anything in it is put; what decodes to much is decoded once
 * more for that. */
static int snapshot_attempt_small(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct small_image *small = context;
    struct object_stream stream = {
        .generation = small->snapshot->generation, .object = &small->snapshot->object, .anew = anew};
    _cleanup_(buffer_finish) struct buffer plain = {0};
    struct piece_writer writer = {.fill = small->fill};
    struct overview overview = {.most = DECODED_IN_MEMORY};
    int r = object_fetch(&stream, &plain, task);

    *ret_sum = stream.sum;
    if (r == 0)
        r = object_decode_fetched(&stream, &plain, overview_sink, &overview, task);
    if (r == 0 && overview.size == overview.start.size) {
        r = cache_fill_put(small->fill, 0, overview.start.data, overview.start.size, true);
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
static int snapshot_make_large_in_order(struct snapshot *snapshot, struct cache_fill *fill, struct task *task)
{
    struct object_stream stream = {
        .generation = snapshot->generation, .object = &snapshot->object, .anew = snapshot->attempt > 0};
    struct piece_writer writer = {.fill = fill};
    int r = object_decode(&stream, piece_writer_sink, &writer, task);

    if (r == 0)
        r = piece_writer_end(&writer);
    piece_writer_finish(&writer);
    if (r != -EBADMSG)
        return r;
    /* The reason begins with the object's name, and so will the one that it is part of. */
    const char *reason = task_reason(task, r);
    size_t length = strlen(snapshot->name);
    bool is_named = strncmp(reason, snapshot->name, length) == 0;
    char why[TASK_REASON_SIZE];
    snprintf(why, sizeof why, "%s%s", is_named ? "it" : "", reason + (is_named ? length : 0));
    task_forgive(task);
    return snapshot_fail(snapshot->generation, snapshot, stream.sum, task, why);
}

/* A cache_make. */
static int snapshot_make_image(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                               struct task *task)
{
    const struct snapshot_reader *reader = context;
    struct snapshot *snapshot = reader->snapshot;
    struct small_image small = {snapshot, fill};
    struct seekable *frame;
    int r = snapshot_check_usable(snapshot, task); /* it may have failed since the read began */

    if (r < 0)
        return r;
    if (snapshot->object.size <= V03_WHOLE_OBJECT)
        return learnt_read(snapshot_attempt_small, &small, task);
    r = snapshot_open_frame(snapshot, task, &frame);
    if (r == 0)
        r = seekable_make(frame, offset, length, reader->ahead, fill, task);
    return r == -EOPNOTSUPP ? snapshot_make_large_in_order(snapshot, fill, task) : r;
}

/* A cache_unit. A large snapshot is made by block, everything else whole. */
static void snapshot_unit(void *context, uint64_t offset, uint64_t *ret_begin, uint64_t *ret_end)
{
    struct seekable *frame = snapshot_frame(((const struct snapshot_reader *)context)->snapshot);
    uint32_t block = frame ? seekable_block_size(frame) : 0;

    *ret_begin = block ? offset / block * block : 0;
    *ret_end = block ? *ret_begin + block : INT64_MAX;
}

int64_t snapshot_read(struct v03_generation *generation, struct snapshot *snapshot, uint64_t offset,
                      size_t length, void *bytes, struct task *task)
{
    struct snapshot_reader reader = {snapshot, .ahead = !bytes};
    const struct cache_maker maker = {snapshot_make_image, snapshot_unit, &reader};
    int r = snapshot_open(generation, snapshot);

    if (r == 0)
        r = snapshot_check_usable(snapshot, task);
    if (r < 0)
        return r;
    int64_t n = cache_image_read(snapshot->image, offset, length, bytes, &maker, task);
    struct seekable *frame = snapshot_frame(snapshot);
    r = n < 0 ? (int)n : frame ? seekable_check(frame, reader.ahead, task) : 0;
    if (r == 0) /* another reader's check may not have held */
        r = snapshot_check_usable(snapshot, task);
    return r < 0 ? r : n;
}
