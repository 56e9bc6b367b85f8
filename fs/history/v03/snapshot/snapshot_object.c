#include "snapshot_object.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/clock.h"
#include "litemount/task.h"
#include "snapshot.h"
#include "v03/object_source.h"
#include "v03/v03.h"

#define SMALL_READ (128 << 10) /* bytes: what it takes is a round trip, and hardly anything else */

int snapshot_refuse(struct v03_generation *generation, const struct snapshot *snapshot, struct task *task,
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
    int r = object_source_open(generation, &snapshot->object, snapshot->attempt > 0, task, &opened);
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

void snapshot_read_anew(struct snapshot *snapshot, bool anew)
{
    pthread_mutex_lock(&snapshot->lock);
    if (snapshot->source)
        atomic_store(&snapshot->source->anew, anew);
    pthread_mutex_unlock(&snapshot->lock);
}

static void note_round_trip(struct snapshot *snapshot, int64_t taken)
{
    int64_t least = atomic_load(&snapshot->round_trip);
    while ((least == 0 || taken < least) &&
           !atomic_compare_exchange_weak(&snapshot->round_trip, &least, taken))
        ;
}

int64_t snapshot_round_trip(const struct snapshot *snapshot)
{
    return atomic_load(&snapshot->round_trip);
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
        return snapshot_refuse(generation, snapshot, task, "it is cut short");
    int64_t begin = clock_now();
    r = object_source_read(source, offset, length, bytes, task);
    if (r == 0 && length <= SMALL_READ && length > 0)
        note_round_trip(snapshot, clock_now() - begin);
    return r;
}

int snapshot_object_size(struct v03_generation *generation, struct snapshot *snapshot, struct task *task,
                         uint64_t *ret_size)
{
    struct object_source *source;
    int r = open_source(generation, snapshot, task, &source);
    if (r == 0)
        *ret_size = source->size;
    return r;
}
