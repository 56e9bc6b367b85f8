/* What LTX files there are.
 *
 * Two layouts: ltx/LEVEL/MIN-MAX.ltx (level in decimal) on most stores, and LEVEL/MIN-MAX.ltx (four hex
 * digits) on S3; a replica that was copied from one store to another keeps its own, so both are looked for.
 * Keys of a level ascend with time, so what came since the last refresh stands behind the last key known, or
 * in a folder that was not there. What retention has deleted is noticed when everything is listed again, or
 * when it is missed. Sources: Litestream v0.5 litestream.go (LTXFilePath), s3/replica_client.go. */
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

static void v05_listing_free(struct generation_listing *base)
{
    struct v05_listing *listing = v05_listing_of(base);

    for (size_t i = 0; i < listing->n_files; i++)
        ltx_file_unref(listing->files[i]);
    free(listing->files);
    learnt_finish(&listing->times);
    free(listing);
}

struct v05_listing *v05_listing_make(void)
{
    struct v05_listing *listing = calloc(1, sizeof *listing);

    if (listing) {
        atomic_init(&listing->base.references, 1);
        listing->base.free = v05_listing_free;
    }
    return listing;
}

static void v05_unref_listing(struct v05_listing **listing)
{
    generation_listing_unref(*listing ? &(*listing)->base : NULL);
}

/* A folder that is to be listed. */
struct folder_request {
    const struct contents *contents;
    struct level_folder folder;
    struct listing found;
};

/* What is listed at once. */
struct folder_requests {
    struct folder_request items[V05_MOST_FOLDERS];
    size_t n;
};

static void v05_folder_requests_finish(struct folder_requests *all)
{
    for (size_t i = 0; i < all->n; i++)
        listing_finish(&all->items[i].found);
}

static int v05_list_folder(void *context, size_t item, struct task *task)
{
    struct folder_request *request = &((struct folder_requests *)context)->items[item];
    const struct ltx_file *last = request->folder.last;
    return contents_list(request->contents, request->folder.prefix, last ? last->object.key : NULL, task,
                         &request->found);
}

static int v05_list_folders(struct folder_requests *all, struct task *task)
{
    return parallel_each(all->n, PARALLEL_LISTINGS, v05_list_folder, all, task);
}

static const struct level_folder *v05_find_folder(const struct v05_listing *known,
                                                  const struct replica *replica, const char *prefix)
{
    for (size_t i = 0; known && i < known->n_folders; i++)
        if (known->folders[i].replica == replica && strcmp(known->folders[i].prefix, prefix) == 0)
            return &known->folders[i];
    return NULL;
}

/* Adds all levels of one layout, if it is in use as far as is `known`; NULL: in any case. */
static void v05_add_layout(struct folder_requests *all, const struct contents *contents, bool nested,
                           const struct v05_listing *known)
{
    size_t begin = all->n;
    bool in_use = !known;

    for (unsigned level = 0; level <= V05_BASE_LEVEL; level++) {
        struct folder_request *request = &all->items[all->n++];
        *request =
            (struct folder_request){.contents = contents, .folder = {contents->replica, "", level, NULL}};
        snprintf(request->folder.prefix, sizeof request->folder.prefix, nested ? NESTED : FLAT, level);
        const struct level_folder *folder = v05_find_folder(known, contents->replica, request->folder.prefix);
        if (folder)
            request->folder.last = folder->last;
        in_use = in_use || folder;
    }
    if (!in_use)
        all->n = begin;
}

/* --- putting a listing together --- */

static int v05_by_txid_and_level(const void *left, const void *right)
{
    const struct ltx_file *a = *(struct ltx_file *const *)left, *b = *(struct ltx_file *const *)right;
    if (a->min_txid != b->min_txid)
        return a->min_txid < b->min_txid ? -1 : 1;
    if (a->max_txid != b->max_txid)
        return a->max_txid < b->max_txid ? -1 : 1;
    return (a->level > b->level) - (a->level < b->level);
}

static struct ltx_file *v05_find_known(const struct v05_listing *known, const struct replica *replica,
                                       const struct object *object, unsigned level, uint64_t min,
                                       uint64_t max)
{
    struct ltx_file wanted = {.level = level, .min_txid = min, .max_txid = max}, *key = &wanted,
                    **found = NULL;

    if (known && known->n_files)
        found = bsearch(&key, known->files, known->n_files, sizeof(struct ltx_file *), v05_by_txid_and_level);
    if (!found || (*found)->replica != replica || (*found)->object.size != object->size ||
        strcmp((*found)->object.version, object->version) != 0 ||
        strcmp((*found)->object.key, object->key) != 0)
        return NULL;
    return *found;
}

/* A listing that is being put together. */
struct v05_builder {
    struct v05_generation *generation;
    struct v05_listing *listing;
    const struct v05_listing *known; /* the one before, or NULL */
    size_t capacity;
};

/* Takes over the caller's reference. */
static int v05_add_file(struct v05_builder *builder, struct ltx_file *file)
{
    struct v05_listing *listing = builder->listing;
    int r = file ? ARRAY_GROW(listing->files, builder->capacity, listing->n_files + 1) : -ENOMEM;
    if (r == 0)
        listing->files[listing->n_files++] = file;
    else
        ltx_file_unref(file);
    return r;
}

static int v05_add_object(struct v05_builder *builder, struct level_folder *folder,
                          const struct object *object)
{
    const char *slash = strrchr(object->key, '/');
    uint64_t min, max;

    if (!v05_parse_name(slash ? slash + 1 : object->key, &min, &max))
        return 0; /* Junk between the files is nobody's business. */
    struct ltx_file *file = v05_find_known(builder->known, folder->replica, object, folder->level, min, max);
    file = file ? ltx_file_ref(file)
                : ltx_file_make(builder->generation, folder->replica, object, folder->level, min, max);
    int r = v05_add_file(builder, file);
    if (r == 0)
        folder->last = file;
    return r;
}

/* Adds what was found in a folder, and notes the folder if it holds anything. */
static int v05_add_found(struct v05_builder *builder, const struct folder_request *request)
{
    struct level_folder folder = request->folder;
    int r = 0;

    for (size_t i = 0; i < request->found.n_objects && r == 0; i++)
        r = v05_add_object(builder, &folder, &request->found.objects[i]);
    if (r == 0 && folder.last)
        builder->listing->folders[builder->listing->n_folders++] = folder;
    return r;
}

static int v05_add_known(struct v05_builder *builder)
{
    int r = 0;
    for (size_t i = 0; i < builder->known->n_files && r == 0; i++)
        r = v05_add_file(builder, ltx_file_ref(builder->known->files[i]));
    return r;
}

/* Brings the first `n_known` files, which are in order, and those that were found into one order. */
static int v05_order(struct v05_listing *listing, size_t n_known)
{
    size_t n = listing->n_files, i = 0, j = n_known;
    struct ltx_file **files = calloc(n + 1, sizeof(struct ltx_file *));

    if (!files)
        return -ENOMEM;
    if (n > n_known)
        qsort(listing->files + n_known, n - n_known, sizeof(struct ltx_file *), v05_by_txid_and_level);
    for (size_t k = 0; k < n; k++)
        files[k] =
            j == n || (i < n_known && v05_by_txid_and_level(&listing->files[i], &listing->files[j]) <= 0)
                ? listing->files[i++]
                : listing->files[j++];
    free(listing->files);
    listing->files = files;
    for (size_t k = 1; k < n && !listing->has_doubles; k++)
        listing->has_doubles = v05_by_txid_and_level(&files[k - 1], &files[k]) == 0;
    return 0;
}

static int v05_put_together(struct v05_generation *generation, const struct folder_requests *all,
                            const struct v05_listing *known, bool whole, struct v05_listing **ret_listing)
{
    _cleanup_(v05_unref_listing) struct v05_listing *listing = v05_listing_make();
    struct v05_builder builder = {.generation = generation, .listing = listing, .known = known};
    int r = 0;

    if (!listing)
        return -ENOMEM;
    listing->n_failures = known ? known->n_failures : 0;
    if (!whole)
        r = v05_add_known(&builder);
    size_t n_known = listing->n_files;
    for (size_t i = 0; i < all->n && r == 0; i++)
        r = v05_add_found(&builder, &all->items[i]);
    if (r == 0)
        r = v05_order(listing, n_known);
    if (r < 0)
        return r;
    *ret_listing = steal_pointer(listing);
    return 0;
}

/* What the replica holds where its path is taken as it was written. */
static int v05_look_at_written(struct v05_generation *generation, bool whole, struct task *task,
                               struct contents *contents)
{
    *contents = (struct contents){.replica = generation->written};
    return whole && generation->written ? contents_look(contents, task) : 0;
}

int v05_list(struct generation *base, struct generation_listing *before, const struct contents *contents,
             bool whole, struct task *task, struct generation_listing **ret_listing)
{
    struct v05_generation *generation = v05_generation_of(base);
    const struct v05_listing *known = v05_listing_of(before);
    struct v05_listing *fresh;
    _cleanup_(contents_finish) struct contents written;
    _cleanup_(v05_folder_requests_finish) struct folder_requests all = {.n = 0};

    whole = whole || !known || known->n_files == 0;
    int r = v05_look_at_written(generation, whole, task, &written);
    if (r < 0)
        return r;
    for (int nested = 0; nested <= 1; nested++) {
        v05_add_layout(&all, contents, nested, whole ? NULL : known);
        if (generation->written)
            v05_add_layout(&all, &written, nested, whole ? NULL : known);
    }
    r = v05_list_folders(&all, task);
    if (r == 0)
        r = v05_put_together(generation, &all, known, whole, &fresh);
    if (r == 0)
        *ret_listing = &fresh->base;
    return r;
}

/* --- whether there are any --- */

/* Whether there is a folder of LTX files, by level or by the name that holds the levels. 1, 0 or a negative
 * errno. */
static int v05_holds_levels(const struct contents *contents, struct task *task)
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

static void v05_close_replica(struct replica **replica)
{
    replica_close(*replica);
}

int v05_list_generations(const struct contents *contents, struct task *task, struct names *names)
{
    _cleanup_(v05_close_replica) struct replica *written = NULL;
    int r = v05_holds_levels(contents, task);

    if (r == 0 && (r = replica_open_raw_prefix(contents->replica, &written)) == 0) {
        const struct contents others = {.replica = written};
        r = v05_holds_levels(&others, task);
    }
    if (r == -ENOENT)
        return 0;
    return r > 0 ? names_add(names, V05_GENERATION, true) : r;
}
