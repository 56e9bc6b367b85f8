/* What is learnt of a snapshot: whether it is sound, and its size; of a large one from the first page alone,
 * if that tells. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "generation/object.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "seekable/seekable.h"
#include "snapshot_parts.h"
#include "v03/object/object_stream.h"
#include "v03/object/v03_base.h"

#define DATABASE_HEADER_SIZE 100
/* Bytes: a snapshot up to this goes into the cache as soon as it is learnt. */
#define KEEP_DECODED (4 << 20)
#define FACT_VERSION 1

/* The page size and length that a database's first bytes tell; false if they are no SQLite database's.
 * Source: https://www.sqlite.org/fileformat2.html#the_database_header: the length at 28 holds if the change
 * counter at 24 is the one at 92. */
static bool snapshot_read_header(const uint8_t *bytes, uint32_t *ret_page_size, uint64_t *ret_size)
{
    uint32_t page_size = (uint32_t)bytes[16] << 8 | bytes[17];
    uint32_t pages =
        (uint32_t)bytes[28] << 24 | (uint32_t)bytes[29] << 16 | (uint32_t)bytes[30] << 8 | bytes[31];

    if (memcmp(bytes, "SQLite format 3", 16) != 0)
        return false;
    page_size = page_size == 1 ? 65536 : page_size;
    if (page_size < 512 || (page_size & (page_size - 1)))
        return false;
    *ret_page_size = page_size;
    *ret_size = memcmp(bytes + 24, bytes + 92, 4) == 0 ? (uint64_t)pages * page_size : 0;
    return true;
}

/* An empty file is a database of no pages. */
int snapshot_take_overview(struct v03_generation *generation, const struct snapshot *snapshot,
                           const struct overview *overview, struct task *task,
                           struct snapshot_facts *ret_facts)
{
    const char *why = "is damaged: it does not contain an SQLite database";
    struct snapshot_facts facts = {.size = overview->size, .is_exact = true};
    uint64_t told = 0;
    bool is_database =
        overview->size == 0 || (overview->size >= DATABASE_HEADER_SIZE &&
                                snapshot_read_header(overview->start.data, &facts.page_size, &told));

    if (is_database && told <= overview->size) {
        *ret_facts = facts;
        return 0;
    }
    if (is_database)
        why = "is damaged: it lacks pages that its header tells of";
    return object_fail(generation->replica, &snapshot->object, EBADMSG, task, why);
}

/* --- what is kept of it --- */

static int snapshot_recall(struct snapshot *snapshot, struct snapshot_facts *ret_facts)
{
    _cleanup_(buffer_finish) struct buffer buffer = {0};
    int r =
        cache_get_fact(snapshot->generation->cache, snapshot->identity, SNAPSHOT_FACT, FACT_VERSION, &buffer);

    if (r < 0 || buffer.size != sizeof *ret_facts)
        return -ENOENT;
    memcpy(ret_facts, buffer.data, sizeof *ret_facts);
    return 0;
}

static void snapshot_remember(struct snapshot *snapshot, const struct snapshot_facts *facts)
{
    cache_put_fact(snapshot->generation->cache, snapshot->identity, SNAPSHOT_FACT, FACT_VERSION, facts,
                   sizeof *facts);
}

/* Decoded bytes of the image's beginning. */
struct image_start {
    const uint8_t *bytes;
    size_t length;
    bool last; /* they are all of it */
};

static int snapshot_put_start(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                              struct task *task)
{
    const struct image_start *start = context;
    return cache_fill_put(fill, 0, start->bytes, start->length, start->last);
}

/* Keeps what was decoded, which will be asked for next. That it can't be kept does not matter. */
static void snapshot_keep_start(struct snapshot *snapshot, struct image_start start, const struct task *task)
{
    const struct cache_maker maker = {.make = snapshot_put_start, .context = &start};
    cache_image_keep(snapshot->image, 0, &maker, task);
}

/* --- learning --- */

/* One snapshot that is being learnt. */
struct snapshot_learning {
    struct v03_generation *generation;
    struct snapshot *snapshot;
    struct snapshot_facts facts;
    bool is_damaged;
};

/* A learnt_attempt. */
static int snapshot_attempt_whole(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct snapshot_learning *learning = context;
    struct snapshot *snapshot = learning->snapshot;
    struct object_stream stream = {
        .generation = snapshot->generation, .object = &snapshot->object, .anew = anew};
    struct overview overview = {.most = KEEP_DECODED};
    int r = object_decode(&stream, overview_sink, &overview, task);

    if (r == 0)
        r = snapshot_take_overview(snapshot->generation, snapshot, &overview, task, &learning->facts);
    if (r == 0 && overview.size && overview.size == overview.start.size)
        snapshot_keep_start(snapshot, (struct image_start){overview.start.data, overview.start.size, true},
                            task);
    *ret_sum = stream.sum;
    buffer_finish(&overview.start);
    return r;
}

/* Reads the image's first page from the object's beginning. -EOPNOTSUPP if it can't be had that way. */
static int snapshot_peek_header(struct snapshot *snapshot, struct task *task,
                                uint8_t header[static DATABASE_HEADER_SIZE])
{
    _cleanup_free_ uint8_t *piece = malloc(V03_PIECE);
    struct seekable *frame;
    size_t size = 0;

    if (!piece)
        return -ENOMEM;
    int r = snapshot_open_frame(snapshot, task, &frame);
    if (r < 0)
        return r;
    r = seekable_peek(frame, piece, V03_PIECE, &size, task);
    if (r == -EBADMSG || (r == 0 && size < DATABASE_HEADER_SIZE))
        return -EOPNOTSUPP; /* decoding all of it says what is wrong */
    if (r == 0 && size == V03_PIECE && seekable_block_size(frame))
        snapshot_keep_start(snapshot, (struct image_start){piece, size, false}, task);
    if (r == 0)
        memcpy(header, piece, DATABASE_HEADER_SIZE);
    return r;
}

/* Learns a large one from the first page alone, unless that does not tell; else decodes all of it: every
 * checksum, the exact size. */
static int snapshot_learn_anew(struct snapshot_learning *learning, struct task *task)
{
    struct snapshot_facts *facts = &learning->facts;
    uint8_t header[DATABASE_HEADER_SIZE];

    if (learning->snapshot->object.size > V03_WHOLE_OBJECT) {
        int r = snapshot_peek_header(learning->snapshot, task, header);
        if (r < 0 && r != -EOPNOTSUPP)
            return r;
        if (r == 0 && snapshot_read_header(header, &facts->page_size, &facts->size) && facts->size)
            return 0;
        task_forgive(task);
    }
    return learnt_read(snapshot_attempt_whole, learning, task);
}

static int snapshot_find_out(void *context, struct task *task)
{
    struct snapshot_learning *learning = context;
    int r = snapshot_open(learning->generation, learning->snapshot);

    if (r < 0 || snapshot_recall(learning->snapshot, &learning->facts) == 0)
        return r;
    r = snapshot_learn_anew(learning, task);
    if (r == 0)
        snapshot_remember(learning->snapshot, &learning->facts);
    return r;
}

static int snapshot_take_over_locked(void *context)
{
    const struct snapshot_learning *learning = context;
    struct snapshot *snapshot = learning->snapshot;

    snapshot->page_size = learning->facts.page_size;
    snapshot->size = learning->facts.size;
    snapshot->is_exact = learning->facts.is_exact;
    if (snapshot->frame)
        seekable_expect(snapshot->frame, snapshot->size);
    return 0;
}

static void snapshot_note_damage_locked(void *context)
{
    ((struct snapshot_learning *)context)->is_damaged = true;
}

int snapshot_learn(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    struct snapshot_learning context = {.generation = generation, .snapshot = snapshot};
    const struct learning learning = {
        .learnt = &snapshot->learnt,
        .lock = &snapshot->lock,
        .changed = &snapshot->changed,
        .context = &context,
        .find_out = snapshot_find_out,
        .take_over_locked = snapshot_take_over_locked,
        .note_damage_locked = snapshot_note_damage_locked,
    };
    int r = learnt_once(&learning, task);

    if (context.is_damaged)
        snapshot_note_damage(generation);
    return r;
}

/* --- measuring --- */

/* Where the image ends: in its last block, or, where blocks can't be told, where decoding all of it comes to.
 */
static int snapshot_find_end(struct snapshot_learning *learning, struct task *task)
{
    struct snapshot *snapshot = learning->snapshot;
    struct seekable *frame;
    uint64_t offset;
    int r = snapshot_open_frame(snapshot, task, &frame);

    if (r == 0)
        r = seekable_find_last(frame, task, &offset);
    if (r == -EOPNOTSUPP)
        return learnt_read(snapshot_attempt_whole, learning, task);
    if (r < 0)
        return r;
    uint32_t block_size = seekable_block_size(frame);
    _cleanup_free_ uint8_t *bytes = malloc(block_size);
    if (!bytes)
        return -ENOMEM;
    int64_t n = snapshot_read(snapshot->generation, snapshot, offset, block_size, bytes, task);
    if (n < 0)
        return (int)n;
    learning->facts.size = offset + (uint64_t)n;
    learning->facts.is_exact = true;
    return 0;
}

/* It has no end, or it ends too soon: then it is not what was taken for it, and a state is to be made from
 * something else. */
static int snapshot_refuse_end(struct snapshot *snapshot, uint64_t size, int r, struct task *task)
{
    if (r == -EBADMSG)
        snapshot_set_damaged(snapshot, task_reason(task, r));
    else if (r == 0)
        snapshot_fail(snapshot->generation, snapshot, size, task, "it lacks pages that its header tells of");
    return r == 0 || r == -EBADMSG || (r == -EIO && snapshot_failure(snapshot)) ? -ESTALE : r;
}

int snapshot_measure(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    struct snapshot_learning learning = {.snapshot = snapshot};
    bool is_exact;
    uint64_t told = snapshot_size(snapshot, &is_exact);

    if (is_exact)
        return 0;
    learning.facts.page_size = snapshot->page_size; /* never changes once it is learnt */
    int r = snapshot_open(generation, snapshot);
    if (r == 0)
        r = snapshot_find_end(&learning, task);
    if (r < 0 || learning.facts.size < told)
        return snapshot_refuse_end(snapshot, learning.facts.size, r, task);
    snapshot_remember(snapshot, &learning.facts);
    pthread_mutex_lock(&snapshot->lock);
    snapshot_take_over_locked(&learning);
    pthread_mutex_unlock(&snapshot->lock);
    return 0;
}
