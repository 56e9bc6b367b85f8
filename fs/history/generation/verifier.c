#include "verifier.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/replica.h"
#include "litemount/task.h"

#define VERIFY_PARALLEL 16 /* objects at once */
#define MOST_FAILURES 5    /* objects of one replica that can't be had: the others can't either */

/* An object that was listed, but could not be found. */
struct missing_object {
    struct replica *replica; /* borrowed: of the generation it belongs to */
    struct object object;
};

void verification_finish(struct verification *verification)
{
    names_finish(&verification->problems);
    names_finish(&verification->notes);
}

void verifier_advance(struct verifier *verifier)
{
    const struct verification_watch *watch = verifier->watch;
    struct replica_stats stats;

    if (!watch)
        return;
    replica_get_stats(verifier->replica, &stats);
    uint64_t done = verifier->done + stats.bytes - verifier->read_before;
    watch->advance(watch->context, done < verifier->total ? done : verifier->total, verifier->total);
}

void verifier_init(struct verifier *verifier, const struct verification_watch *watch)
{
    *verifier = (struct verifier){.watch = watch};
    pthread_mutex_init(&verifier->lock, NULL);
}

void verifier_finish(struct verifier *verifier)
{
    free(verifier->missing);
    pthread_mutex_destroy(&verifier->lock);
    verification_finish(&verifier->found);
}

void verifier_begin(struct verifier *verifier, uint64_t stored_size)
{
    struct replica_stats stats;

    replica_get_stats(verifier->replica, &stats);
    verifier->read_before = stats.bytes;
    verifier->done = verifier->total;
    verifier->total += stored_size;
    verifier->failures = 0;
    verifier_advance(verifier);
}

/* Adds to one of the lists of what was found. */
static int verifier_add_text(struct verifier *verifier, struct names *found, const char *format,
                             va_list arguments)
{
    pthread_mutex_lock(&verifier->lock);
    int r = names_add_text(found, format, arguments);
    pthread_mutex_unlock(&verifier->lock);
    return r;
}

int verifier_complain(struct verifier *verifier, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int r = verifier_add_text(verifier, &verifier->found.problems, format, arguments);
    va_end(arguments);
    return r;
}

int verifier_add_note(struct verifier *verifier, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int r = verifier_add_text(verifier, &verifier->found.notes, format, arguments);
    va_end(arguments);
    return r;
}

int verifier_note_dropped(struct verifier *verifier, const struct replica *replica,
                          const struct object *object)
{
    return verifier_add_note(verifier, "%s/%s: what the cache had of it was something else, and is dropped",
                             replica_url(replica), object->key);
}

static int verifier_add_missing(struct verifier *verifier, struct replica *replica,
                                const struct object *object)
{
    struct object copy;
    int r = object_copy(object, &copy);

    if (r < 0)
        return r;
    pthread_mutex_lock(&verifier->lock);
    r = ARRAY_GROW(verifier->missing, verifier->missing_capacity, verifier->n_missing + 1);
    if (r == 0)
        verifier->missing[verifier->n_missing++] = (struct missing_object){replica, copy};
    pthread_mutex_unlock(&verifier->lock);
    if (r < 0)
        object_finish(&copy);
    return r;
}

bool verifier_misses(struct verifier *verifier, const struct object *object)
{
    bool misses = false;

    pthread_mutex_lock(&verifier->lock);
    for (size_t i = 0; i < verifier->n_missing && !misses; i++)
        misses = strcmp(verifier->missing[i].object.key, object->key) == 0;
    pthread_mutex_unlock(&verifier->lock);
    return misses;
}

/* Counts an object that was read, or (`failed`) could not be. Whether there were too many of the latter. */
static bool verifier_count(struct verifier *verifier, const struct object *object, bool failed)
{
    pthread_mutex_lock(&verifier->lock);
    if (failed) {
        verifier->failures++;
    } else {
        verifier->found.objects++;
        verifier->found.bytes += object->size;
    }
    bool enough = verifier->failures >= MOST_FAILURES;
    pthread_mutex_unlock(&verifier->lock);
    return failed && enough;
}

/* An object was read to its end and holds (`r` is 0), or why not. Returns 0 to go on with the others. */
static int verifier_note(struct verifier *verifier, struct replica *replica, const struct object *object,
                         int r, struct task *task)
{
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    if (r == -ESTALE)
        return verifier_add_missing(verifier, replica, object);
    bool enough = verifier_count(verifier, object, r < 0 && r != -EBADMSG);
    verifier_advance(verifier);
    if (r == 0 || enough)
        return r;
    /* A store's own words may not say of which object they are. */
    bool named = strstr(task_reason(task, r), object->key) != NULL;
    return named ? verifier_complain(verifier, "%s", task_reason(task, r))
                 : verifier_complain(verifier, "%s/%s: %s", replica_url(replica), object->key,
                                     task_reason(task, r));
}

/* --- objects that are not what was listed --- */

#define FEW 4 /* keys that may stand between a key without its last letter, and the key */

/* Lists the object once more. 0, and it as it is now, for the caller to finish; -ENOENT if it is listed no
 * longer; or replica_list's errno. */
static int verifier_find_again(struct replica *replica, const char *key, struct task *task,
                               struct object *ret_object)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    const char *slash = strrchr(key, '/');
    _cleanup_free_ char *folder = strndup(key, slash ? (size_t)(slash - key) + 1 : 0);
    _cleanup_free_ char *before = strndup(key, strlen(key) - 1);
    int r =
        folder && before ? replica_list(replica, folder, LIST_FOLDER, before, FEW, task, &listing) : -ENOMEM;

    for (size_t i = 0; i < listing.n_objects && r == 0; i++)
        if (strcmp(listing.objects[i].key, key) == 0)
            return object_copy(&listing.objects[i], ret_object);
    return r < 0 ? r : -ENOENT;
}

/* Whether an object that could not be read (`r` is -ESTALE) is there in another version, which is taken over.
 */
static bool verifier_renew(struct verifier *verifier, struct replica *replica, struct object *object, int r,
                           struct task *task)
{
    struct object fresh;
    struct task attempt;

    task_init(&attempt, task);
    if (r != -ESTALE || verifier_find_again(replica, object->key, &attempt, &fresh) < 0)
        return false;
    bool is_other = strcmp(fresh.version, object->version) != 0 || fresh.size != object->size;
    if (is_other) {
        struct object old = *object;
        *object = fresh;
        fresh = old;
        task_forgive(task);
    }
    object_finish(&fresh);
    return is_other;
}

/* A round under way. */
struct verifier_work {
    struct verifier *verifier;
    const struct verifier_round *round;
};

static int verifier_item(void *context, size_t item, struct task *task)
{
    const struct verifier_work *work = context;
    const struct verifier_round *round = work->round;
    struct replica *replica;
    struct object *object = round->object_of(round->context, item, &replica);

    if (!object)
        return 0;
    int r = round->verify(round->context, item, task);
    if (verifier_renew(work->verifier, replica, object, r, task))
        r = round->verify(round->context, item, task);
    return verifier_note(work->verifier, replica, object, r, task);
}

int verifier_each(struct verifier *verifier, const struct verifier_round *round, struct task *task)
{
    struct verifier_work work = {verifier, round};
    return parallel_each(round->n, VERIFY_PARALLEL, verifier_item, &work, task);
}

static int verifier_judge_missing(struct verifier *verifier, struct task *task)
{
    int r = 0;

    for (size_t i = 0; i < verifier->n_missing && r == 0; i++) {
        const struct missing_object *missing = &verifier->missing[i];
        struct object object = {0};
        r = verifier_find_again(missing->replica, missing->object.key, task, &object);
        object_finish(&object);
        if (r == -ENOENT)
            r = 0;
        else if (r == 0)
            r = verifier_complain(verifier, "%s/%s is listed, but what was listed can't be read",
                                  replica_url(missing->replica), missing->object.key);
    }
    return r;
}

int verifier_end(struct verifier *verifier, int r, struct task *task)
{
    if (r == 0)
        r = verifier_judge_missing(verifier, task);
    for (size_t i = 0; i < verifier->n_missing; i++)
        object_finish(&verifier->missing[i].object);
    verifier->n_missing = 0;
    return r;
}
