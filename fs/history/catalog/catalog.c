#include "catalog_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "naming.h"
#include "round.h"

static int catalog_add_folder(struct catalog *catalog, const struct database_config *config, const char *name)
{
    int r = ARRAY_GROW(catalog->folders, catalog->folders_capacity, catalog->n_folders + 1);
    char *prefix = NULL;

    if (r < 0 || asprintf(&prefix, "%s%s", name, *name ? "/" : "") < 0)
        return -ENOMEM;
    catalog->folders[catalog->n_folders++] = (struct folder){.config = config, .name = prefix};
    return 0;
}

/* Which of the configured replicas can be read. */
struct checked {
    size_t readable;
    struct names refused; /* kinds that can't be: a sentence each */
    char *problem;        /* the first one with wrong settings, or NULL */
};

static void catalog_checked_finish(struct checked *checked)
{
    names_finish(&checked->refused);
    free(checked->problem);
}

static int catalog_check_replica(struct catalog *catalog, const struct database_config *database, size_t n,
                                 struct checked *checked)
{
    const char *problem = database->replicas[n].problem;
    struct replica *replica = NULL;
    struct task attempt;

    task_init(&attempt, NULL);
    int r = replica_open(catalog->stores, &database->replicas[n], &attempt, &replica);
    replica_close(replica);
    checked->readable += r == 0 && !problem;
    if (r == -EOPNOTSUPP)
        return names_add(&checked->refused, task_reason(&attempt, r), false);
    if (checked->problem || (r != -EINVAL && !problem))
        return r == -ENOMEM ? r : 0;
    if (asprintf(&checked->problem, "%s: %s", database->path, problem ? problem : task_reason(&attempt, r)) <
        0) {
        checked->problem = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* A database none of whose replicas can be read is missing, however well others are shown. */
static int catalog_check_database(struct catalog *catalog, const struct database_config *database,
                                  struct checked *checked)
{
    size_t before = checked->refused.n;
    int r = 0;

    if (database->n_replicas == 0)
        log_warning("%s has no replica configured; left out", database->path);
    for (size_t i = 0; i < database->n_replicas && r == 0; i++)
        r = catalog_check_replica(catalog, database, i, checked);
    if (r < 0 || database->n_replicas == 0 || checked->refused.n - before < database->n_replicas)
        return r;
    _cleanup_free_ char *text = NULL;
    if (asprintf(&text, "%s: %s", database->path, checked->refused.items[before].text) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return names_add(&catalog->unread, text, false);
}

/* Sees whether each configured replica can be read, and warns once of every kind that can't. An error if none
 * can. */
static int catalog_check_replicas(struct catalog *catalog, const struct config *config, struct task *task)
{
    _cleanup_(catalog_checked_finish) struct checked checked = {0};
    int r = 0;

    for (size_t i = 0; i < config->n_databases && r == 0; i++)
        r = catalog_check_database(catalog, &config->databases[i], &checked);
    if (r < 0)
        return r;
    names_sort(&checked.refused);
    if (checked.readable == 0 && checked.problem)
        return task_fail(task, EINVAL, "%s", checked.problem);
    if (checked.readable == 0)
        return task_fail(task, EINVAL, "nothing can be served: %s",
                         checked.refused.n ? checked.refused.items[0].text : "no replicas");
    for (size_t i = 0; i < checked.refused.n; i++)
        log_warning("%s; left out", checked.refused.items[i].text);
    return 0;
}

static void catalog_close_catalog(struct catalog **catalog)
{
    catalog_close(*catalog);
}

int catalog_open(const struct config *config, struct stores *stores, const struct history_options *options,
                 struct task *task, struct catalog **ret_catalog)
{
    _cleanup_(catalog_close_catalog) struct catalog *catalog = calloc(1, sizeof *catalog);
    const char *path;
    size_t shared = naming_shared_folder(config, &path);
    int r = 0;

    if (!catalog || asprintf(&catalog->prefix, "%.*s/", (int)shared, path) < 0)
        return -ENOMEM;
    if (config->databases->is_source)
        *catalog->prefix = '\0';
    catalog->stores = stores;
    catalog->options = *options;
    pthread_mutex_init(&catalog->lock, NULL);
    refresh_gate_init(&catalog->gate);
    failures_init(&catalog->failures);
    catalog->options.failures = &catalog->failures;
    r = catalog_check_replicas(catalog, config, task);
    if (r == 0)
        r = identities_read(config, task, &catalog->identities);
    catalog->options.identities = catalog->identities.items;
    catalog->options.n_identities = catalog->identities.n;
    for (size_t i = 0; i < config->n_databases && r == 0; i++) {
        const struct database_config *database = &config->databases[i];
        const char *name = database->is_source     ? ""
                           : database->has_no_path ? database->path
                                                   : naming_below(database->path, shared);
        if (database->is_folder)
            r = catalog_add_folder(catalog, database, name);
        else
            r = catalog_add_database(catalog, database, name, NULL, false, task);
    }
    if (r < 0)
        return r;
    *ret_catalog = steal_pointer(catalog);
    return 0;
}

void catalog_close(struct catalog *catalog)
{
    if (!catalog)
        return;
    entries_finish(&catalog->entries);
    identities_finish(&catalog->identities);
    free(catalog->prefix);
    names_finish(&catalog->warned);
    names_finish(&catalog->unread);
    for (size_t i = 0; i < catalog->n_folders; i++)
        catalog_folder_finish(&catalog->folders[i]);
    free(catalog->folders);
    pthread_mutex_destroy(&catalog->lock);
    refresh_gate_finish(&catalog->gate);
    failures_finish(&catalog->failures);
    free(catalog);
}

struct failures *catalog_failures(struct catalog *catalog)
{
    return &catalog->failures;
}

/* Finds what came since the last discovery, if that is `age` nanoseconds ago. */
static int catalog_refresh(struct catalog *catalog, int64_t age, int64_t patience, struct task *task)
{
    if (catalog->n_folders == 0)
        return 0;
    int r = refresh_gate_begin(&catalog->gate, age, task);
    if (r <= 0)
        return r;
    task_set_step(task, "look for databases");
    r = catalog_discover(catalog, 0, patience, task);
    refresh_gate_end(&catalog->gate, r, task);
    return r;
}

const char *catalog_prefix(const struct catalog *catalog)
{
    return catalog->prefix;
}

int catalog_list(struct catalog *catalog, const char *folder, struct task *task, struct names *names)
{
    int r = catalog_refresh(catalog, catalog->options.refresh, ROUND_PATIENCE, task);
    if (r < 0)
        return r;
    pthread_mutex_lock(&catalog->lock);
    r = entries_have_folder(&catalog->entries, folder) ? entries_list(&catalog->entries, folder, names)
                                                       : -ENOENT;
    pthread_mutex_unlock(&catalog->lock);
    names_sort(names);
    return r;
}

static struct history *catalog_find_known(struct catalog *catalog, const char *name)
{
    pthread_mutex_lock(&catalog->lock);
    struct history *history = entries_find(&catalog->entries, name);
    pthread_mutex_unlock(&catalog->lock);
    return history;
}

const void *catalog_store(struct catalog *catalog, const char *name)
{
    const struct history *history = catalog_find_known(catalog, name);
    return history ? history_store(history) : NULL;
}

/* A name that is known stays known: only one that is not, and may be there, is looked for. As long as
 * nobody wanted to see all, nothing else is looked for. */
int catalog_find(struct catalog *catalog, const char *name, struct task *task, struct history **ret_history)
{
    struct history *history = catalog_find_known(catalog, name);
    int r = 0;

    if (!history && !catalog_may_hold(catalog, name))
        return -ENOENT;
    if (!history && refresh_gate_time(&catalog->gate) == 0) {
        r = catalog_discover_one(catalog, name, task);
        history = catalog_find_known(catalog, name);
    }
    if (!history && r == 0) {
        r = catalog_refresh(catalog, catalog->options.refresh, ROUND_PATIENCE, task);
        history = catalog_find_known(catalog, name);
    }
    if (!history)
        return r < 0 ? r : -ENOENT;
    *ret_history = history;
    return 0;
}

const struct database_config *catalog_folder(struct catalog *catalog, const char *name)
{
    pthread_mutex_lock(&catalog->lock);
    const struct database_config *folder = entry_folder(&catalog->entries, name);
    pthread_mutex_unlock(&catalog->lock);
    return folder;
}

static bool catalog_has_folder(struct catalog *catalog, const char *folder)
{
    pthread_mutex_lock(&catalog->lock);
    bool there = entries_have_folder(&catalog->entries, folder);
    pthread_mutex_unlock(&catalog->lock);
    return there;
}

int catalog_find_folder(struct catalog *catalog, const char *folder, struct task *task)
{
    if (catalog_has_folder(catalog, folder))
        return 0;
    int r = catalog_may_hold_below(catalog, folder)
                ? catalog_refresh(catalog, catalog->options.refresh, ROUND_PATIENCE, task)
                : 0;
    if (r < 0)
        return r;
    return catalog_has_folder(catalog, folder) ? 0 : -ENOENT;
}

int catalog_list_failures(struct catalog *catalog, struct names *failures)
{
    int r = 0;

    for (size_t i = 0; i < catalog->unread.n && r == 0; i++)
        r = names_add(failures, catalog->unread.items[i].text, false);
    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; i < catalog->n_folders && r == 0; i++)
        if (catalog->folders[i].failure)
            r = names_add(failures, catalog->folders[i].failure, false);
    pthread_mutex_unlock(&catalog->lock);
    return r;
}

int catalog_list_known(struct catalog *catalog, struct names *names)
{
    int r = 0;

    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; i < catalog->entries.n && r == 0; i++)
        r = names_add(names, catalog->entries.items[i].name, false);
    pthread_mutex_unlock(&catalog->lock);
    return r;
}

int catalog_list_all(struct catalog *catalog, struct task *task, struct names *names)
{
    int r = catalog_refresh(catalog, catalog->options.refresh, ROUND_PATIENCE, task);
    return r < 0 ? r : catalog_list_known(catalog, names);
}

int catalog_list_whole(struct catalog *catalog, struct task *task, struct names *names)
{
    int r = catalog_refresh(catalog, 0, INT64_MAX, task);
    return r < 0 ? r : catalog_list_known(catalog, names);
}
