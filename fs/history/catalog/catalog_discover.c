/* Which databases the configured folders hold: found by listing the store, again and again, but never looked
 * into again once they are known. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_parts.h"
#include "discover.h"
#include "litemount/array.h"
#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "naming.h"
#include "no_backup.h"

#define KIND "places"
#define FACT_VERSION 1

/* Nanoseconds after which what is known is looked into all the same, where others may have come below it. */
#define KNOWN_AGE (INT64_C(600) * 1000000000)

/* What the database at `place` is called. A file can't be a folder too: where one backup lies below another's
 * place, APP, it is found in APP.d. */
static char *catalog_name_place(struct catalog *catalog, const struct folder *folder,
                                const struct replica *replica, const char *place)
{
    _cleanup_free_ char *own = naming_of_place(place, replica_url(replica));
    char *name = NULL;
    size_t above;

    if (!own || asprintf(&name, "%s%s", folder->name, own) < 0)
        return NULL;
    pthread_mutex_lock(&catalog->lock);
    while (name && (above = entries_above(&catalog->entries, name))) {
        _cleanup_free_ char *taken = name;
        if (asprintf(&name, "%.*s.d%s", (int)above, taken, taken + above) < 0)
            name = NULL;
    }
    pthread_mutex_unlock(&catalog->lock);
    return name;
}

/* Whether `next` is where v0.5 puts what v0.3 puts to `place`, of a path that was written with a '/' at its
 * end: then it is the same database. */
static bool catalog_is_written_twice(const char *place, const char *next)
{
    size_t length = strlen(place);
    return strncmp(next, place, length) == 0 && strcmp(next + length, "/") == 0;
}

/* Adds the databases that were found in a folder and are not known yet. */
static int catalog_add_found(struct catalog *catalog, const struct folder *folder,
                             const struct replica *replica, const struct names *found, struct task *task)
{
    int r = 0;
    for (size_t i = 0; i < found->n && r == 0; i++) {
        const char *place = found->items[i].text;
        _cleanup_free_ char *name = catalog_name_place(catalog, folder, replica, place);
        if (!name)
            return -ENOMEM;
        pthread_mutex_lock(&catalog->lock);
        bool known = entries_find(&catalog->entries, name) != NULL;
        pthread_mutex_unlock(&catalog->lock);
        bool twice = i + 1 < found->n && catalog_is_written_twice(place, found->items[i + 1].text);
        if (!known)
            r = catalog_add_database(catalog, folder->config, name, place, twice, task);
        i += twice;
    }
    return r;
}

/* Where the places of a folder's backups are kept: when all of them were looked into, and a line each. */
static char *catalog_fact_identity(const struct replica *replica)
{
    char *text;
    return asprintf(&text, "%s\nplaces", replica_url(replica)) < 0 ? NULL : text;
}

/* The first line: a time in nanoseconds; what is no time is long ago. */
static int64_t catalog_take_time(char **rest)
{
    const char *line = strsep(rest, "\n");
    char *end;
    long long time = line ? strtoll(line, &end, 10) : 0;

    return line && *rest && end != line && *end == '\0' ? time : 0;
}

/* Takes up what an earlier mount found: each of them need not be looked into again. */
static void catalog_recall(struct catalog *catalog, struct folder *folder, const struct replica *replica)
{
    _cleanup_free_ char *identity = catalog_fact_identity(replica);
    struct buffer fact = {0};

    if (folder->recalled || !identity)
        return;
    folder->recalled = true;
    if (cache_get_fact(catalog->options.cache, identity, KIND, FACT_VERSION, &fact) == 0 &&
        buffer_append(&fact, "", 1) == 0) {
        char *rest = (char *)fact.data, *line;
        folder->looked_into = catalog_take_time(&rest);
        while ((line = strsep(&rest, "\n")) && rest)
            if (names_add(&folder->known, line, true) < 0)
                break; /* what is not known is looked for */
        names_sort(&folder->known);
    }
    buffer_finish(&fact);
}

static bool catalog_same_names(const struct names *a, const struct names *b)
{
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        if (strcmp(a->items[i].text, b->items[i].text) != 0)
            return false;
    return a->n == b->n;
}

/* Keeps what was found, for the next discovery and for the next mount. `time`: when all known places were
 * looked into. Takes `places` over. */
static void catalog_remember(struct catalog *catalog, struct folder *folder, const struct replica *replica,
                             int64_t time, struct names *places)
{
    _cleanup_free_ char *identity = catalog_fact_identity(replica);
    struct buffer fact = {0};
    char line[24];
    int r = identity ? 0 : -ENOMEM;

    if (folder->looked_into == time && catalog_same_names(places, &folder->known))
        return;
    folder->looked_into = time;
    if (r == 0)
        r = buffer_append(&fact, line, (size_t)snprintf(line, sizeof line, "%" PRId64 "\n", time));
    for (size_t i = 0; i < places->n && r == 0; i++) {
        r = buffer_append(&fact, places->items[i].text, strlen(places->items[i].text));
        if (r == 0)
            r = buffer_append(&fact, "\n", 1);
    }
    if (r == 0)
        cache_put_fact(catalog->options.cache, identity, KIND, FACT_VERSION, fact.data, fact.size);
    buffer_finish(&fact);
    names_finish(&folder->known);
    folder->known = *places;
    *places = (struct names){0};
}

/* Whether the known places are to be looked into again. */
static bool catalog_is_due(const struct folder *folder, int64_t now)
{
    bool is_recent = folder->looked_into <= now && now - folder->looked_into < KNOWN_AGE;
    return discover_is_deep(folder->config) && !is_recent;
}

static int discover_folder(struct catalog *catalog, struct folder *folder, size_t enough, int64_t patience,
                           struct task *task, char **ret_unseen)
{
    _cleanup_(names_finish) struct names places = {0};
    int64_t now = instant_now();
    int r = catalog_folder_open(catalog, folder, task);

    if (r < 0 || folder->n_replicas == 0)
        return r;
    const struct replica *first = folder->replicas->replica;
    catalog_recall(catalog, folder, first);
    bool whole = enough == 0 && catalog_is_due(folder, now);
    r = catalog_folder_ask(catalog, folder, whole, enough, patience, task, &places, ret_unseen);
    if (r == 0)
        r = catalog_add_found(catalog, folder, first, &places, task);
    if (r == 0 && enough == 0)
        catalog_remember(catalog, folder, first, whole ? now : folder->looked_into, &places);
    return r;
}

/* For whoever asks whether all was seen. `reason` NULL: it was. 0 or -ENOMEM. */
static int catalog_note_failure(struct catalog *catalog, struct folder *folder, const char *reason)
{
    char *failure = reason ? strdup(reason) : NULL;

    if (reason && !failure)
        return -ENOMEM;
    pthread_mutex_lock(&catalog->lock);
    free(folder->failure);
    folder->failure = failure;
    pthread_mutex_unlock(&catalog->lock);
    return 0;
}

/* A folder that can't be looked into must not hide what is known; it is an error only if nothing is. */
int catalog_discover(struct catalog *catalog, size_t enough, int64_t patience, struct task *task)
{
    _cleanup_(names_finish) struct names failed = {0};
    int result = 0;

    for (size_t i = 0; i < catalog->n_folders; i++) {
        struct task attempt;
        task_init(&attempt, task);
        _cleanup_free_ char *unseen = NULL;
        int r = discover_folder(catalog, &catalog->folders[i], enough, patience, &attempt, &unseen);
        if (r == -ECANCELED || r == -ENOMEM)
            return r;
        if (catalog_note_failure(catalog, &catalog->folders[i], r < 0 ? task_reason(&attempt, r) : unseen) <
            0)
            return -ENOMEM;
        if (r < 0 && result == 0)
            result = task_fail(task, -r, "%s", task_reason(&attempt, r));
        if (r < 0 && names_add(&failed, task_reason(&attempt, r), false) < 0)
            return -ENOMEM;
    }
    pthread_mutex_lock(&catalog->lock);
    bool known = catalog->entries.n > 0;
    pthread_mutex_unlock(&catalog->lock);
    for (size_t i = 0; known && i < failed.n; i++)
        catalog_warn_once(catalog, failed.items[i].text);
    if (known && result < 0)
        task_forgive(task);
    return known ? 0 : result;
}

int catalog_explain_nothing(struct catalog *catalog, struct task *task)
{
    _cleanup_(replicas_finish) struct replicas replicas = {0};
    int r = catalog->n_folders
                ? catalog_open_replicas(catalog, catalog->folders->config, NULL, false, task, &replicas)
                : 0;

    if (r < 0)
        return r;
    return replicas.n ? no_backup_explain(replicas.items[0], task)
                      : task_fail(task, ENODATA, "the configuration has no database");
}
