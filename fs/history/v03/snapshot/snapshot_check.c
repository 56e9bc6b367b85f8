/* Whether a snapshot holds, for whoever has read all he wants, and must know: its checksum shows it, once all
 * of it was decoded; or what comes when it is read once more, beside what the cache has of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "seekable/seekable.h"
#include "snapshot_parts.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"

int snapshot_comparison_init(struct snapshot_comparison *comparison, struct v03_generation *generation,
                             struct snapshot *snapshot)
{
    int r = snapshot_open(generation, snapshot);
    if (r < 0)
        return r;
    *comparison = (struct snapshot_comparison){.image = snapshot->image, .kept = malloc(V03_PIECE)};
    return comparison->kept ? 0 : -ENOMEM;
}

void snapshot_comparison_finish(struct snapshot_comparison *comparison)
{
    free(comparison->kept);
}

void snapshot_comparison_begin(struct snapshot_comparison *comparison)
{
    comparison->offset = 0;
    comparison->differs = false;
}

int snapshot_comparison_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct snapshot_comparison *comparison = context;

    for (size_t at = 0, part; at < length; at += part) {
        part = length - at < V03_PIECE ? length - at : V03_PIECE;
        size_t n = cache_image_peek(comparison->image, comparison->offset + at, part, comparison->kept);
        comparison->differs |= memcmp(comparison->kept, bytes + at, n) != 0;
    }
    comparison->offset += length;
    return 0;
}

/* What is read once more, and what it is compared with. */
struct snapshot_second_reading {
    const struct snapshot *snapshot;
    struct snapshot_comparison comparison;
};

/* A learnt_attempt. */
static int snapshot_attempt_again(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct snapshot_second_reading *reading = context;
    struct object_stream stream = {
        .generation = reading->snapshot->generation, .object = &reading->snapshot->object, .anew = anew};

    snapshot_comparison_begin(&reading->comparison);
    int r = object_decode(&stream, snapshot_comparison_sink, &reading->comparison, task);
    *ret_sum = stream.sum;
    return r;
}

/* Decodes all of it from the start. */
static int snapshot_read_again(struct snapshot *snapshot, struct seekable *frame, struct task *task)
{
    struct snapshot_second_reading reading = {.snapshot = snapshot};
    int r = snapshot_comparison_init(&reading.comparison, snapshot->generation, snapshot);

    if (r == 0)
        r = learnt_read(snapshot_attempt_again, &reading, task);
    snapshot_comparison_finish(&reading.comparison);
    if (r < 0)
        return r;
    if (reading.comparison.differs)
        return snapshot_fail(snapshot->generation, snapshot, 0, task,
                             "what was kept of it is something else");
    seekable_set_checked(frame);
    return 0;
}

/* Makes what is missing of it, as long as `*unchecked`: the read that makes the last block compares the
 * checksum. */
static int snapshot_make_rest(struct snapshot *snapshot, struct seekable *frame, struct task *task,
                              int *unchecked)
{
    int64_t block = seekable_block_size(frame), n = block;

    for (uint64_t offset = 0; *unchecked > 0 && n == block; offset += (uint64_t)block) {
        n = snapshot_read(snapshot->generation, snapshot, offset, (size_t)block, NULL, task);
        *unchecked = n < 0 ? *unchecked : seekable_is_unchecked(frame, task);
    }
    return n < 0 && n != -ENOSPC ? (int)n : *unchecked < 0 ? *unchecked : 0;
}

int snapshot_check_rest(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    struct seekable *frame;
    int unchecked = 0, r = snapshot_open(generation, snapshot);

    if (snapshot->object.size <= V03_WHOLE_OBJECT)
        return 0; /* it was checked when it was decoded */
    if (r == 0)
        r = snapshot_open_frame(snapshot, task, &frame);
    if (r == 0)
        r = unchecked = seekable_is_unchecked(frame, task);
    if (r > 0)
        r = snapshot_make_rest(snapshot, frame, task, &unchecked);
    /* All of it may be in the cache, while nobody knows that it was decoded; or there is no cache. */
    if (r == 0 && unchecked > 0)
        r = snapshot_read_again(snapshot, frame, task);
    return r == -EOPNOTSUPP ? 0 : r; /* what is decoded in order was checked then */
}
