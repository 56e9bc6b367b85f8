#include "snapshot_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "object_stream.h"
#include "snapshot_blocks.h"

#define STEP (1 << 20) /* bytes read from the cache at once */

/* Takes the check upon itself: true if it is due, and for nobody else from now on. `*ret_end` is where the
 * end mark stands in the object. */
static bool take_check(struct snapshot *snapshot, uint64_t *ret_end)
{
    pthread_mutex_lock(&snapshot->lock);
    bool due = !snapshot->checked && !snapshot->checking && snapshot->starts_complete &&
               snapshot->n_decoded + 1 == snapshot->n_starts && snapshot->frame.content_checksum;
    if (due) {
        snapshot->checking = true;
        *ret_end = snapshot->starts[snapshot->n_starts - 1];
    }
    pthread_mutex_unlock(&snapshot->lock);
    return due;
}

/* The check has ended. If it did not hold, it is due again once the blocks that the cache does not have were
 * decoded once more. */
static void end_check(struct snapshot *snapshot, struct cache_image *image, bool holds)
{
    pthread_mutex_lock(&snapshot->lock);
    size_t n = snapshot->n_starts;
    uint32_t block_size = snapshot->frame.block_max;
    pthread_mutex_unlock(&snapshot->lock);

    _cleanup_free_ bool *there = calloc(n, sizeof *there);
    for (size_t i = 0; there && i + 1 < n; i++)
        there[i] = cache_image_has(image, i * block_size);

    pthread_mutex_lock(&snapshot->lock);
    snapshot->checking = false;
    snapshot->checked = holds;
    snapshot->n_decoded = 0;
    for (size_t i = 0; i < n; i++) {
        snapshot->decoded[i] = there && there[i];
        snapshot->n_decoded += snapshot->decoded[i];
    }
    pthread_mutex_unlock(&snapshot->lock);
}

/* What the cache has lost again is not fetched for this. */
static int make_nothing(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                        struct task *task)
{
    return -ENODATA;
}

static void close_checksum(struct lz4_checksum **checksum)
{
    lz4_checksum_close(*checksum);
}

/* -ENODATA: not all of it is there. */
static int compute(struct cache_image *image, struct task *task, uint32_t *ret_value)
{
    _cleanup_(close_checksum) struct lz4_checksum *checksum = NULL;
    const struct cache_maker maker = {.make = make_nothing};
    _cleanup_free_ uint8_t *bytes = malloc(STEP);
    int64_t n = STEP;

    if (!bytes || lz4_checksum_open(&checksum) < 0)
        return -ENOMEM;
    for (uint64_t offset = 0; n == STEP; offset += (uint64_t)n) {
        n = cache_image_read(image, offset, STEP, bytes, &maker, task);
        if (n < 0)
            return (int)n;
        lz4_checksum_add(checksum, bytes, (size_t)n);
    }
    *ret_value = lz4_checksum_value(checksum);
    return 0;
}

int snapshot_check_whole(struct v03_generation *generation, struct snapshot *snapshot,
                         struct cache_image *image, struct task *task)
{
    uint8_t told[4];
    struct task attempt;
    uint32_t value = 0;
    uint64_t end;

    if (!take_check(snapshot, &end))
        return 0;
    task_init(&attempt, task);
    int r =
        snapshot_object_read(generation, snapshot, end + LZ4_BLOCK_HEADER_SIZE, sizeof told, told, &attempt);
    if (r == 0)
        r = compute(image, &attempt, &value);
    bool holds = r == 0 && value == ((uint32_t)told[3] << 24 | (uint32_t)told[2] << 16 |
                                     (uint32_t)told[1] << 8 | (uint32_t)told[0]);
    bool damaged = !holds && (r == 0 || r == -EBADMSG);
    if (damaged)
        cache_image_discard(image);
    end_check(snapshot, image, holds);
    if (holds || damaged)
        snapshot_remember_blocks(generation, snapshot);
    if (!damaged)
        return 0;
    task_fail(task, EIO, "%s/%s is damaged: the checksum over the whole does not hold",
              replica_url(generation->replica), snapshot->object.key);
    snapshot_set_damaged(snapshot, task_reason(task, EIO));
    return -EIO;
}
