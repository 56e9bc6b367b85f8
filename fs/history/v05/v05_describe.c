/* What can be listed of a history: every restore point with its TXID and the size of the database, the files,
 * the TXIDs.
 *
 * Names and times tell which points there are, and which TXID each leads to. The size stands in the header of
 * a file that ends there: so of each a hundred bytes are read, once ever. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "ltx_learn.h"
#include "ltx_time.h"
#include "v05.h"

#define PARALLEL_HEADERS 64

/* The files whose headers are wanted. */
struct header_reading {
    struct v05_generation *generation;
    struct ltx_file **files;
    size_t n;
};

/* A file that is not what its name says is looked at closely: it will be damaged. */
static int v05_read_header(void *context, size_t item, struct task *task)
{
    const struct header_reading *reading = context;
    struct ltx_file *file = reading->files[item];
    uint8_t bytes[LTX_HEADER_SIZE];
    struct ltx_header header;

    if (file->object.size < LTX_HEADER_SIZE)
        return ltx_files_learn(reading->generation, &file, 1, 0, task);
    int r = ltx_file_read(file, false, 0, LTX_HEADER_SIZE, bytes, task);
    if (r < 0)
        return r;
    if (ltx_header_parse(bytes, &header) < 0 || header.min_txid != file->min_txid ||
        header.max_txid != file->max_txid)
        return ltx_files_learn(reading->generation, &file, 1, 0, task);
    pthread_mutex_lock(&reading->generation->base.lock);
    file->database_size = (uint64_t)header.commit * header.page_size;
    pthread_mutex_unlock(&reading->generation->base.lock);
    return 0;
}

/* Those of the points' files whose size is not known. */
static void v05_collect_unknown(const struct plan_points *points, struct header_reading *reading)
{
    reading->n = 0;
    pthread_mutex_lock(&reading->generation->base.lock);
    for (size_t i = 0; i < points->n; i++) {
        struct ltx_file *file = points->items[i].last;
        if (file->learnt.state == LEARNT_SOUND)
            file->database_size = (uint64_t)ltx_file_header(file)->commit * ltx_file_header(file)->page_size;
        if (file->database_size == 0)
            reading->files[reading->n++] = file;
    }
    pthread_mutex_unlock(&reading->generation->base.lock);
}

static uint64_t v05_headers_size(void *context, size_t n)
{
    return n * (uint64_t)LTX_HEADER_SIZE;
}

static int v05_read_headers(void *context, size_t begin, size_t end, struct task *task)
{
    struct header_reading part = *(const struct header_reading *)context;

    part.files += begin;
    return parallel_each(end - begin, PARALLEL_HEADERS, v05_read_header, &part, task);
}

static int v05_learn_sizes(struct v05_generation *generation, const struct v05_listing *listing,
                           const struct plan_points *points, const struct measuring *measuring,
                           struct task *task)
{
    _cleanup_free_ struct ltx_file **files = calloc(points->n + 1, sizeof(struct ltx_file *));
    struct header_reading reading = {.generation = generation, .files = files};
    int r = files ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    v05_collect_unknown(points, &reading);
    if (reading.n == 0)
        return 0;
    r = ltx_times_recall(generation, listing);
    v05_collect_unknown(points, &reading);
    if (r < 0 || reading.n == 0)
        return r;
    const struct measured_objects headers = {reading.n, &reading, v05_headers_size, v05_read_headers};
    r = measure_in_parts(measuring, &headers, task);
    ltx_times_keep(generation, listing);
    return r;
}

/* The points as far as it is known what is damaged; the caller frees the items. */
static int v05_find_points(struct v05_generation *generation, const struct v05_listing *listing,
                           struct plan_points *ret_points, size_t *ret_damaged)
{
    pthread_mutex_lock(&generation->base.lock);
    int r = plan_points_locked(listing, ret_points);
    *ret_damaged = generation->n_damaged;
    pthread_mutex_unlock(&generation->base.lock);
    return r;
}

static bool v05_has_more_damage(struct v05_generation *generation, size_t n_damaged)
{
    pthread_mutex_lock(&generation->base.lock);
    bool more = generation->n_damaged != n_damaged;
    pthread_mutex_unlock(&generation->base.lock);
    return more;
}

/* Called with the generation locked. */
static int v05_add_point_locked(const struct plan_point *found, bool measured, struct listed_points *points)
{
    struct listed_point point = {.time = found->time, .is_snapshot = found->is_base};
    int r = found->missing ? plan_write_gap(found->txid + 1, found->missing, &point.gap) : 0;

    if (measured) {
        snprintf(point.position, sizeof point.position, "%016" PRIx64, found->txid);
        point.size = found->last->database_size;
    }
    if (r == 0)
        r = listed_points_add(points, &point);
    if (r < 0)
        free(point.gap);
    return r;
}

int v05_describe_points(struct generation *base, struct generation_listing *current,
                        const struct measuring *measuring, struct task *task, struct listed_points *points)
{
    struct v05_generation *generation = v05_generation_of(base);
    struct v05_listing *listing = v05_listing_of(current);
    struct plan_points found = {0};
    size_t n_damaged;
    int r = ltx_times_learn(generation, listing, task);

    for (bool again = r == 0; again; again = r == 0 && v05_has_more_damage(generation, n_damaged)) {
        free(found.items);
        found = (struct plan_points){0};
        r = v05_find_points(generation, listing, &found, &n_damaged);
        if (r == 0 && measuring)
            r = v05_learn_sizes(generation, listing, &found, measuring, task);
    }
    pthread_mutex_lock(&generation->base.lock);
    for (size_t i = 0; i < found.n && r == 0; i++)
        r = v05_add_point_locked(&found.items[i], measuring != NULL, points);
    pthread_mutex_unlock(&generation->base.lock);
    free(found.items);
    return r;
}

static int v05_by_level(const void *left, const void *right)
{
    const struct listed_object *a = left, *b = right;
    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    if (a->min_txid != b->min_txid)
        return a->min_txid < b->min_txid ? -1 : 1;
    return (a->max_txid > b->max_txid) - (a->max_txid < b->max_txid);
}

int v05_list_objects(struct generation *generation, struct generation_listing *base, enum object_kind kind,
                     struct listed_objects *objects)
{
    const struct v05_listing *listing = v05_listing_of(base);
    size_t first = objects->n;
    int r = 0;

    if (kind == OBJECT_WAL)
        return 0;

    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        const struct listed_object object = {.level = file->level,
                                             .min_txid = file->min_txid,
                                             .max_txid = file->max_txid,
                                             .size = file->object.size,
                                             .created = kind == OBJECT_SNAPSHOT ? file->time
                                                                                : file->object.modified};
        if (kind == OBJECT_LTX || file->level == V05_BASE_LEVEL)
            r = listed_objects_add(objects, &object);
    }
    pthread_mutex_unlock(&generation->lock);
    if (objects->n > first)
        qsort(objects->items + first, objects->n - first, sizeof *objects->items, v05_by_level);
    return r;
}

int v05_list_positions(struct generation *generation, struct generation_listing *base, const char *folder,
                       struct task *task, struct names *names)
{
    const struct v05_listing *listing = v05_listing_of(base);
    _cleanup_free_ struct plan_end *ends = calloc(listing->n_files + 1, sizeof *ends);
    int r = ends ? 0 : -ENOMEM;

    if (folder)
        return -ENOENT;
    if (r < 0)
        return r;
    pthread_mutex_lock(&generation->lock);
    size_t n = plan_reachable_locked(listing, ends);
    pthread_mutex_unlock(&generation->lock);
    for (size_t i = 0; i < n && r == 0; i++) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64, ends[i].txid);
        r = names_add_state(names, text, plan_inode(ends[i].base, ends[i].txid));
    }
    return r;
}
