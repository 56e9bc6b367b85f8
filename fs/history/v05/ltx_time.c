#include "ltx_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/hash.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "v05.h"

#define PARALLEL_HEADS 64
#define KIND "files"
#define FACT_VERSION 1

/* The fact is an array of these, in order. */
struct time_record {
    uint64_t min_txid, max_txid;
    uint64_t object; /* which one of that range, in which version: a hash */
    int64_t time;
    uint64_t database_size; /* 0: not known */
};

int64_t ltx_time_of(const struct object *object, const char *metadata)
{
    int64_t time;
    return metadata && instant_parse(metadata, 0, &time) == 0 ? time : object->modified;
}

static int64_t ltx_known_time(struct v05_generation *generation, const struct ltx_file *file)
{
    pthread_mutex_lock(&generation->base.lock);
    int64_t time = file->time;
    pthread_mutex_unlock(&generation->base.lock);
    return time;
}

static void ltx_note(struct v05_generation *generation, struct ltx_file *file, int64_t time)
{
    pthread_mutex_lock(&generation->base.lock);
    file->time = time;
    pthread_mutex_unlock(&generation->base.lock);
}

int ltx_time_ask(struct v05_generation *generation, struct ltx_file *file, struct task *task)
{
    _cleanup_free_ char *value = NULL;

    if (ltx_known_time(generation, file) != LTX_TIME_UNKNOWN)
        return 0;
    task_set_step(task, "its time");
    int r = replica_metadata(file->replica, &file->object, LTX_TIME_METADATA, task, &value);
    if (r == -ENODATA) {
        task_forgive(task);
        r = 0;
    }
    if (r == 0)
        ltx_note(generation, file, ltx_time_of(&file->object, value));
    return r == -ENOENT ? -ESTALE : r;
}

static char *ltx_fact_identity(const struct v05_generation *generation)
{
    char *text;
    return asprintf(&text, "%s\nltx times", replica_url(generation->replica)) < 0 ? NULL : text;
}

static struct time_record ltx_describe(const struct ltx_file *file)
{
    char size[24];
    snprintf(size, sizeof size, "%llu", (unsigned long long)file->object.size);
    uint64_t object = hash_text(HASH_START, replica_url(file->replica));
    object = hash_text(object, file->object.key);
    object = hash_text(object, size);
    object = hash_text(object, file->object.version);
    return (struct time_record){file->min_txid, file->max_txid, object, file->time, file->database_size};
}

static int ltx_by_object(const void *left, const void *right)
{
    const struct time_record *a = left, *b = right;
    if (a->min_txid != b->min_txid)
        return a->min_txid < b->min_txid ? -1 : 1;
    if (a->max_txid != b->max_txid)
        return a->max_txid < b->max_txid ? -1 : 1;
    return (a->object > b->object) - (a->object < b->object);
}

/* Called with the generation locked. */
static void ltx_times_take_locked(const struct v05_listing *listing, const struct time_record *records,
                                  size_t n)
{
    for (size_t i = 0; i < listing->n_files; i++) {
        struct ltx_file *file = listing->files[i];
        if (file->time != LTX_TIME_UNKNOWN && file->database_size)
            continue;
        struct time_record wanted = ltx_describe(file);
        const struct time_record *found = bsearch(&wanted, records, n, sizeof *records, ltx_by_object);
        if (found && file->time == LTX_TIME_UNKNOWN)
            file->time = found->time;
        if (found && file->database_size == 0)
            file->database_size = found->database_size;
    }
}

int ltx_times_recall(struct v05_generation *generation, const struct v05_listing *listing)
{
    _cleanup_free_ char *identity = ltx_fact_identity(generation);
    struct buffer fact = {0};

    if (!identity)
        return -ENOMEM;
    int r = cache_get_fact(generation->cache, identity, KIND, FACT_VERSION, &fact);
    size_t n = fact.size / sizeof(struct time_record);
    if (r == 0 && n) {
        pthread_mutex_lock(&generation->base.lock);
        ltx_times_take_locked(listing, (const struct time_record *)(const void *)fact.data, n);
        pthread_mutex_unlock(&generation->base.lock);
    }
    buffer_finish(&fact);
    return r == -ENOMEM ? r : 0;
}

void ltx_times_keep(struct v05_generation *generation, const struct v05_listing *listing)
{
    _cleanup_free_ char *identity = ltx_fact_identity(generation);
    _cleanup_free_ struct time_record *records = calloc(listing->n_files + 1, sizeof *records);
    size_t n = 0;

    if (!identity || !records)
        return;
    pthread_mutex_lock(&generation->base.lock);
    for (size_t i = 0; i < listing->n_files; i++)
        if (listing->files[i]->time != LTX_TIME_UNKNOWN)
            records[n++] = ltx_describe(listing->files[i]);
    pthread_mutex_unlock(&generation->base.lock);
    qsort(records, n, sizeof *records, ltx_by_object);
    cache_put_fact(generation->cache, identity, KIND, FACT_VERSION, records, n * sizeof *records);
}

/* The files whose time is not known. */
struct time_requests {
    struct v05_generation *generation;
    struct ltx_file **files;
    size_t n;
};

static void ltx_collect_unknown(const struct v05_listing *listing, struct time_requests *requests)
{
    requests->n = 0;
    pthread_mutex_lock(&requests->generation->base.lock);
    for (size_t i = 0; i < listing->n_files; i++)
        if (listing->files[i]->time == LTX_TIME_UNKNOWN)
            requests->files[requests->n++] = listing->files[i];
    pthread_mutex_unlock(&requests->generation->base.lock);
}

static int ltx_ask_item(void *context, size_t item, struct task *task)
{
    struct time_requests *requests = context;
    return ltx_time_ask(requests->generation, requests->files[item], task);
}

static int ltx_time_find_out(struct v05_generation *generation, const struct v05_listing *listing,
                             struct task *task)
{
    _cleanup_free_ struct ltx_file **files = calloc(listing->n_files + 1, sizeof(struct ltx_file *));
    struct time_requests requests = {.generation = generation, .files = files};
    int r = files ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    ltx_collect_unknown(listing, &requests);
    if (requests.n == 0)
        return 0;
    r = ltx_times_recall(generation, listing);
    ltx_collect_unknown(listing, &requests);
    if (r < 0 || requests.n == 0)
        return r;
    r = parallel_each(requests.n, PARALLEL_HEADS, ltx_ask_item, &requests, task);
    ltx_times_keep(generation, listing);
    return r;
}

/* The times of one listing's files, which are being learnt. */
struct times_learning {
    struct v05_generation *generation;
    struct v05_listing *listing;
};

/* Waits until nobody asks for the times of another listing's files. 0 or -ECANCELED. */
static int times_begin_asking(struct v05_generation *generation, struct task *task)
{
    pthread_mutex_lock(&generation->base.lock);
    while (generation->asks_for_times && !task_cancelled(task))
        task_wait(&generation->base.learnt, &generation->base.lock);
    bool begins = !generation->asks_for_times;
    generation->asks_for_times = true;
    pthread_mutex_unlock(&generation->base.lock);
    return begins ? 0 : -ECANCELED;
}

static void times_end_asking(struct v05_generation *generation)
{
    pthread_mutex_lock(&generation->base.lock);
    generation->asks_for_times = false;
    pthread_cond_broadcast(&generation->base.learnt);
    pthread_mutex_unlock(&generation->base.lock);
}

static int times_find_out(void *context, struct task *task)
{
    const struct times_learning *learning = context;
    int r = times_begin_asking(learning->generation, task);

    if (r < 0)
        return r;
    r = ltx_time_find_out(learning->generation, learning->listing, task);
    times_end_asking(learning->generation);
    return r;
}

int ltx_times_learn(struct v05_generation *generation, struct v05_listing *listing, struct task *task)
{
    struct times_learning context = {generation, listing};
    const struct learning learning = {.learnt = &listing->times,
                                      .lock = &generation->base.lock,
                                      .changed = &generation->base.learnt,
                                      .context = &context,
                                      .find_out = times_find_out};
    return learnt_once(&learning, task);
}
