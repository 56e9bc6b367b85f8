/* Finding a block whose place is not known yet. One task looks at a time, the others wait for what it finds.
 */
#include <errno.h>

#include "blocks.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "probe.h"
#include "v03/snapshot/snapshot.h"
#include "v03/snapshot/snapshot_object.h"
#include "v03/v03.h"

#define FAR (2 * 1000 * 1000) /* nanoseconds: a store with a longer round trip is not hopped through */
#define FEW_HOPS 6            /* it costs as much to find blocks elsewhere */

/* What a probe reads. */
struct reading {
    struct v03_generation *generation;
    struct snapshot *snapshot;
};

static int read_object(void *context, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    struct reading *reading = context;
    task_set_step(task, "where the snapshot's blocks stand");
    return snapshot_object_read(reading->generation, reading->snapshot, offset, length, bytes, task);
}

/* Finds all of the blocks at once, as far as the chain of headers holds. */
static int run_probes(struct v03_generation *generation, struct snapshot *snapshot,
                      const struct block_place *from, size_t count, uint64_t block_bytes, struct task *task)
{
    _cleanup_(probe_chain_finish) struct probe_chain chain = {0};
    struct reading reading = {generation, snapshot};
    struct probe_object object = {.read = read_object, .context = &reading, .frame = snapshot->blocks.frame};
    int r = snapshot_object_size(generation, snapshot, task, &object.size);

    if (r == 0 && from->start < object.size)
        r = probe_follow(&object, from->start, count, block_bytes, task, &chain);
    if (r == 0)
        r = blocks_note_starts(snapshot, from->number, chain.starts, chain.n_starts, chain.complete);
    if (r == 0)
        log_debug("%s/%s: %zu probes found %zu blocks%s", replica_url(generation->replica),
                  snapshot->object.key, count, chain.n_starts, chain.complete ? ", all there are" : "");
    return r;
}

static int hop(struct v03_generation *generation, struct snapshot *snapshot, const struct block_place *place,
               struct task *task)
{
    uint8_t header[LZ4_BLOCK_HEADER_SIZE];
    task_set_step(task, "where block %zu of the snapshot ends", place->number);
    int r = snapshot_object_read(generation, snapshot, place->start, sizeof header, header, task);
    return r < 0 ? r : blocks_note_header(generation, snapshot, place->number, header, task);
}

/* Hops from the last block known to the one that is wanted. */
static int search(struct v03_generation *generation, struct snapshot *snapshot, uint64_t wanted,
                  struct task *task)
{
    uint64_t block_bytes;
    size_t n = blocks_expected(snapshot, &block_bytes), left;
    struct block_place place;
    int r = 0;

    if (blocks_get(snapshot, wanted, &place))
        return 0;
    left = n > place.number ? n - place.number : 0;
    uint64_t hops = wanted - place.number < left ? wanted - place.number : left;
    if (hops > FEW_HOPS && snapshot_round_trip(snapshot) >= FAR)
        r = run_probes(generation, snapshot, &place,
                       probe_count(left, block_bytes, snapshot_round_trip(snapshot)), block_bytes, task);
    while (r == 0 && !blocks_get(snapshot, wanted, &place))
        r = hop(generation, snapshot, &place, task);
    if (r == 0)
        blocks_remember(generation, snapshot);
    return r;
}

/* Whether the caller is the one to look; if not, somebody has looked. */
static int begin_finding(struct blocks *blocks, struct task *task)
{
    pthread_mutex_lock(&blocks->lock);
    bool mine = !blocks->finding;
    while (!mine && blocks->finding && !task_cancelled(task))
        task_wait(&blocks->changed, &blocks->lock);
    if (mine)
        blocks->finding = true;
    pthread_mutex_unlock(&blocks->lock);
    return task_cancelled(task) && !mine ? -ECANCELED : mine;
}

static void end_finding(struct blocks *blocks)
{
    pthread_mutex_lock(&blocks->lock);
    blocks->finding = false;
    pthread_cond_broadcast(&blocks->changed);
    pthread_mutex_unlock(&blocks->lock);
}

int blocks_find(struct v03_generation *generation, struct snapshot *snapshot, uint64_t wanted,
                struct task *task, struct block_place *ret_place)
{
    int r = blocks_begin(generation, snapshot, task);

    while (r == 0 && !blocks_get(snapshot, wanted, ret_place)) {
        r = begin_finding(&snapshot->blocks, task);
        if (r > 0) {
            r = search(generation, snapshot, wanted, task);
            end_finding(&snapshot->blocks);
        }
    }
    return r;
}
