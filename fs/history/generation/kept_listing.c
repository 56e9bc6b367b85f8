#include "kept_listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"
#include "litemount/task.h"

#define KIND "listing"
#define FACT_VERSION 2
#define PAGE ((size_t)1000) /* objects an answer */
#define RANGE (PAGE - 1)    /* objects of a range: with the first of the next one they are a page */
#define PARALLEL_RANGES 32

/* The head of what is kept; records follow, each with its key and its version, both ended by a zero. */
struct kept_head {
    uint64_t n_objects;
    int64_t time;
};

struct kept_record {
    uint64_t size;
    int64_t modified, created, metadata_time;
};

static char *kept_listing_identify(const struct replica *replica, const char *prefix)
{
    char *text;
    return asprintf(&text, "%s\n%s", replica_url(replica), prefix) < 0 ? NULL : text;
}

static int kept_listing_append_object(struct buffer *buffer, const struct object *object)
{
    const struct kept_record record = {object->size, object->modified, object->created,
                                       object->metadata_time};
    int r = buffer_append(buffer, &record, sizeof record);
    if (r == 0)
        r = buffer_append(buffer, object->key, strlen(object->key) + 1);
    if (r == 0)
        r = buffer_append(buffer, object->version, strlen(object->version) + 1);
    return r;
}

static void kept_listing_keep(struct cache *cache, const char *identity, int64_t time,
                              const struct listing *listing)
{
    const struct kept_head head = {listing->n_objects, time};
    struct buffer buffer = {0};
    int r = buffer_append(&buffer, &head, sizeof head);

    for (size_t i = 0; i < listing->n_objects && r == 0; i++)
        r = kept_listing_append_object(&buffer, &listing->objects[i]);
    if (r == 0)
        cache_put_fact(cache, identity, KIND, FACT_VERSION, buffer.data, buffer.size);
    buffer_finish(&buffer);
}

/* Takes one object from the fact; false if it does not fit. The strings are copied. */
static bool kept_listing_take_object(const struct buffer *fact, size_t *at, struct object *ret_object)
{
    struct kept_record record;
    const char *key, *version;

    if (fact->size - *at < sizeof record)
        return false;
    memcpy(&record, fact->data + *at, sizeof record);
    *at += sizeof record;
    key = (const char *)fact->data + *at;
    *at += strnlen(key, fact->size - *at) + 1;
    if (*at >= fact->size)
        return false;
    version = (const char *)fact->data + *at;
    *at += strnlen(version, fact->size - *at) + 1;
    if (*at > fact->size)
        return false;
    const struct object object = {(char *)key,     (char *)version, record.size,
                                  record.modified, record.created,  record.metadata_time};
    return object_copy(&object, ret_object) == 0;
}

static int kept_listing_recall(struct cache *cache, const char *identity, struct listing *kept,
                               int64_t *ret_time)
{
    _cleanup_(buffer_finish) struct buffer fact = {0};
    struct kept_head head;
    size_t at = sizeof head;
    int r = cache_get_fact(cache, identity, KIND, FACT_VERSION, &fact);

    if (r < 0)
        return r;
    if (fact.size < sizeof head)
        return -ENOENT;
    memcpy(&head, fact.data, sizeof head);
    if (head.n_objects > fact.size / sizeof(struct kept_record))
        return -ENOENT;
    kept->objects = calloc(head.n_objects, sizeof *kept->objects);
    kept->objects_capacity = kept->objects ? head.n_objects : 0;
    while (kept->n_objects < kept->objects_capacity &&
           kept_listing_take_object(&fact, &at, &kept->objects[kept->n_objects]))
        kept->n_objects++;
    *ret_time = head.time;
    return kept->n_objects == head.n_objects && head.n_objects > PAGE ? 0 : -ENOENT;
}

/* Moves the first `n` objects of `from` behind those of `to`. */
static int kept_listing_move_objects(struct listing *from, size_t n, struct listing *to)
{
    int r = ARRAY_GROW(to->objects, to->objects_capacity, to->n_objects + n);
    if (r < 0 || n == 0)
        return r;
    memcpy(to->objects + to->n_objects, from->objects, n * sizeof *from->objects);
    memset(from->objects, 0, n * sizeof *from->objects);
    to->n_objects += n;
    to->long_bytes += from->long_bytes;
    return 0;
}

static int kept_listing_move_all(struct listing *from, struct listing *to)
{
    int r = ARRAY_GROW(to->folders, to->folders_capacity, to->n_folders + from->n_folders);
    if (r == 0)
        r = kept_listing_move_objects(from, from->n_objects, to);
    if (r < 0)
        return r;
    for (size_t i = 0; i < from->n_folders; i++)
        to->folders[to->n_folders++] = steal_pointer(from->folders[i]);
    from->n_folders = 0;
    return 0;
}

/* What is known, and behind it what came since. */
static int kept_listing_list_on(struct replica *replica, const char *prefix, struct listing *kept,
                                struct task *task, struct listing *listing)
{
    size_t n = kept->n_objects - PAGE;
    int r = kept_listing_move_objects(kept, n, listing);
    if (r < 0)
        return r;
    _cleanup_free_ char *after = strdup(listing->objects[listing->n_objects - 1].key);
    return after ? replica_list(replica, prefix, LIST_FOLDER, after, 0, task, listing) : -ENOMEM;
}

/* Ranges of keys that are listed at once. */
struct ranges {
    struct replica *replica;
    const char *prefix;
    const struct listing *kept;
    struct listing *found; /* a listing each */
    size_t n;
};

/* How many objects of a page do not lie behind `until` (NULL: all). */
static size_t kept_listing_count_within(const struct listing *page, const char *until)
{
    size_t n = page->n_objects;
    while (until && n && strcmp(page->objects[n - 1].key, until) > 0)
        n--;
    return n;
}

/* Lists from behind the range's first key to that of the next one: a page, unless more came in between. */
static int kept_listing_list_range(void *context, size_t item, struct task *task)
{
    struct ranges *ranges = context;
    const struct object *keys = ranges->kept->objects;
    const char *until = item + 1 < ranges->n ? keys[(item + 1) * RANGE].key : NULL;
    _cleanup_free_ char *after = item ? strdup(keys[item * RANGE].key) : NULL;
    size_t limit = PAGE;
    bool more = true;
    int r = 0;

    while (r == 0 && more) {
        _cleanup_(listing_finish) struct listing page = {0};
        r = replica_list(ranges->replica, ranges->prefix, LIST_FOLDER, after, until ? limit : 0, task, &page);
        size_t n = kept_listing_count_within(&page, until);
        more = until && n == page.n_objects && page.n_objects + page.n_folders >= limit;
        limit = PAGE + page.n_folders; /* they count, and those behind the last object come again */
        if (r == 0 && more && n) {
            free(after);
            after = strdup(page.objects[n - 1].key);
            r = after ? 0 : -ENOMEM;
        }
        if (r == 0)
            r = kept_listing_move_objects(&page, n, &ranges->found[item]);
        if (r == 0)
            r = listing_check(&ranges->found[item], replica_url(ranges->replica), task);
    }
    return r;
}

static int kept_listing_list_at_once(struct replica *replica, const char *prefix, const struct listing *kept,
                                     struct task *task, struct listing *listing)
{
    struct ranges ranges = {replica, prefix, kept, NULL, kept->n_objects / RANGE};
    int r = 0;

    ranges.found = calloc(ranges.n, sizeof *ranges.found);
    if (!ranges.found)
        return -ENOMEM;
    r = parallel_each(ranges.n, PARALLEL_RANGES, kept_listing_list_range, &ranges, task);
    for (size_t i = 0; i < ranges.n; i++) {
        if (r == 0)
            r = kept_listing_move_objects(&ranges.found[i], ranges.found[i].n_objects, listing);
        listing_finish(&ranges.found[i]);
    }
    free(ranges.found);
    return r;
}

int kept_listing_list(struct cache *cache, struct replica *replica, const char *prefix, bool recall,
                      struct task *task, struct listing *listing, int64_t *ret_time)
{
    _cleanup_free_ char *identity = kept_listing_identify(replica, prefix);
    _cleanup_(listing_finish) struct listing kept = {0}, found = {0};
    int64_t now = instant_now(), time;

    if (!identity)
        return -ENOMEM;
    int r = kept_listing_recall(cache, identity, &kept, &time);
    if (r == 0 && recall && time <= now && now - time < KEPT_LISTING_AGE) {
        now = time;
        r = kept_listing_list_on(replica, prefix, &kept, task, &found);
    } else {
        if (r == 0 && replica_lists_in_pages(replica))
            r = kept_listing_list_at_once(replica, prefix, &kept, task, &found);
        else
            r = replica_list(replica, prefix, LIST_FOLDER, NULL, 0, task, &found);
        if (r == 0 && found.n_objects > PAGE && found.n_folders == 0)
            kept_listing_keep(cache, identity, now, &found);
    }
    *ret_time = now;
    return r < 0 ? r : kept_listing_move_all(&found, listing);
}
