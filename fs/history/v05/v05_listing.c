/* What LTX files there are, and when each was written.
 *
 * Two layouts: ltx/LEVEL/MIN-MAX.ltx (level in decimal) on most stores, and LEVEL/MIN-MAX.ltx (four hex
 * digits) on S3; a replica that was copied from one store to another keeps its own, so both are looked for.
 * Sources: Litestream v0.5 litestream.go (LTXFilePath), s3/replica_client.go. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "ltx_time.h"
#include "v05.h"

#define PARALLEL_LISTINGS 10

#define HEX "0123456789abcdef"

struct v05_listing *v05_listing_ref(struct v05_listing *listing)
{
    if (listing)
        atomic_fetch_add(&listing->references, 1);
    return listing;
}

void v05_listing_unref(struct v05_listing *listing)
{
    if (!listing || atomic_fetch_sub(&listing->references, 1) != 1)
        return;
    for (size_t i = 0; i < listing->n_files; i++)
        ltx_file_unref(listing->files[i]);
    free(listing->files);
    free(listing->times);
    free(listing);
}

static void unref_listing(struct v05_listing **listing)
{
    v05_listing_unref(*listing);
}

bool v05_parse_name(const char *name, uint64_t *ret_min, uint64_t *ret_max)
{
    if (strspn(name, HEX) != 16 || name[16] != '-' || strspn(name + 17, HEX) != 16 ||
        strcmp(name + 33, ".ltx") != 0)
        return false;
    *ret_min = strtoull(name, NULL, 16);
    *ret_max = strtoull(name + 17, NULL, 16);
    return *ret_min > 0 && *ret_min <= *ret_max;
}

/* The folders of one replica that may hold levels. */
struct folders {
    struct level_folder {
        struct replica *replica;
        char prefix[16];
        unsigned level;
        struct listing found;
    } items[40];
    size_t n;
};

static int list_level(void *context, size_t item, struct task *task)
{
    struct folders *folders = context;
    struct level_folder *folder = &folders->items[item];
    return replica_list(folder->replica, folder->prefix, LIST_FOLDER, NULL, 0, task, &folder->found);
}

/* The levels for which there is a folder in the replica. */
static int find_levels(struct replica *replica, struct task *task, struct folders *folders)
{
    _cleanup_(listing_finish) struct listing top = {0}, below = {0};
    int r = replica_list(replica, "", LIST_FOLDER, NULL, 0, task, &top);

    if (r == 0)
        r = replica_list(replica, "ltx/", LIST_FOLDER, NULL, 0, task, &below);
    for (unsigned level = 0; level <= V05_BASE_LEVEL && r == 0; level++) {
        struct level_folder flat = {.replica = replica, .level = level}, nested = flat;
        snprintf(flat.prefix, sizeof flat.prefix, "%04x/", level);
        snprintf(nested.prefix, sizeof nested.prefix, "ltx/%u/", level);
        for (size_t i = 0; i < top.n_folders; i++)
            if (strcmp(top.folders[i], flat.prefix) == 0)
                folders->items[folders->n++] = flat;
        for (size_t i = 0; i < below.n_folders; i++)
            if (strcmp(below.folders[i], nested.prefix) == 0)
                folders->items[folders->n++] = nested;
    }
    return r;
}

static int by_txid_and_level(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    if (a->min_txid != b->min_txid)
        return a->min_txid < b->min_txid ? -1 : 1;
    if (a->max_txid != b->max_txid)
        return a->max_txid < b->max_txid ? -1 : 1;
    return (a->level > b->level) - (a->level < b->level);
}

static struct ltx_file *find_known(const struct v05_listing *known, const struct object *object,
                                   unsigned level, uint64_t min, uint64_t max)
{
    struct ltx_file wanted = {.level = level, .min_txid = min, .max_txid = max}, *key = &wanted,
                    **found = NULL;

    if (known && known->n_files)
        found = bsearch(&key, known->files, known->n_files, sizeof(struct ltx_file *), by_txid_and_level);
    if (!found || (*found)->object.size != object->size ||
        strcmp((*found)->object.version, object->version) != 0 ||
        strcmp((*found)->object.key, object->key) != 0)
        return NULL;
    return *found;
}

static int add_objects(struct v05_listing *listing, size_t *capacity, const struct v05_listing *known,
                       const struct level_folder *folder)
{
    int r = 0;
    for (size_t i = 0; i < folder->found.n_objects && r == 0; i++) {
        const struct object *object = &folder->found.objects[i];
        const char *slash = strrchr(object->key, '/');
        uint64_t min, max;
        if (!v05_parse_name(slash ? slash + 1 : object->key, &min, &max))
            continue; /* Junk between the files is nobody's business. */
        if ((r = ARRAY_GROW(listing->files, *capacity, listing->n_files + 1)) < 0)
            break;
        struct ltx_file *file = find_known(known, object, folder->level, min, max);
        file = file ? ltx_file_ref(file)
                    : ltx_file_make(folder->replica, object, folder->level, min, max, LTX_TIME_UNKNOWN);
        if (!file)
            return -ENOMEM;
        listing->files[listing->n_files++] = file;
    }
    return r;
}

static int compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int order(struct v05_listing *listing)
{
    size_t n = 0;

    listing->times = calloc(listing->n_files + 1, sizeof *listing->times);
    if (!listing->times)
        return -ENOMEM;
    if (listing->n_files)
        qsort(listing->files, listing->n_files, sizeof *listing->files, by_txid_and_level);
    for (size_t i = 0; i < listing->n_files; i++) {
        listing->times[i] = listing->files[i]->time;
        if (listing->files[i]->max_txid > listing->max_txid)
            listing->max_txid = listing->files[i]->max_txid;
    }
    qsort(listing->times, listing->n_files, sizeof *listing->times, compare_times);
    for (size_t i = 0; i < listing->n_files; i++)
        if (n == 0 || listing->times[n - 1] != listing->times[i])
            listing->times[n++] = listing->times[i];
    listing->n_times = n;
    return 0;
}

int v05_listing_make(struct v05_generation *generation, const struct v05_listing *known, struct task *task,
                     struct v05_listing **ret_listing)
{
    _cleanup_(unref_listing) struct v05_listing *listing = calloc(1, sizeof *listing);
    struct folders folders = {0};
    size_t capacity = 0;

    if (!listing)
        return -ENOMEM;
    atomic_init(&listing->references, 1);
    int r = find_levels(generation->replica, task, &folders);
    if (r == 0 && generation->written)
        r = find_levels(generation->written, task, &folders);
    if (r == 0)
        r = parallel_each(folders.n, PARALLEL_LISTINGS, list_level, &folders, task);
    for (size_t i = 0; i < folders.n; i++) {
        if (r == 0)
            r = add_objects(listing, &capacity, known, &folders.items[i]);
        listing_finish(&folders.items[i].found);
    }
    if (r == 0)
        r = ltx_times_learn(generation, listing->files, listing->n_files, task);
    if (r == 0)
        r = order(listing);
    if (r < 0)
        return r;
    *ret_listing = steal_pointer(listing);
    return 0;
}
