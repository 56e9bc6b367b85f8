/* A large snapshot as a seekable frame: where its bytes come from, and where those go that it decodes to. */
#include <errno.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/history.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "seekable/seekable.h"
#include "snapshot_parts.h"
#include "v03/object/object_source.h"
#include "v03/object/v03_base.h"

_Static_assert(SEEKABLE_WORKSPACE <= HISTORY_BLOCK, "a workspace holds a block");

/* What stands in for one that has failed is read anew. */
static int snapshot_frame_read(void *context, bool anew, uint64_t offset, size_t length, void *bytes,
                               struct task *task)
{
    const struct snapshot *snapshot = context;
    return object_source_read(snapshot->source, anew || snapshot->attempt > 0, offset, length, bytes, task);
}

static int snapshot_frame_put(void *fill, uint64_t offset, const void *bytes, size_t length, bool last)
{
    return cache_fill_put(fill, offset, bytes, length, last);
}

static size_t snapshot_frame_peek(void *context, uint64_t offset, size_t length, void *bytes)
{
    const struct snapshot *snapshot = context;
    return cache_image_peek(snapshot->image, offset, length, bytes);
}

static void snapshot_frame_keep(void *context, const void *table, size_t length)
{
    const struct snapshot *snapshot = context;
    if (length)
        cache_put_fact(snapshot->generation->cache, snapshot->identity, SNAPSHOT_BLOCKS_FACT,
                       SEEKABLE_TABLE_VERSION, table, length);
    else
        cache_drop_fact(snapshot->generation->cache, snapshot->identity, SNAPSHOT_BLOCKS_FACT);
}

static int snapshot_frame_recall(void *context, struct buffer *table)
{
    const struct snapshot *snapshot = context;
    return cache_get_fact(snapshot->generation->cache, snapshot->identity, SNAPSHOT_BLOCKS_FACT,
                          SEEKABLE_TABLE_VERSION, table);
}

static int snapshot_frame_fail(void *context, uint64_t sum, struct task *task, const char *why)
{
    struct snapshot *snapshot = context;
    return snapshot_fail(snapshot->generation, snapshot, sum, task, why);
}

static struct seekable_owner snapshot_frame_owner(struct snapshot *snapshot, uint64_t size)
{
    const struct v03_generation *generation = snapshot->generation;
    return (struct seekable_owner){
        .context = snapshot,
        .name = snapshot->name,
        .size = size,
        .workspaces = generation->blocks,
        .holder = generation->base.store,
        .read = snapshot_frame_read,
        .put = snapshot_frame_put,
        .peek = snapshot_frame_peek,
        .keep = snapshot_frame_keep,
        .recall = snapshot_frame_recall,
        .fail = snapshot_frame_fail,
    };
}

/* Opens the object; once more if its beginning does not hold: it may have come wrong. */
static int snapshot_open_source(struct snapshot *snapshot, struct task *task, struct object_source *source)
{
    struct v03_generation *generation = snapshot->generation;
    int r = object_source_open(generation, &snapshot->object, snapshot->attempt > 0, task, source);

    if (r != -EBADMSG)
        return r;
    log_info("%s; reading it anew", task_reason(task, r));
    task_forgive(task);
    return object_source_open(generation, &snapshot->object, true, task, source);
}

struct seekable *snapshot_frame(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->lock);
    struct seekable *frame = snapshot->frame;
    pthread_mutex_unlock(&snapshot->lock);
    return frame;
}

int snapshot_open_frame(struct snapshot *snapshot, struct task *task, struct seekable **ret_frame)
{
    _cleanup_free_ struct object_source *source = NULL;
    struct seekable *frame = NULL;

    if ((*ret_frame = snapshot_frame(snapshot)))
        return 0;
    source = malloc(sizeof *source);
    if (!source)
        return -ENOMEM;
    int r = snapshot_open_source(snapshot, task, source);
    if (r < 0)
        return r;
    const struct seekable_owner owner = snapshot_frame_owner(snapshot, source->size);
    r = seekable_open(&owner, &frame);
    pthread_mutex_lock(&snapshot->lock);
    if (r == 0 && !snapshot->frame) {
        seekable_expect(frame, snapshot->size);
        snapshot->source = steal_pointer(source);
        snapshot->frame = steal_pointer(frame);
    }
    *ret_frame = snapshot->frame;
    pthread_mutex_unlock(&snapshot->lock);
    seekable_close(frame);
    if (source)
        object_source_finish(source);
    return r;
}
