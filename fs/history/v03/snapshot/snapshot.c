/* One snapshot, and what is learnt of it. Its decoded image stands in snapshot_image.c.
 *
 * A small object is fetched whole and all its checksums hold before anything in it is used; of a large one
 * only the first page is read to learn what it is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "snapshot.h"
#include "v03/object_source.h"
#include "v03/object_stream.h"
#include "v03/v03.h"

#define DATABASE_HEADER_SIZE 100
/* Bytes: a snapshot up to this goes into the cache as soon as it is learnt. */
#define KEEP_DECODED (4 << 20)
#define KIND "snapshot"
#define FACT_VERSION 1

/* What is kept of a snapshot that is sound. */
struct snapshot_fact {
    uint32_t page_size, is_exact;
    uint64_t size;
};

struct snapshot *snapshot_make(const struct object *object, uint32_t index)
{
    _cleanup_free_ struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot || object_copy(object, &snapshot->object) < 0)
        return NULL;
    atomic_init(&snapshot->references, 1);
    pthread_mutex_init(&snapshot->lock, NULL);
    pthread_cond_init(&snapshot->changed, NULL);
    blocks_init(&snapshot->blocks);
    sequential_init(&snapshot->sequential);
    snapshot->index = index;
    return steal_pointer(snapshot);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) != 1)
        return;
    pthread_mutex_destroy(&snapshot->lock);
    pthread_cond_destroy(&snapshot->changed);
    blocks_finish(&snapshot->blocks);
    sequential_finish(&snapshot->sequential);
    object_finish(&snapshot->object);
    learnt_finish(&snapshot->learnt);
    free(atomic_load(&snapshot->failure));
    if (snapshot->source)
        object_source_finish(snapshot->source);
    free(snapshot->source);
    free(snapshot);
}

/* The page size and length that a database's first bytes tell; false if they are no SQLite database's.
 * Source: https://www.sqlite.org/fileformat2.html#the_database_header: the length at 28 holds if the change
 * counter at 24 is the one at 92. */
static bool read_database_header(const uint8_t *bytes, uint32_t *ret_page_size, uint64_t *ret_size)
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
                           const struct overview *overview, struct task *task, struct snapshot *ret_found)
{
    const char *why = "is damaged: it does not contain an SQLite database";
    uint64_t told;
    ret_found->size = overview->size;
    ret_found->is_exact = true;
    ret_found->page_size = 0;
    if (overview->size == 0)
        return 0;
    if (overview->size >= DATABASE_HEADER_SIZE &&
        read_database_header(overview->start.data, &ret_found->page_size, &told)) {
        if (told <= overview->size)
            return 0;
        why = "is damaged: it lacks pages that its header tells of";
    }
    return object_fail(generation->replica, &snapshot->object, EBADMSG, task, why);
}

/* What is read to learn all of it. */
struct snapshot_lesson {
    struct v03_generation *generation;
    struct snapshot *snapshot;
    const char *identity; /* of its image in the cache */
    struct snapshot *found;
};

/* A learnt_attempt. */
static int snapshot_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    const struct snapshot_lesson *lesson = context;
    struct v03_generation *generation = lesson->generation;
    struct object_stream stream = {
        .generation = generation, .object = &lesson->snapshot->object, .anew = anew};
    struct overview overview = {.most = KEEP_DECODED};
    int r = object_decode(&stream, overview_sink, &overview, task);

    if (r == 0)
        r = snapshot_take_overview(generation, lesson->snapshot, &overview, task, lesson->found);
    if (r == 0 && overview.size && overview.size == overview.start.size)
        image_keep(generation->cache, lesson->identity, &overview.start, task);
    *ret_sum = stream.sum;
    buffer_finish(&overview.start);
    return r;
}

/* Decodes all of it: every checksum, the exact size. */
static int learn_whole(struct v03_generation *generation, struct snapshot *snapshot, const char *identity,
                       struct task *task, struct snapshot *ret_found)
{
    struct snapshot_lesson lesson = {generation, snapshot, identity, ret_found};
    return learnt_read(snapshot_attempt, &lesson, task);
}

/* Learns from the first page alone, unless it does not tell. */
static int learn_start(struct v03_generation *generation, struct snapshot *snapshot, const char *identity,
                       struct task *task, struct snapshot *ret_found)
{
    uint8_t header[DATABASE_HEADER_SIZE];
    int r = snapshot_peek(generation, snapshot, sizeof header, header, task);

    if (r < 0 && r != -EOPNOTSUPP)
        return r;
    if (r == 0 && read_database_header(header, &ret_found->page_size, &ret_found->size) && ret_found->size)
        return 0;
    return learn_whole(generation, snapshot, identity, task, ret_found);
}

static int recall(struct cache *cache, const char *identity, struct snapshot *found)
{
    _cleanup_(buffer_finish) struct buffer buffer = {0};
    struct snapshot_fact fact;
    int r = cache_get_fact(cache, identity, KIND, FACT_VERSION, &buffer);

    if (r < 0 || buffer.size != sizeof fact)
        return -ENOENT;
    memcpy(&fact, buffer.data, sizeof fact);
    found->page_size = fact.page_size;
    found->size = fact.size;
    found->is_exact = fact.is_exact;
    return 0;
}

static void remember(struct cache *cache, const char *identity, const struct snapshot *found)
{
    struct snapshot_fact fact = {found->page_size, found->is_exact, found->size};
    cache_put_fact(cache, identity, KIND, FACT_VERSION, &fact, sizeof fact);
}

void snapshot_forget(struct v03_generation *generation, struct snapshot *snapshot)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    if (identity)
        cache_drop_fact(generation->cache, identity, KIND);
}

static int find_out(struct v03_generation *generation, struct snapshot *snapshot, struct task *task,
                    struct snapshot *ret_found)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    int r;

    if (!identity)
        return -ENOMEM;
    if (recall(generation->cache, identity, ret_found) == 0)
        return 0;
    if (snapshot->object.size <= V03_WHOLE_OBJECT)
        r = learn_whole(generation, snapshot, identity, task, ret_found);
    else
        r = learn_start(generation, snapshot, identity, task, ret_found);
    if (r == 0)
        remember(generation->cache, identity, ret_found);
    return r;
}

/* One snapshot that is being learnt. */
struct snapshot_learning {
    struct v03_generation *generation;
    struct snapshot *snapshot;
    struct snapshot found;
    bool is_damaged;
};

static int snapshot_find_out(void *context, struct task *task)
{
    struct snapshot_learning *learning = context;
    return find_out(learning->generation, learning->snapshot, task, &learning->found);
}

static int snapshot_take_over_locked(void *context)
{
    struct snapshot *snapshot = ((struct snapshot_learning *)context)->snapshot;
    const struct snapshot *found = &((struct snapshot_learning *)context)->found;

    snapshot->page_size = found->page_size;
    snapshot->size = found->size;
    snapshot->is_exact = found->is_exact;
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
        &snapshot->learnt, &snapshot->lock,           &snapshot->changed,         &context,
        snapshot_find_out, snapshot_take_over_locked, snapshot_note_damage_locked};
    int r = learnt_once(&learning, task);

    if (context.is_damaged)
        snapshot_note_damage(generation);
    return r;
}

/* Where the image ends: in its last block, or, where blocks can't be told, where decoding all of it comes to.
 */
static int find_end(struct v03_generation *generation, struct snapshot *snapshot, const char *identity,
                    struct task *task, struct snapshot *ret_found)
{
    struct block_place last;
    int r = blocks_find(generation, snapshot, UINT64_MAX, task, &last);

    uint32_t block_size = blocks_size(snapshot);
    if (r == -EOPNOTSUPP || (r == 0 && block_size == 0))
        return learn_whole(generation, snapshot, identity, task, ret_found);
    if (r < 0)
        return r;
    _cleanup_free_ uint8_t *bytes = malloc(block_size);
    if (!bytes)
        return -ENOMEM;
    uint64_t offset = (uint64_t)last.number * block_size;
    int64_t n = snapshot_read(generation, snapshot, offset, block_size, bytes, task);
    if (n < 0)
        return (int)n;
    ret_found->size = offset + (uint64_t)n;
    ret_found->is_exact = true;
    return 0;
}

/* It has no end, or it ends too soon: then it is not what was taken for it, and a state is to be made from
 * something else. */
static int refuse_end(struct v03_generation *generation, struct snapshot *snapshot, uint64_t size, int r,
                      struct task *task)
{
    if (r == -EBADMSG)
        snapshot_set_damaged(generation, snapshot, task_reason(task, r));
    else if (r == 0)
        snapshot_fail(generation, snapshot, size, task, "it lacks pages that its header tells of");
    return r == 0 || r == -EBADMSG || (r == -EIO && snapshot_failure(snapshot)) ? -ESTALE : r;
}

int snapshot_measure(struct v03_generation *generation, struct snapshot *snapshot, struct task *task)
{
    _cleanup_free_ char *identity = object_identity(generation->replica, &snapshot->object);
    struct snapshot found = {0};

    pthread_mutex_lock(&snapshot->lock);
    found.page_size = snapshot->page_size;
    uint64_t told = snapshot->size;
    bool is_exact = snapshot->is_exact;
    pthread_mutex_unlock(&snapshot->lock);
    if (is_exact)
        return 0;
    int r = identity ? find_end(generation, snapshot, identity, task, &found) : -ENOMEM;
    if (r < 0 || found.size < told)
        return refuse_end(generation, snapshot, found.size, r, task);
    remember(generation->cache, identity, &found);
    pthread_mutex_lock(&snapshot->lock);
    snapshot->size = found.size;
    snapshot->is_exact = true;
    pthread_mutex_unlock(&snapshot->lock);
    return 0;
}

uint64_t snapshot_size(struct snapshot *snapshot, bool *ret_is_exact)
{
    pthread_mutex_lock(&snapshot->lock);
    uint64_t size = snapshot->size;
    *ret_is_exact = snapshot->is_exact;
    pthread_mutex_unlock(&snapshot->lock);
    return size;
}
