/* Verifying a backup: replica by replica, each listed anew, its generations one after the other. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/discover.h"
#include "generation/verifier.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "survey.h"

#define MOST_FAILURES 5 /* objects of one replica that can't be had: the others can't either */

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

int verifier_complain(struct verifier *verifier, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pthread_mutex_lock(&verifier->lock);
    int r = names_add_text(&verifier->found.problems, format, arguments);
    pthread_mutex_unlock(&verifier->lock);
    va_end(arguments);
    return r;
}

int verifier_add_note(struct verifier *verifier, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pthread_mutex_lock(&verifier->lock);
    int r = names_add_text(&verifier->found.notes, format, arguments);
    pthread_mutex_unlock(&verifier->lock);
    va_end(arguments);
    return r;
}

int verifier_note_dropped(struct verifier *verifier, const struct replica *replica,
                          const struct object *object)
{
    return verifier_add_note(verifier, "%s/%s: what the cache had of it was something else, and is dropped",
                             replica_url(replica), object->key);
}

static int add_missing(struct verifier *verifier, struct replica *replica, const struct object *object)
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

static void forget_missing(struct verifier *verifier)
{
    for (size_t i = 0; i < verifier->n_missing; i++)
        object_finish(&verifier->missing[i].object);
    verifier->n_missing = 0;
}

/* Counts an object that was read, or (`failed`) could not be. Whether there were too many of the latter. */
static bool count(struct verifier *verifier, const struct object *object, bool failed)
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

int verifier_note(struct verifier *verifier, struct replica *replica, const struct object *object, int r,
                  struct task *task)
{
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    if (r == -ESTALE)
        return add_missing(verifier, replica, object);
    bool enough = count(verifier, object, r < 0 && r != -EBADMSG);
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
static int find_again(struct replica *replica, const char *key, struct task *task, struct object *ret_object)
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

bool verifier_renew(struct verifier *verifier, struct replica *replica, struct object *object, int r,
                    struct task *task)
{
    struct object fresh;
    struct task attempt;

    task_init(&attempt, task);
    if (r != -ESTALE || find_again(replica, object->key, &attempt, &fresh) < 0)
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

/* What retention deletes meanwhile is no problem; what is listed again and again, but not there, is one. */
static int judge_missing(struct verifier *verifier, struct task *task)
{
    int r = 0;

    for (size_t i = 0; i < verifier->n_missing && r == 0; i++) {
        const struct missing_object *missing = &verifier->missing[i];
        struct object object = {0};
        r = find_again(missing->replica, missing->object.key, task, &object);
        object_finish(&object);
        if (r == -ENOENT)
            r = 0;
        else if (r == 0)
            r = verifier_complain(verifier, "%s/%s is listed, but what was listed can't be read",
                                  replica_url(missing->replica), missing->object.key);
    }
    return r;
}

/* --- replicas --- */

static int verify_generations(struct verifier *verifier, const struct generations *generations,
                              struct task *task)
{
    struct replica_stats stats;
    int r = 0;

    replica_get_stats(verifier->replica, &stats);
    verifier->read_before = stats.bytes;
    verifier->done = verifier->total;
    for (size_t i = 0; i < generations->n; i++)
        verifier->total += generations->items[i]->ops->stored_size(generations->items[i]);
    verifier_advance(verifier);
    for (size_t i = 0; i < generations->n && r == 0; i++)
        r = generations->items[i]->ops->verify(generations->items[i], verifier, task);
    if (r == 0)
        r = judge_missing(verifier, task);
    forget_missing(verifier); /* their replicas may be the generations' */
    return r;
}

static int verify_replica(struct verifier *verifier, const struct survey *survey, struct task *task)
{
    uint64_t before = verifier->total;

    verifier->failures = 0;
    int r = verify_generations(verifier, &survey->found, task);
    if (r < 0 || verifier->total > before)
        return r;
    r = discover_nothing(verifier->replica, task);
    return r == -ENODATA ? verifier_complain(verifier, "%s", task_reason(task, r)) : r;
}

/* A replica that can't be listed, or read any further, is a problem, and no reason to leave out the next. */
static int verify_all(struct history *history, struct verifier *verifier, struct task *task)
{
    for (size_t n = 0;; n++) {
        struct survey survey = {0};
        struct task attempt;
        task_init(&attempt, task);
        int r = history_survey(history, n, &attempt, &verifier->replica, &survey);
        if (r == -ENOENT && !verifier->replica)
            return 0;
        if (r == 0)
            r = verify_replica(verifier, &survey, &attempt);
        if (r < 0 && r != -ECANCELED && r != -ENOMEM)
            r = verifier_complain(verifier, "%s: not verified: %s", replica_url(verifier->replica),
                                  task_reason(&attempt, r));
        generations_finish(&survey.found);
        if (r < 0)
            return r;
    }
}

int history_verify(struct history *history, const struct verification_watch *watch, struct task *task,
                   struct verification *ret_verification)
{
    struct verifier verifier = {.watch = watch, .lock = PTHREAD_MUTEX_INITIALIZER};
    int r = verify_all(history, &verifier, task);

    free(verifier.missing);
    pthread_mutex_destroy(&verifier.lock);
    if (r < 0) {
        verification_finish(&verifier.found);
        return r;
    }
    names_sort(&verifier.found.problems);
    names_sort(&verifier.found.notes);
    *ret_verification = verifier.found;
    return 0;
}
