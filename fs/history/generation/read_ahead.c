#include "read_ahead.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/task.h"
#include "litemount/thread_pool.h"

/* The kernel reads ahead by itself, with several requests at once, which come in any order: a read that
 * begins this near before the end of the last one goes on from it. So does one that leaves out a little:
 * tables that grew together lie in alternating runs, and to read through the others' costs no more than a
 * round trip. */
#define BEHIND (1 << 20)              /* bytes */
#define BEYOND (4 << 20)              /* bytes: 30 ms at 100 MB/s */
#define IN_ORDER (512 << 10)          /* bytes read in order before anything is asked for */
#define FURTHEST (UINT64_C(64) << 20) /* bytes ahead of the reader */
#define CHUNK (UINT64_C(4) << 20)     /* bytes a job: a block of a v0.3 snapshot */

/* What one job brings into the cache. */
struct chunk {
    struct thread_pool_work work; /* the first field */
    struct read_ahead *ahead;     /* whose owner has a reference more */
    uint64_t offset, end;
};

void read_ahead_init(struct read_ahead *ahead, const struct read_ahead_ops *ops, void *owner,
                     struct thread_pool *pool, const void *store)
{
    *ahead = (struct read_ahead){.ops = ops, .owner = owner, .pool = pool, .store = store};
    pthread_mutex_init(&ahead->lock, NULL);
}

void read_ahead_finish(struct read_ahead *ahead)
{
    pthread_mutex_destroy(&ahead->lock);
}

static bool read_ahead_goes_on(const struct read_ahead_stream *stream, uint64_t offset, size_t length)
{
    return stream->used && offset <= stream->reached + BEYOND && offset + length + BEHIND >= stream->reached;
}

/* The stream that the read belongs to, or the one that was not used for longest, begun anew. */
static struct read_ahead_stream *read_ahead_find_stream(struct read_ahead *ahead, uint64_t offset,
                                                        size_t length)
{
    struct read_ahead_stream *oldest = &ahead->streams[0];

    for (size_t i = 0; i < READ_AHEAD_STREAMS; i++) {
        if (read_ahead_goes_on(&ahead->streams[i], offset, length))
            return &ahead->streams[i];
        if (ahead->streams[i].used < oldest->used)
            oldest = &ahead->streams[i];
    }
    *oldest = (struct read_ahead_stream){.reached = offset, .asked = offset};
    return oldest;
}

/* Notes the read. Returns what is to be asked for now: not a little with every read, but much when half of
 * what was asked for has been read. */
static struct chunk read_ahead_advance(struct read_ahead *ahead, uint64_t offset, size_t length,
                                       uint64_t size)
{
    struct read_ahead_stream *stream = read_ahead_find_stream(ahead, offset, length);
    uint64_t end = offset + length, distance;
    struct chunk next;

    stream->used = ++ahead->reads;
    if (end > stream->reached) {
        stream->length += end - stream->reached < length ? end - stream->reached : length;
        stream->reached = end;
    }
    distance = stream->length < FURTHEST / 2 ? 2 * stream->length : FURTHEST;
    next.offset = stream->asked > stream->reached ? stream->asked : stream->reached;
    next.end = stream->reached + distance < size ? stream->reached + distance : size;
    if (stream->length < IN_ORDER || next.end < next.offset + (next.end == size ? 0 : distance / 2))
        next.end = next.offset;
    stream->asked = next.end > stream->asked ? next.end : stream->asked;
    return next;
}

/* Whether somebody is still on the way to the chunk. */
static bool read_ahead_is_awaited(struct read_ahead *ahead, const struct chunk *chunk)
{
    bool awaited = false;

    pthread_mutex_lock(&ahead->lock);
    for (size_t i = 0; i < READ_AHEAD_STREAMS; i++)
        awaited |= ahead->streams[i].reached < chunk->end &&
                   chunk->offset < ahead->streams[i].reached + FURTHEST && ahead->streams[i].used;
    pthread_mutex_unlock(&ahead->lock);
    return awaited;
}

static void read_ahead_bring_chunk(struct thread_pool_work *work, struct task *task)
{
    struct chunk *chunk = (struct chunk *)work;
    struct read_ahead *ahead = chunk->ahead;

    task_set_purpose(task, "read ahead");
    if (!task_cancelled(task) && read_ahead_is_awaited(ahead, chunk))
        ahead->ops->bring(ahead->owner, chunk->offset, (size_t)(chunk->end - chunk->offset), task);
    ahead->ops->unref(ahead->owner);
    free(chunk);
}

static bool read_ahead_ask_for(struct read_ahead *ahead, uint64_t offset, uint64_t end)
{
    struct chunk *chunk = malloc(sizeof *chunk);

    if (!chunk)
        return false;
    *chunk = (struct chunk){{read_ahead_bring_chunk, ahead->store, NULL}, ahead, offset, end};
    ahead->ops->ref(ahead->owner);
    if (thread_pool_add(ahead->pool, THREADS_AHEAD, &chunk->work))
        return true;
    ahead->ops->unref(ahead->owner);
    free(chunk);
    return false;
}

/* What no job could be had for is to be asked for by a read to come. */
static void read_ahead_ask_again(struct read_ahead *ahead, const struct chunk *left)
{
    pthread_mutex_lock(&ahead->lock);
    for (size_t i = 0; i < READ_AHEAD_STREAMS; i++)
        if (ahead->streams[i].asked == left->end)
            ahead->streams[i].asked = left->offset;
    pthread_mutex_unlock(&ahead->lock);
}

void read_ahead_note(struct read_ahead *ahead, uint64_t offset, size_t length, uint64_t size)
{
    if (!ahead->pool)
        return;
    pthread_mutex_lock(&ahead->lock);
    struct chunk next = read_ahead_advance(ahead, offset, length, size);
    pthread_mutex_unlock(&ahead->lock);
    while (next.offset < next.end) {
        uint64_t end = (next.offset / CHUNK + 1) * CHUNK;
        end = end < next.end ? end : next.end;
        if (!read_ahead_ask_for(ahead, next.offset, end))
            break;
        next.offset = end;
    }
    if (next.offset < next.end)
        read_ahead_ask_again(ahead, &next);
}
