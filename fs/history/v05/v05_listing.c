/* What LTX files there are.
 *
 * Two layouts: ltx/LEVEL/MIN-MAX.ltx (level in decimal) on most stores, and LEVEL/MIN-MAX.ltx (four hex
 * digits) on S3; a replica that was copied from one store to another keeps its own, so both are looked for.
 * Keys of a level ascend with time, so what came since the last look stands behind the last key known, or in
 * a folder that was not there. What retention has deleted is noticed when everything is listed again, or when
 * it is missed. Sources: Litestream v0.5 litestream.go (LTXFilePath), s3/replica_client.go. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation/contents.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "v05.h"
#include "v05_generation.h"

#define PARALLEL_LISTINGS V05_MOST_FOLDERS
#define FLAT "%04x/"
#define NESTED "ltx/%u/"

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
    instants_finish(&listing->points);
    free(listing->ends);
    free(listing);
}

static void unref_listing(struct v05_listing **listing)
{
    v05_listing_unref(*listing);
}

/* A folder that is to be listed. */
struct errand {
    const struct contents *contents;
    struct level_folder folder;
    struct listing found;
};

/* What one look lists. */
struct tour {
    struct errand errands[V05_MOST_FOLDERS];
    size_t n;
};

static void tour_finish(struct tour *tour)
{
    for (size_t i = 0; i < tour->n; i++)
        listing_finish(&tour->errands[i].found);
}

static int list_folder(void *context, size_t item, struct task *task)
{
    struct errand *errand = &((struct tour *)context)->errands[item];
    const struct ltx_file *last = errand->folder.last;
    return contents_list(errand->contents, errand->folder.prefix, last ? last->object.key : NULL, task,
                         &errand->found);
}

static int take_tour(struct tour *tour, struct task *task)
{
    return parallel_each(tour->n, PARALLEL_LISTINGS, list_folder, tour, task);
}

static const struct level_folder *find_folder(const struct v05_listing *known, const struct replica *replica,
                                              const char *prefix)
{
    for (size_t i = 0; known && i < known->n_folders; i++)
        if (known->folders[i].replica == replica && strcmp(known->folders[i].prefix, prefix) == 0)
            return &known->folders[i];
    return NULL;
}

/* Adds all levels of one layout, if it is in use as far as is `known`; NULL: in any case. */
static void add_layout(struct tour *tour, const struct contents *contents, bool nested,
                       const struct v05_listing *known)
{
    size_t begin = tour->n;
    bool in_use = !known;

    for (unsigned level = 0; level <= V05_BASE_LEVEL; level++) {
        struct errand *errand = &tour->errands[tour->n++];
        *errand = (struct errand){.contents = contents, .folder = {contents->replica, "", level, NULL}};
        snprintf(errand->folder.prefix, sizeof errand->folder.prefix, nested ? NESTED : FLAT, level);
        const struct level_folder *folder = find_folder(known, contents->replica, errand->folder.prefix);
        if (folder)
            errand->folder.last = folder->last;
        in_use = in_use || folder;
    }
    if (!in_use)
        tour->n = begin;
}

/* --- putting a listing together --- */

static int by_txid_and_level(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    if (a->min_txid != b->min_txid)
        return a->min_txid < b->min_txid ? -1 : 1;
    if (a->max_txid != b->max_txid)
        return a->max_txid < b->max_txid ? -1 : 1;
    return (a->level > b->level) - (a->level < b->level);
}

static struct ltx_file *find_known(const struct v05_listing *known, const struct replica *replica,
                                   const struct object *object, unsigned level, uint64_t min, uint64_t max)
{
    struct ltx_file wanted = {.level = level, .min_txid = min, .max_txid = max}, *key = &wanted,
                    **found = NULL;

    if (known && known->n_files)
        found = bsearch(&key, known->files, known->n_files, sizeof(struct ltx_file *), by_txid_and_level);
    if (!found || (*found)->replica != replica || (*found)->object.size != object->size ||
        strcmp((*found)->object.version, object->version) != 0 ||
        strcmp((*found)->object.key, object->key) != 0)
        return NULL;
    return *found;
}

/* A listing that is being put together. */
struct builder {
    struct v05_generation *generation;
    struct v05_listing *listing;
    const struct v05_listing *known; /* the one before, or NULL */
    size_t capacity;
};

/* Takes over the caller's reference. */
static int add_file(struct builder *builder, struct ltx_file *file)
{
    struct v05_listing *listing = builder->listing;
    int r = file ? ARRAY_GROW(listing->files, builder->capacity, listing->n_files + 1) : -ENOMEM;
    if (r == 0)
        listing->files[listing->n_files++] = file;
    else
        ltx_file_unref(file);
    return r;
}

static int add_object(struct builder *builder, struct level_folder *folder, const struct object *object)
{
    const char *slash = strrchr(object->key, '/');
    uint64_t min, max;

    if (!v05_parse_name(slash ? slash + 1 : object->key, &min, &max))
        return 0; /* Junk between the files is nobody's business. */
    struct ltx_file *file = find_known(builder->known, folder->replica, object, folder->level, min, max);
    file = file ? ltx_file_ref(file)
                : ltx_file_make(builder->generation, folder->replica, object, folder->level, min, max);
    int r = add_file(builder, file);
    if (r == 0)
        folder->last = file;
    return r;
}

/* Adds what was found in a folder, and notes the folder if it holds anything. */
static int add_found(struct builder *builder, const struct errand *errand)
{
    struct level_folder folder = errand->folder;
    int r = 0;

    for (size_t i = 0; i < errand->found.n_objects && r == 0; i++)
        r = add_object(builder, &folder, &errand->found.objects[i]);
    if (r == 0 && folder.last)
        builder->listing->folders[builder->listing->n_folders++] = folder;
    return r;
}

static int add_known(struct builder *builder)
{
    int r = 0;
    for (size_t i = 0; i < builder->known->n_files && r == 0; i++)
        r = add_file(builder, ltx_file_ref(builder->known->files[i]));
    return r;
}

/* Brings the first `n_known` files, which are in order, and those that were found into one order. */
static int order(struct v05_listing *listing, size_t n_known)
{
    size_t n = listing->n_files, i = 0, j = n_known;
    struct ltx_file **files = calloc(n + 1, sizeof(struct ltx_file *));

    if (!files)
        return -ENOMEM;
    if (n > n_known)
        qsort(listing->files + n_known, n - n_known, sizeof(struct ltx_file *), by_txid_and_level);
    for (size_t k = 0; k < n; k++)
        files[k] = j == n || (i < n_known && by_txid_and_level(&listing->files[i], &listing->files[j]) <= 0)
                       ? listing->files[i++]
                       : listing->files[j++];
    free(listing->files);
    listing->files = files;
    for (size_t k = 1; k < n && !listing->has_doubles; k++)
        listing->has_doubles = by_txid_and_level(&files[k - 1], &files[k]) == 0;
    return 0;
}

static int put_together(struct v05_generation *generation, const struct tour *tour,
                        const struct v05_listing *known, bool whole, struct v05_listing **ret_listing)
{
    _cleanup_(unref_listing) struct v05_listing *listing = calloc(1, sizeof *listing);
    struct builder builder = {.generation = generation, .listing = listing, .known = known};
    int r = 0;

    if (!listing)
        return -ENOMEM;
    atomic_init(&listing->references, 1);
    listing->n_failures = known ? known->n_failures : 0;
    if (!whole)
        r = add_known(&builder);
    size_t n_known = listing->n_files;
    for (size_t i = 0; i < tour->n && r == 0; i++)
        r = add_found(&builder, &tour->errands[i]);
    if (r == 0)
        r = order(listing, n_known);
    if (r < 0)
        return r;
    *ret_listing = steal_pointer(listing);
    return 0;
}

/* What the replica holds where its path is taken as it was written. */
static int look_at_written(struct v05_generation *generation, bool whole, struct task *task,
                           struct contents *contents)
{
    *contents = (struct contents){.replica = generation->written};
    return whole && generation->written ? contents_look(contents, task) : 0;
}

int v05_listing_make(struct v05_generation *generation, const struct contents *contents,
                     const struct v05_listing *known, bool whole, struct task *task,
                     struct v05_listing **ret_listing)
{
    _cleanup_(contents_finish) struct contents written;
    _cleanup_(tour_finish) struct tour tour = {.n = 0};

    whole = whole || !known || known->n_files == 0;
    int r = look_at_written(generation, whole, task, &written);
    if (r < 0)
        return r;
    for (int nested = 0; nested <= 1; nested++) {
        add_layout(&tour, contents, nested, whole ? NULL : known);
        if (generation->written)
            add_layout(&tour, &written, nested, whole ? NULL : known);
    }
    r = take_tour(&tour, task);
    return r < 0 ? r : put_together(generation, &tour, known, whole, ret_listing);
}

/* --- whether there are any --- */

/* Whether there is a folder of LTX files, by level or by the name that holds the levels. 1, 0 or a negative
 * errno. */
static int holds_levels(const struct contents *contents, struct task *task)
{
    _cleanup_(listing_finish) struct listing top = {0};
    int r = contents_list(contents, "", NULL, task, &top);

    for (size_t i = 0; i < top.n_folders && r == 0; i++) {
        const char *name = top.folders[i];
        if (strcmp(name, "ltx/") == 0 || v05_is_level(name))
            return 1;
    }
    return r;
}

static void close_replica(struct replica **replica)
{
    replica_close(*replica);
}

int v05_list_generations(const struct contents *contents, struct task *task, struct names *names)
{
    _cleanup_(close_replica) struct replica *written = NULL;
    int r = holds_levels(contents, task);

    if (r == 0 && (r = replica_open_raw_prefix(contents->replica, &written)) == 0) {
        const struct contents others = {.replica = written};
        r = holds_levels(&others, task);
    }
    if (r == -ENOENT)
        return 0;
    return r > 0 ? names_add(names, V05_GENERATION, true) : r;
}
