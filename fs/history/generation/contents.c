#include "contents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kept_listing.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"

void contents_finish(struct contents *contents)
{
    listing_finish(&contents->all);
}

int contents_look(struct contents *contents, struct task *task)
{
    int r = replica_list(contents->replica, "", LIST_ALL, NULL, CONTENTS_AT_ONCE, task, &contents->all);

    contents->complete = r == 0 && contents->all.n_objects < CONTENTS_AT_ONCE;
    if (!contents->complete)
        contents_finish(contents);
    return r;
}

static int contents_add_object(struct listing *listing, const struct object *object)
{
    int r = ARRAY_GROW(listing->objects, listing->objects_capacity, listing->n_objects + 1);
    if (r == 0)
        r = object_copy(object, &listing->objects[listing->n_objects]);
    if (r == 0)
        listing->n_objects++;
    return r;
}

/* Adds the folder that the first `length` bytes of a key name, unless it is the one that was added last. */
static int contents_add_folder(struct listing *listing, const char *key, size_t length)
{
    const char *last = listing->n_folders ? listing->folders[listing->n_folders - 1] : "";
    if (strncmp(last, key, length) == 0 && last[length] == '\0')
        return 0;
    _cleanup_free_ char *folder = strndup(key, length);
    if (!folder || ARRAY_GROW(listing->folders, listing->folders_capacity, listing->n_folders + 1) < 0)
        return -ENOMEM;
    listing->folders[listing->n_folders++] = steal_pointer(folder);
    return 0;
}

/* The keys below one prefix stand together, and so do those of one folder. */
static int contents_pick(const struct listing *all, const char *prefix, const char *after,
                         struct listing *listing)
{
    size_t length = strlen(prefix);
    int r = 0;

    for (size_t i = 0; i < all->n_objects && r == 0; i++) {
        const struct object *object = &all->objects[i];
        if (strncmp(object->key, prefix, length) != 0 || (after && strcmp(object->key, after) <= 0))
            continue;
        const char *slash = strchr(object->key + length, '/');
        r = slash ? contents_add_folder(listing, object->key, (size_t)(slash + 1 - object->key))
                  : contents_add_object(listing, object);
    }
    return r;
}

/* All of a folder that may be large. */
static int contents_list_folder(const struct contents *contents, const char *prefix, struct task *task,
                                struct listing *listing)
{
    int64_t time, as_of = atomic_load(contents->as_of);
    int r =
        kept_listing_list(contents->cache, contents->replica, prefix, contents->recall, task, listing, &time);

    while (r == 0 && time < as_of && !atomic_compare_exchange_weak(contents->as_of, &as_of, time))
        ;
    return r;
}

int contents_list(const struct contents *contents, const char *prefix, const char *after, struct task *task,
                  struct listing *listing)
{
    if (contents->complete)
        return contents_pick(&contents->all, prefix, after, listing);
    if (contents->cache && !after)
        return contents_list_folder(contents, prefix, task, listing);
    return replica_list(contents->replica, prefix, LIST_FOLDER, after, 0, task, listing);
}
