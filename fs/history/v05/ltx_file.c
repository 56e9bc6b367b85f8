/* One LTX file, and learning what is in it: its header, and where each page stands.
 *
 * A small file is fetched whole and all its checksums hold before anything in it is used; of a large one only
 * the header and the index are read. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/parallel.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "ltx_image.h"
#include "v05.h"

#define PARALLEL_FETCHES 32
#define TAIL_SIZE (64 << 10) /* bytes fetched from the end of a large file: most indexes lie in them */
#define WINDOW (1 << 20)     /* bytes of a longer index fetched at once */
#define KEEP_INDEX (1 << 20) /* bytes: an index up to this is kept as a fact */
#define KIND "ltx"
#define FACT_VERSION 1

struct ltx_file *ltx_file_make(struct replica *replica, const struct object *object, unsigned level,
                               uint64_t min, uint64_t max, int64_t time)
{
    _cleanup_free_ struct ltx_file *file = calloc(1, sizeof *file);
    if (!file || object_copy(object, &file->object) < 0)
        return NULL;
    atomic_init(&file->references, 1);
    file->replica = replica;
    file->level = level;
    file->min_txid = min;
    file->max_txid = max;
    file->time = time;
    return steal_pointer(file);
}

struct ltx_file *ltx_file_ref(struct ltx_file *file)
{
    atomic_fetch_add(&file->references, 1);
    return file;
}

void ltx_file_unref(struct ltx_file *file)
{
    if (!file || atomic_fetch_sub(&file->references, 1) != 1)
        return;
    object_finish(&file->object);
    ltx_index_finish(&file->index);
    free(file->damage);
    free(file);
}

/* What one file turned out to hold. Owns the index. */
struct ltx_found {
    struct ltx_header header;
    struct ltx_index index;
};

static int refuse(const struct v05_generation *generation, const struct ltx_file *file, struct task *task,
                  const char *why)
{
    return task_fail(task, EBADMSG, "%s/%s is damaged: %s", replica_url(generation->replica),
                     file->object.key, why);
}

static void close_checker(struct ltx_checker **checker)
{
    ltx_checker_close(*checker);
}

static int learn_whole(struct v05_generation *generation, const struct ltx_file *file, struct task *task,
                       struct ltx_found *ret_found)
{
    _cleanup_(close_checker) struct ltx_checker *checker = NULL;
    _cleanup_free_ uint8_t *bytes = malloc((size_t)file->object.size + 1);

    if (!bytes || ltx_checker_open(&checker) < 0)
        return -ENOMEM;
    int r = ltx_object_read(generation, file, 0, (size_t)file->object.size, bytes, task);
    if (r == 0)
        r = slots_take(generation->decoders, task);
    if (r < 0)
        return r;
    r = ltx_checker_feed(checker, bytes, (size_t)file->object.size);
    if (r == 0)
        r = ltx_checker_end(checker, &ret_found->header, &ret_found->index);
    if (r == 0)
        ltx_image_keep(generation, file, &ret_found->header, &ret_found->index, bytes);
    slots_give(generation->decoders);
    return r == -EBADMSG
               ? refuse(generation, file, task, "it is cut short, or a checksum of it does not hold")
               : r;
}

/* Pages as they are read from an index. */
struct collector {
    struct ltx_index *index;
    size_t capacity;
};

static int collect(void *context, const struct ltx_page *page)
{
    struct collector *collector = context;
    struct ltx_index *index = collector->index;
    int r = ARRAY_GROW(index->pages, collector->capacity, index->n + 1);
    if (r == 0)
        index->pages[index->n++] = *page;
    return r;
}

/* Reads the index from `offset` on, window by window; the last `have` bytes of the file are there in `tail`.
 */
static int read_index(struct v05_generation *generation, const struct ltx_file *file, uint64_t offset,
                      uint64_t size, const uint8_t *tail, size_t have, struct task *task,
                      struct ltx_index *ret_index)
{
    struct collector collector = {.index = ret_index};
    struct ltx_index_reader reader;
    uint64_t tail_offset = file->object.size - have;
    size_t taken;
    int r = 0;

    ltx_index_reader_init(&reader, offset);
    if (offset >= tail_offset) {
        r = ltx_index_reader_feed(&reader, tail + (offset - tail_offset), (size_t)size, collect, &collector,
                                  &taken);
    } else {
        _cleanup_free_ uint8_t *bytes = malloc(WINDOW);
        if (!bytes)
            return -ENOMEM;
        for (uint64_t at = 0; at < size && r == 0; at += WINDOW) {
            size_t length = size - at < WINDOW ? (size_t)(size - at) : WINDOW;
            r = ltx_object_read(generation, file, offset + at, length, bytes, task);
            if (r == 0)
                r = ltx_index_reader_feed(&reader, bytes, length, collect, &collector, &taken);
        }
    }
    if (r == 0 && !reader.done)
        r = -EBADMSG;
    return r == -EBADMSG ? refuse(generation, file, task, "its page index does not hold") : r;
}

static int learn_ends(struct v05_generation *generation, const struct ltx_file *file, struct task *task,
                      struct ltx_found *ret_found)
{
    size_t have = file->object.size < TAIL_SIZE ? (size_t)file->object.size : TAIL_SIZE;
    _cleanup_free_ uint8_t *tail = malloc(have);
    uint8_t header[LTX_HEADER_SIZE];
    uint64_t offset, size;

    if (!tail)
        return -ENOMEM;
    int r = ltx_object_read(generation, file, file->object.size - have, have, tail, task);
    if (r == 0)
        r = ltx_object_read(generation, file, 0, sizeof header, header, task);
    if (r < 0)
        return r;
    if (ltx_header_parse(header, &ret_found->header) < 0 ||
        ltx_index_locate(tail, have, file->object.size, &offset, &size) < 0)
        return refuse(generation, file, task, "its header or its trailer does not hold");
    return read_index(generation, file, offset, size, tail, have, task, &ret_found->index);
}

/* The head of what is kept of a sound file; the pages follow. */
struct ltx_fact {
    uint32_t version;
    struct ltx_header header;
    uint64_t n_pages;
};

static int recall(struct cache *cache, const char *identity, struct ltx_found *ret_found)
{
    struct buffer buffer = {0};
    struct ltx_fact fact;
    size_t bytes;
    int r = cache_get_fact(cache, identity, KIND, &buffer);

    if (r == 0 && buffer.size >= sizeof fact)
        memcpy(&fact, buffer.data, sizeof fact);
    if (r == 0 && (buffer.size < sizeof fact || fact.version != FACT_VERSION ||
                   __builtin_mul_overflow(fact.n_pages, sizeof(struct ltx_page), &bytes) ||
                   bytes != buffer.size - sizeof fact))
        r = -ENOENT;
    if (r == 0 && !(ret_found->index.pages = malloc(bytes + 1)))
        r = -ENOMEM;
    if (r == 0) {
        ret_found->header = fact.header;
        ret_found->index.n = fact.n_pages;
        memcpy(ret_found->index.pages, buffer.data + sizeof fact, bytes);
    }
    buffer_finish(&buffer);
    return r;
}

static void remember(struct cache *cache, const char *identity, const struct ltx_found *found)
{
    size_t bytes = found->index.n * sizeof *found->index.pages;
    struct buffer buffer = {0};
    struct ltx_fact fact;

    if (bytes > KEEP_INDEX)
        return;
    memset(&fact, 0, sizeof fact); /* padding too: it is written out */
    fact.version = FACT_VERSION;
    fact.header = found->header;
    fact.n_pages = found->index.n;
    if (buffer_append(&buffer, &fact, sizeof fact) == 0 &&
        buffer_append(&buffer, found->index.pages, bytes) == 0)
        cache_put_fact(cache, identity, KIND, buffer.data, buffer.size);
    buffer_finish(&buffer);
}

static int find_out(struct v05_generation *generation, const struct ltx_file *file, struct task *task,
                    struct ltx_found *ret_found)
{
    _cleanup_free_ char *identity = ltx_identity(generation, file);
    int r;

    if (!identity)
        return -ENOMEM;
    if (recall(generation->cache, identity, ret_found) == 0)
        return 0;
    if (file->object.size < LTX_HEADER_SIZE + LTX_INDEX_TAIL_SIZE)
        return refuse(generation, file, task, "it is cut short");
    if (file->object.size <= V05_WHOLE_OBJECT)
        r = learn_whole(generation, file, task, ret_found);
    else
        r = learn_ends(generation, file, task, ret_found);
    if (r == 0 &&
        (ret_found->header.min_txid != file->min_txid || ret_found->header.max_txid != file->max_txid))
        r = refuse(generation, file, task, "its header tells other TXIDs than its name");
    if (r == 0)
        remember(generation->cache, identity, ret_found);
    return r;
}

/* Waits until nobody else is learning the file, and tells whether it is the caller's to learn now. */
static int claim(struct v05_generation *generation, struct ltx_file *file, struct task *task, bool *ret_mine)
{
    int r = 0;

    pthread_mutex_lock(&generation->lock);
    while (file->learnt == LTX_PENDING && !task_cancelled(task))
        task_wait(&generation->learnt, &generation->lock);
    *ret_mine = file->learnt == LTX_UNKNOWN;
    if (file->learnt == LTX_PENDING)
        r = -ECANCELED;
    else if (*ret_mine)
        file->learnt = LTX_PENDING;
    pthread_mutex_unlock(&generation->lock);
    return r;
}

/* Ends a claim: the file is sound, or damaged, which is no failure, or could not be had. Takes over what was
 * found. */
static int settle(struct v05_generation *generation, struct ltx_file *file, struct ltx_found *found, int r,
                  struct task *task)
{
    pthread_mutex_lock(&generation->lock);
    file->learnt = r == 0 ? LTX_SOUND : r == -EBADMSG ? LTX_DAMAGED : LTX_UNKNOWN;
    if (r == 0) {
        file->header = found->header;
        file->index = found->index;
        found->index = (struct ltx_index){0};
    } else if (r == -EBADMSG) {
        file->damage = strdup(task_reason(task, r));
    }
    pthread_cond_broadcast(&generation->learnt);
    pthread_mutex_unlock(&generation->lock);
    ltx_index_finish(&found->index);
    if (r != -EBADMSG)
        return r;
    log_warning("%s", task_reason(task, r));
    task_forgive(task);
    return 0;
}

struct lesson {
    struct v05_generation *generation;
    struct ltx_file **files;
};

static int learn_item(void *context, size_t item, struct task *task)
{
    struct lesson *lesson = context;
    struct ltx_file *file = lesson->files[item];
    struct ltx_found found = {0};
    bool mine;
    int r = claim(lesson->generation, file, task, &mine);

    if (r < 0 || !mine)
        return r;
    r = find_out(lesson->generation, file, task, &found);
    return settle(lesson->generation, file, &found, r, task);
}

int ltx_files_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, struct task *task)
{
    struct lesson lesson = {generation, files};
    return parallel_each(n, PARALLEL_FETCHES, learn_item, &lesson, task);
}
