/* How a reader gets its bytes: from the file, from memory, from somebody who is making them, or by making
 * them.
 *
 * A reader that finds nothing missing takes part in none of this. Otherwise it is put on the image's list of
 * readers before it looks again: from then on whatever anybody puts reaches it, so that a piece which is made
 * between its look and its decision is not made twice. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"
#include "image.h"

#include "litemount/cleanup.h"
#include "litemount/clock.h"

/* Bytes: what is made only to be there for a moment, of which memory holds several times as much. */
#define MANY (RECENT_LIMIT / 8)

/* One piece that was looked for on disk and in memory, and was there. */
struct stored_piece {
    size_t length; /* bytes */
    bool last;
};

static void read_learn_end(struct cache_image *image, uint64_t end)
{
    pthread_mutex_lock(&image->lock);
    image->end = end;
    pthread_mutex_unlock(&image->lock);
}

/* Copies the wanted bytes of one remembered piece. Returns how many. */
static size_t read_recent(struct cache_image *image, uint64_t offset, size_t length, uint8_t *bytes,
                          uint64_t *ret_end)
{
    uint64_t index = offset / image->piece;
    size_t skip = offset % image->piece, size;
    bool last;

    if (recent_get(&image->cache->recent, &image->digest, index, skip, length, bytes, &size, &last) < 0)
        return 0;
    if (last)
        *ret_end = index * image->piece + size;
    if (size <= skip)
        return 0;
    return size - skip < length ? size - skip : length;
}

/* How many bytes from `offset` on seem to be there, for a reader who only wants them to be. */
static size_t read_count_stored(struct cache_image *image, uint64_t offset, size_t length)
{
    uint64_t first = offset / image->piece, limit = (offset + length - 1) / image->piece + 1, end = first;
    struct piece_file *file = image_acquire(image, false);

    if (file) {
        end = piece_file_next(file, first, limit, false);
        image_release(image->cache, file);
    }
    if (end == first)
        return 0;
    return end * image->piece - offset < length ? end * image->piece - offset : length;
}

/* Reads what is there from `offset` on, up to the first piece that is missing. Returns how many bytes. */
static size_t read_stored(struct cache_image *image, uint64_t offset, size_t length, uint8_t *bytes,
                          uint64_t *ret_end)
{
    struct piece_file *file = image_acquire(image, false);
    size_t done = 0, n = 1;

    while (done < length && n > 0) {
        n = file ? piece_file_read(file, offset + done, length - done, bytes + done, ret_end) : 0;
        if (n == 0)
            n = read_recent(image, offset + done, length - done, bytes + done, ret_end);
        done += n;
    }
    if (file)
        image_release(image->cache, file);
    return done;
}

static int read_load_piece(struct cache_image *image, uint64_t index, uint8_t *bytes,
                           struct stored_piece *ret_stored)
{
    struct piece_file *file = image_acquire(image, false);
    int r = -ENOENT;

    if (file) {
        r = piece_file_load(file, index, bytes, &ret_stored->length, &ret_stored->last);
        image_release(image->cache, file);
    }
    if (r < 0)
        r = recent_get(&image->cache->recent, &image->digest, index, 0, image->piece, bytes,
                       &ret_stored->length, &ret_stored->last);
    return r;
}

/* The first piece after `first` that seems to be there already, or `limit`. */
static uint64_t read_end_of_missing(struct cache_image *image, uint64_t first, uint64_t limit)
{
    struct piece_file *file = image_acquire(image, false);
    uint64_t end = first + 1;

    if (file) {
        limit = piece_file_next(file, first + 1, limit, true);
        image_release(image->cache, file);
    }
    while (end < limit && !recent_has(&image->cache->recent, &image->digest, end))
        end++;
    return end;
}

static void read_deliver_locked(struct piece_reader *reader, size_t piece, uint64_t offset,
                                const uint8_t *bytes, size_t length)
{
    uint64_t first = offset / piece, end = first + (length + piece - 1) / piece;
    uint64_t from = offset > reader->offset ? offset : reader->offset;
    uint64_t to = offset + length;

    if (to > reader->offset + reader->length)
        to = reader->offset + reader->length;
    if (from < to && reader->bytes)
        memcpy(reader->bytes + (from - reader->offset), bytes + (from - offset), to - from);
    if (first < reader->first)
        first = reader->first;
    if (end > reader->first + reader->count)
        end = reader->first + reader->count;
    for (; first < end; first++)
        reader->have[first - reader->first] = true;
}

/* Its maker gets on, so that those who wait for it need not ask for themselves. */
static void read_note_brought_locked(struct cache_image *image, uint64_t index)
{
    int64_t now = clock_now();
    struct piece_making *making;
    for (making = LIST_FIRST(&image->makings); making; making = LIST_NEXT(making, link))
        if (making->first <= index && index < making->end)
            making->brought = now;
}

void reader_deliver_locked(struct cache_image *image, unsigned discards, uint64_t offset,
                           const uint8_t *bytes, size_t length)
{
    struct piece_reader *reader;
    read_note_brought_locked(image, offset / image->piece);
    for (reader = LIST_FIRST(&image->readers); reader; reader = LIST_NEXT(reader, link))
        if (reader->discards <= discards)
            read_deliver_locked(reader, image->piece, offset, bytes, length);
}

/* Whether nothing needs to be done any more about a piece. */
static bool read_settled_locked(const struct cache_image *image, const struct piece_reader *reader,
                                uint64_t index)
{
    return reader->have[index - reader->first] || index * image->piece >= image->end;
}

/* Takes a piece that is there. It goes through `scratch`, for at any moment somebody may deliver it, better
 * than the disk has it. Returns whether it was there. */
static bool read_take_stored(struct cache_image *image, struct piece_reader *reader, uint64_t index,
                             uint8_t *scratch)
{
    struct stored_piece stored = {0};

    if (reader->bytes ? read_load_piece(image, index, scratch, &stored) < 0
                      : !cache_image_has(image, index * image->piece))
        return false;
    pthread_mutex_lock(&image->lock);
    if (stored.last)
        image->end = index * image->piece + stored.length;
    read_deliver_locked(reader, image->piece, index * image->piece, scratch,
                        reader->bytes ? stored.length : 1);
    pthread_mutex_unlock(&image->lock);
    return true;
}

/* Whether a making is worth waiting for. One that brings nothing, because its store's answer does not come,
 * must not hold up those who would be answered at once on another connection. */
static bool read_gets_on_locked(const struct cache_image *image, const struct piece_making *making)
{
    return clock_now() - making->brought < image->cache->patience;
}

/* A making that brings the piece and gets on, or NULL. */
static struct piece_making *read_find_making_locked(const struct cache_image *image, uint64_t index)
{
    struct piece_making *making;
    for (making = LIST_FIRST(&image->makings); making; making = LIST_NEXT(making, link))
        if (making->first <= index && index < making->end && read_gets_on_locked(image, making))
            return making;
    return NULL;
}

/* Waits until somebody else's making has brought the piece, has ended, or does not get on. The image's lock
 * is held, but for the time of waiting. Returns 0: look again. */
static int read_wait_for_locked(struct cache_image *image, struct piece_reader *reader, uint64_t index,
                                struct piece_making *making, struct task *task)
{
    reader->waits_for = making;
    reader->failure = 0;
    while (reader->waits_for && !read_settled_locked(image, reader, index) && !task_cancelled(task) &&
           read_gets_on_locked(image, making))
        task_wait(&image->changed, &image->lock);
    reader->waits_for = NULL;
    if (read_settled_locked(image, reader, index))
        return 0;
    return reader->failure < 0 ? task_fail(task, -reader->failure, "%s", reader->reason) : 0;
}

/* Tells those who wait how it went. That the maker's own task was cancelled is no failure of theirs. */
static void read_end_making_locked(struct cache_image *image, struct piece_making *making, int r,
                                   const struct task *task)
{
    struct piece_reader *reader;

    LIST_REMOVE(making, link);
    for (reader = LIST_FIRST(&image->readers); reader; reader = LIST_NEXT(reader, link)) {
        if (reader->waits_for != making)
            continue;
        reader->waits_for = NULL;
        if (r < 0 && r != -ECANCELED && !task_cancelled(task)) {
            reader->failure = r;
            snprintf(reader->reason, sizeof reader->reason, "%s", task_reason(task, r));
        }
    }
    pthread_cond_broadcast(&image->changed);
}

/* What comes along with the pieces need not be made by anybody else meanwhile. */
static void read_widen(const struct cache_image *image, struct piece_making *making,
                       const struct cache_maker *maker)
{
    uint64_t begin, end;

    if (!maker->unit)
        return;
    maker->unit(maker->context, making->first * image->piece, &begin, &end);
    if (begin / image->piece < making->first)
        making->first = begin / image->piece;
    maker->unit(maker->context, (making->end - 1) * image->piece, &begin, &end);
    if (end / image->piece > making->end)
        making->end = end / image->piece;
}

/* Begins to make the pieces from `making->first` up to `end`, or to the first that somebody else makes or has
 * brought already. Returns how many bytes are asked for. */
static uint64_t read_begin_making_locked(struct cache_image *image, const struct piece_reader *reader,
                                         uint64_t end, const struct cache_maker *maker,
                                         struct piece_making *making)
{
    making->end = making->first + 1;
    while (making->end < end && !read_settled_locked(image, reader, making->end) &&
           !read_find_making_locked(image, making->end))
        making->end++;
    uint64_t length = (making->end - making->first) * image->piece;
    read_widen(image, making, maker);
    making->brought = clock_now();
    LIST_INSERT_HEAD(&image->makings, making, link);
    return length;
}

/* Gets a piece that was not there, and perhaps more: from somebody who makes it, or by making it. Returns 0:
 * look again. */
static int read_obtain(struct cache_image *image, struct piece_reader *reader, uint64_t index,
                       const struct cache_maker *maker, struct task *task)
{
    uint64_t end = read_end_of_missing(image, index, reader->first + reader->count);
    struct piece_making making = {.first = index}, *others;
    int r = 0;

    pthread_mutex_lock(&image->lock);
    others = read_find_making_locked(image, index);
    if (task_cancelled(task)) {
        r = -ECANCELED;
    } else if (others && !read_settled_locked(image, reader, index)) {
        r = read_wait_for_locked(image, reader, index, others, task);
    } else if (!read_settled_locked(image, reader, index)) {
        struct cache_fill fill = {.image = image, .discards = image->discards};
        uint64_t length = read_begin_making_locked(image, reader, end, maker, &making);
        pthread_mutex_unlock(&image->lock);
        r = maker->make(maker->context, index * image->piece, length, &fill, task);
        pthread_mutex_lock(&image->lock);
        read_end_making_locked(image, &making, r, task);
        if (r >= 0 && !read_settled_locked(image, reader, index))
            r = task_fail(task, EIO, "%s does not decode to its bytes from %" PRIu64 " on", image->name,
                          index * image->piece);
    }
    pthread_mutex_unlock(&image->lock);
    return r < 0 ? r : 0;
}

static void read_reader_enter(struct cache_image *image, struct piece_reader *reader)
{
    pthread_mutex_lock(&image->lock);
    reader->discards = image->discards;
    LIST_INSERT_HEAD(&image->readers, reader, link);
    pthread_mutex_unlock(&image->lock);
}

/* Returns where the image ends, as far as is known. */
static uint64_t read_reader_leave(struct cache_image *image, struct piece_reader *reader)
{
    pthread_mutex_lock(&image->lock);
    LIST_REMOVE(reader, link);
    uint64_t end = image->end;
    pthread_mutex_unlock(&image->lock);
    return end;
}

static bool read_is_settled(struct cache_image *image, const struct piece_reader *reader, uint64_t index)
{
    pthread_mutex_lock(&image->lock);
    bool answer = read_settled_locked(image, reader, index);
    pthread_mutex_unlock(&image->lock);
    return answer;
}

/* As cache_image_read, for a part that begins with a piece that seems to be missing: piece by piece until all
 * are settled. */
static int64_t read_missing(struct cache_image *image, uint64_t offset, size_t length, uint8_t *bytes,
                            const struct cache_maker *maker, struct task *task)
{
    uint64_t first = offset / image->piece, index = first;
    size_t count = (offset + length - 1) / image->piece - first + 1, hits = 0;
    _cleanup_free_ bool *have = calloc(count, sizeof *have);
    _cleanup_free_ uint8_t *scratch = malloc(image->piece);
    struct piece_reader reader = {
        .offset = offset, .first = first, .length = length, .count = count, .bytes = bytes, .have = have};
    int r = have && scratch ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    read_reader_enter(image, &reader);
    while (r == 0 && index < first + count) {
        if (read_is_settled(image, &reader, index))
            index++;
        else if (read_take_stored(image, &reader, index, scratch))
            hits++;
        else
            r = read_obtain(image, &reader, index, maker, task);
    }
    uint64_t end = read_reader_leave(image, &reader);
    atomic_fetch_add(&image->cache->hits, bytes ? hits : 0);
    atomic_fetch_add(&image->cache->misses, count - hits);
    if (r < 0 || end <= offset)
        return r;
    return (int64_t)(end - offset < length ? end - offset : length);
}

int64_t cache_image_read(struct cache_image *image, uint64_t offset, size_t length, void *bytes,
                         const struct cache_maker *maker, struct task *task)
{
    uint64_t end = IMAGE_END_UNKNOWN;

    if (offset >= INT64_MAX)
        return 0; /* no image reaches there */
    if (length > INT64_MAX - offset)
        length = INT64_MAX - offset;
    if (length == 0)
        return 0;
    size_t done =
        bytes ? read_stored(image, offset, length, bytes, &end) : read_count_stored(image, offset, length);
    if (end != IMAGE_END_UNKNOWN)
        read_learn_end(image, end);
    if (done > 0 && bytes)
        atomic_fetch_add(&image->cache->hits, (offset + done - 1) / image->piece - offset / image->piece + 1);
    if (done == length || offset + done >= end)
        return (int64_t)done;
    if (!bytes && length >= MANY && cache_reads_through(image->cache))
        return -ENOSPC; /* it would be made for nobody */
    int64_t rest = read_missing(image, offset + done, length - done, bytes ? (uint8_t *)bytes + done : NULL,
                                maker, task);
    return rest < 0 ? rest : (int64_t)done + rest;
}

bool cache_reads_through(const struct cache *cache)
{
    return atomic_load(&cache->reads_through);
}

void cache_image_keep(struct cache_image *image, uint64_t offset, const struct cache_maker *maker,
                      const struct task *task)
{
    struct task attempt;
    uint8_t byte;

    task_init(&attempt, task);
    cache_image_read(image, offset, 1, &byte, maker, &attempt);
}

size_t cache_image_peek(struct cache_image *image, uint64_t offset, size_t length, void *bytes)
{
    uint64_t end;
    return read_stored(image, offset, length, bytes, &end);
}
