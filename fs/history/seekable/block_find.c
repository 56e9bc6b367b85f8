/* Finding a block whose place is not known yet. One task looks at a time, the others wait for what it finds.
 */
#include <errno.h>

#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "probe.h"
#include "seekable_parts.h"

#define SMALL_READ (128 << 10) /* bytes: what it takes is a round trip, and hardly anything else */
#define FAR (2 * 1000 * 1000)  /* nanoseconds: a store with a longer round trip is not hopped through */
#define FEW_HOPS 6             /* it costs as much to find blocks elsewhere */

static void block_note_round_trip(struct seekable *frame, int64_t taken)
{
    int64_t least = atomic_load(&frame->round_trip);
    while ((least == 0 || taken < least) && !atomic_compare_exchange_weak(&frame->round_trip, &least, taken))
        ;
}

int block_read(const struct block_reader *reader, uint64_t offset, size_t length, void *bytes,
               struct task *task)
{
    const struct seekable_owner *owner = &reader->frame->owner;
    uint64_t end;

    if (__builtin_add_overflow(offset, length, &end) || end > owner->size)
        return block_refuse(reader->frame, task, "it is cut short");
    int64_t begin = clock_now();
    int r = owner->read(owner->context, reader->anew, offset, length, bytes, task);
    if (r == 0 && length <= SMALL_READ && length > 0)
        block_note_round_trip(reader->frame, clock_now() - begin);
    return r;
}

int block_begin(const struct block_reader *reader, struct task *task)
{
    uint8_t bytes[LZ4_FRAME_HEADER_MAX];
    struct lz4_frame header;
    int r = block_table_is_begun(reader->frame);

    if (r != 0)
        return r < 0 ? r : 0;
    task_set_step(task, "the header of the frame");
    r = block_read(reader, 0, sizeof bytes, bytes, task);
    if (r < 0)
        return r;
    if (lz4_frame_parse(bytes, sizeof bytes, &header) < 0)
        return block_table_give_up(reader->frame); /* reading in order says what is wrong with it */
    return block_table_begin(reader->frame, &header);
}

/* What a probe reads. */
static int block_read_probed(void *context, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    task_set_step(task, "where the blocks of the frame stand");
    return block_read(context, offset, length, bytes, task);
}

/* Finds all of the blocks at once, as far as the chain of headers holds. */
static int block_probe(const struct block_reader *reader, const struct block_place *from, size_t count,
                       uint64_t block_bytes, struct task *task)
{
    struct seekable *frame = reader->frame;
    struct block_reader probing = *reader;
    const struct probe_object object = {.read = block_read_probed,
                                        .context = &probing,
                                        .size = frame->owner.size,
                                        .frame = frame->table.frame};
    _cleanup_(probe_chain_finish) struct probe_chain chain = {0};
    int r = 0;

    if (from->start < object.size)
        r = probe_follow(&object, from->start, count, block_bytes, task, &chain);
    if (r == 0)
        r = block_table_note_starts(frame, from->number, chain.starts, chain.n_starts, chain.complete);
    if (r == 0)
        log_debug("%s: %zu probes found %zu blocks%s", frame->owner.name, count, chain.n_starts,
                  chain.complete ? ", all there are" : "");
    return r;
}

static int block_hop(const struct block_reader *reader, const struct block_place *place, struct task *task)
{
    uint8_t header[LZ4_BLOCK_HEADER_SIZE];
    task_set_step(task, "where block %zu of the frame ends", place->number);
    int r = block_read(reader, place->start, sizeof header, header, task);
    return r < 0 ? r : block_table_note_header(reader->frame, place->number, header, task);
}

/* Goes from the last block known to the one that is wanted. */
static int block_search(const struct block_reader *reader, uint64_t wanted, struct task *task)
{
    struct seekable *frame = reader->frame;
    int64_t round_trip = atomic_load(&frame->round_trip);
    uint64_t block_bytes;
    size_t n = block_table_expected(frame, &block_bytes);
    struct block_place place;
    int r = 0;

    if (block_table_get(frame, wanted, &place))
        return 0;
    size_t left = n > place.number ? n - place.number : 0;
    uint64_t hops = wanted - place.number < left ? wanted - place.number : left;
    if (hops > FEW_HOPS && round_trip >= FAR)
        r = block_probe(reader, &place, probe_count(left, block_bytes, round_trip), block_bytes, task);
    while (r == 0 && !block_table_get(frame, wanted, &place))
        r = block_hop(reader, &place, task);
    if (r == 0)
        block_table_keep(frame);
    return r;
}

/* Whether the caller is the one to look; if not, somebody has looked. */
static int block_begin_finding(struct seekable *frame, struct task *task)
{
    pthread_mutex_lock(&frame->lock);
    bool mine = !frame->table.finding;
    while (!mine && frame->table.finding && !task_cancelled(task))
        task_wait(&frame->changed, &frame->lock);
    if (mine)
        frame->table.finding = true;
    pthread_mutex_unlock(&frame->lock);
    return task_cancelled(task) && !mine ? -ECANCELED : mine;
}

static void block_end_finding(struct seekable *frame)
{
    pthread_mutex_lock(&frame->lock);
    frame->table.finding = false;
    pthread_cond_broadcast(&frame->changed);
    pthread_mutex_unlock(&frame->lock);
}

int block_find(const struct block_reader *reader, uint64_t wanted, struct task *task,
               struct block_place *ret_place)
{
    int r = block_begin(reader, task);

    while (r == 0 && !block_table_get(reader->frame, wanted, ret_place)) {
        r = block_begin_finding(reader->frame, task);
        if (r > 0) {
            r = block_search(reader, wanted, task);
            block_end_finding(reader->frame);
        }
    }
    return r;
}
