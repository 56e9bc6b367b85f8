/* A snapshot that does not hold.
 *
 * Where that is seen before any of it was used, it is damaged, for a time. Where bytes of it were given
 * already, for only its last one shows that the checksum does not hold, it *fails*: every state that was made
 * from it answers nothing any more, what the cache has of it is dropped, and who opens a state next gets one
 * from a new `struct snapshot` of the same object, which is read anew. That one is damaged from its beginning
 * if the bytes are the same that have failed before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "snapshot_parts.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"

void snapshot_note_damage(struct v03_generation *generation)
{
    pthread_mutex_lock(&generation->base.lock);
    v03_note_damage_locked(generation, clock_now());
    pthread_mutex_unlock(&generation->base.lock);
}

void snapshot_set_damaged(struct snapshot *snapshot, const char *why)
{
    pthread_mutex_lock(&snapshot->lock);
    bool is_news = learnt_set_damaged_locked(&snapshot->learnt, why);
    pthread_mutex_unlock(&snapshot->lock);
    if (is_news)
        log_warning("%s", why);
    snapshot_note_damage(snapshot->generation);
}

bool snapshot_is_damaged(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->lock);
    bool damaged = snapshot->learnt.state == LEARNT_DAMAGED;
    pthread_mutex_unlock(&snapshot->lock);
    return damaged;
}

int64_t snapshot_look_again(struct snapshot *snapshot)
{
    pthread_mutex_lock(&snapshot->lock);
    int64_t found = learnt_expire_locked(&snapshot->learnt);
    pthread_mutex_unlock(&snapshot->lock);
    return found;
}

const char *snapshot_failure(const struct snapshot *snapshot)
{
    return atomic_load(&snapshot->failure);
}

int snapshot_check_usable(struct snapshot *snapshot, struct task *task)
{
    int r = 0;

    if (snapshot_failure(snapshot))
        return task_fail(task, EIO, "%s", snapshot_failure(snapshot));
    pthread_mutex_lock(&snapshot->lock);
    if (snapshot->learnt.state == LEARNT_DAMAGED) /* without memory for the reason, so it is said */
        r = snapshot->learnt.damage ? task_fail(task, EIO, "%s", snapshot->learnt.damage) : -ENOMEM;
    pthread_mutex_unlock(&snapshot->lock);
    return r;
}

void snapshot_drop_kept(struct v03_generation *generation, struct snapshot *snapshot)
{
    if (snapshot_open(generation, snapshot) < 0)
        return;
    cache_image_discard(snapshot->image);
    cache_drop_fact(generation->cache, snapshot->identity, SNAPSHOT_BLOCKS_FACT);
    cache_drop_fact(generation->cache, snapshot->identity, SNAPSHOT_FACT);
}

/* First it has failed, then its pieces are dropped: what is made after that is not put. */
int snapshot_fail(struct v03_generation *generation, struct snapshot *snapshot, uint64_t sum,
                  struct task *task, const char *why)
{
    char text[TASK_REASON_SIZE];
    snprintf(text, sizeof text, "%s/%s is damaged, or came wrong: %s", replica_url(generation->replica),
             snapshot->object.key, why);
    _cleanup_free_ char *failure = strdup(text);

    if (!failure)
        return -ENOMEM;
    pthread_mutex_lock(&snapshot->lock);
    bool first = !snapshot_failure(snapshot);
    if (first) {
        snapshot->failed_sum = sum;
        generation_count_failure(&generation->base);
        atomic_store(&snapshot->failure, steal_pointer(failure));
    }
    pthread_mutex_unlock(&snapshot->lock);
    if (first) {
        snapshot_drop_kept(generation, snapshot);
        generation_tell_failure(&generation->base);
    }
    return task_fail(task, EIO, "%s", snapshot_failure(snapshot));
}

int snapshot_remake(struct v03_generation *generation, struct snapshot *failed,
                    struct snapshot **ret_snapshot)
{
    struct snapshot *snapshot = snapshot_make(&failed->object, failed->index);
    bool again = false;

    if (!snapshot)
        return -ENOMEM;
    memcpy(snapshot->sums, failed->sums, sizeof snapshot->sums);
    for (unsigned i = 0; i < failed->attempt && i < LEARNT_ATTEMPTS; i++)
        again |= failed->sums[i] == failed->failed_sum;
    snapshot->sums[failed->attempt % LEARNT_ATTEMPTS] = failed->failed_sum;
    snapshot->attempt = failed->attempt + 1;
    if (again) {
        learnt_set_damaged_locked(&snapshot->learnt, snapshot_failure(failed));
        v03_note_damage_locked(generation, snapshot->learnt.damage_found);
        log_warning("%s; it came twice the same", snapshot_failure(failed));
    }
    *ret_snapshot = snapshot;
    return 0;
}
