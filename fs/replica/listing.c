#include "store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"

#define USUAL_BYTES 192            /* of an entry's texts: a v0.3 key below a long path, and an ETag */
#define LONG_BYTES_MAX (64u << 20) /* beyond those, of all entries together */

void object_finish(struct object *object)
{
    free(object->key);
    free(object->version);
    *object = (struct object){0};
}

int object_copy(const struct object *object, struct object *ret_object)
{
    struct object copy = *object;

    copy.key = strdup(object->key);
    copy.version = strdup(object->version);
    if (!copy.key || !copy.version) {
        object_finish(&copy);
        return -ENOMEM;
    }
    *ret_object = copy;
    return 0;
}

void listing_finish(struct listing *listing)
{
    for (size_t i = 0; i < listing->n_objects; i++)
        object_finish(&listing->objects[i]);
    for (size_t i = 0; i < listing->n_folders; i++)
        free(listing->folders[i]);
    free(listing->objects);
    free(listing->folders);
    *listing = (struct listing){0};
}

int listing_check(const struct listing *listing, const char *where, struct task *task)
{
    size_t n = listing->n_objects + listing->n_folders;

    if (n <= LISTING_ENTRIES_MAX && listing->long_bytes <= LONG_BYTES_MAX)
        return 0;
    return task_fail(task, EREMOTEIO,
                     "%s: a listing has more entries than any backup: %zu so far, by %" PRIu64
                     " MB longer than a backup's; check the endpoint and the path",
                     where, n, listing->long_bytes / 1000000);
}

/* Notes how much longer than usual an entry's texts are. */
static void listing_count_long_bytes(struct listing *listing, size_t length)
{
    if (length > USUAL_BYTES)
        listing->long_bytes += length - USUAL_BYTES;
}

int listing_add_object(struct listing *listing, const struct object *object)
{
    int r = ARRAY_GROW(listing->objects, listing->objects_capacity, listing->n_objects + 1);
    if (r == 0)
        r = object_copy(object, &listing->objects[listing->n_objects]);
    if (r == 0)
        listing_count_long_bytes(listing, strlen(object->key) + strlen(object->version));
    if (r == 0)
        listing->n_objects++;
    return r;
}

int listing_add_folder(struct listing *listing, const char *name)
{
    _cleanup_free_ char *copy = strdup(name);
    if (!copy || ARRAY_GROW(listing->folders, listing->folders_capacity, listing->n_folders + 1) < 0)
        return -ENOMEM;
    listing_count_long_bytes(listing, strlen(name));
    listing->folders[listing->n_folders++] = steal_pointer(copy);
    return 0;
}

static int listing_compare_objects(const void *a, const void *b)
{
    return strcmp(((const struct object *)a)->key, ((const struct object *)b)->key);
}

static int listing_compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Stores answer in order nearly always, so looking is cheaper than sorting. */
static void listing_sort_unless_sorted(void *array, size_t count, size_t element,
                                       int (*compare)(const void *a, const void *b))
{
    const char *bytes = array;
    for (size_t i = 1; i < count; i++) {
        if (compare(bytes + (i - 1) * element, bytes + i * element) > 0) {
            qsort(array, count, element, compare);
            return;
        }
    }
}

void listing_sort(struct listing *listing)
{
    listing_sort_unless_sorted(listing->objects, listing->n_objects, sizeof *listing->objects,
                               listing_compare_objects);
    listing_sort_unless_sorted(listing->folders, listing->n_folders, sizeof *listing->folders,
                               listing_compare_names);
}

int listing_move(struct listing *from, struct listing *to)
{
    if (ARRAY_GROW(to->objects, to->objects_capacity, to->n_objects + from->n_objects) < 0 ||
        ARRAY_GROW(to->folders, to->folders_capacity, to->n_folders + from->n_folders) < 0)
        return -ENOMEM;
    if (from->n_objects)
        memcpy(to->objects + to->n_objects, from->objects, from->n_objects * sizeof *from->objects);
    if (from->n_folders)
        memcpy(to->folders + to->n_folders, from->folders, from->n_folders * sizeof *from->folders);
    to->n_objects += from->n_objects;
    to->n_folders += from->n_folders;
    to->long_bytes += from->long_bytes;
    from->n_objects = from->n_folders = 0;
    from->long_bytes = 0;
    return 0;
}

bool key_is_printable(const char *key)
{
    if (!*key)
        return false;
    for (; *key; key++)
        if ((unsigned char)*key < ' ' || *key == 0x7f)
            return false;
    return true;
}
