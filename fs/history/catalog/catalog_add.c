/* Adding databases to the catalog, and opening their replicas. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_parts.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "naming.h"

void replicas_finish(struct replicas *replicas)
{
    for (size_t i = 0; i < replicas->n; i++)
        replica_close(replicas->items[i]);
    free(replicas->items);
}

/* Opens a replica at its root. One whose settings turn out wrong only now can't be used either. */
static int catalog_open_root(struct catalog *catalog, const struct database_config *config, size_t n,
                             struct task *task, struct replica **ret_replica)
{
    const struct replica_config *replica = &config->replicas[n];
    _cleanup_free_ char *problem = NULL;
    struct task attempt;

    task_init(&attempt, task);
    int r = replica_open(catalog->stores, replica, &attempt, ret_replica);
    if (r != -EINVAL)
        return r < 0 ? task_fail(task, -r, "%s", task_reason(&attempt, r)) : 0;
    if (asprintf(&problem, "%s: %s", config->path, task_reason(&attempt, r)) < 0) {
        problem = NULL;
        return -ENOMEM;
    }
    const struct replica_config unusable = {.type = replica->type, .name = replica->name, .problem = problem};
    return replica_open(catalog->stores, &unusable, task, ret_replica);
}

/* Opens one replica, at `below` its root if that is not NULL. 0 and NULL for one that this program can't
 * read. */
static int catalog_open_replica(struct catalog *catalog, const struct database_config *config, size_t n,
                                const char *below, bool written, struct task *task,
                                struct replica **ret_replica)
{
    struct replica *replica = NULL;
    struct task attempt;

    task_init(&attempt, task);
    int r = catalog_open_root(catalog, config, n, &attempt, &replica);
    if (r < 0 && r != -EOPNOTSUPP)
        return r;
    *ret_replica = replica;
    if (replica && below && (*below || written)) {
        r = replica_open_below(replica, below, written, ret_replica);
        replica_close(replica);
        return r;
    }
    return 0;
}

int catalog_open_replicas(struct catalog *catalog, const struct database_config *config, const char *below,
                          bool written, struct task *task, struct replicas *ret_replicas)
{
    _cleanup_(replicas_finish) struct replicas replicas = {
        .items = calloc(config->n_replicas + 1, sizeof *replicas.items)};

    if (!replicas.items)
        return -ENOMEM;
    for (size_t i = 0; i < config->n_replicas; i++) {
        int r = catalog_open_replica(catalog, config, i, below, written, task, &replicas.items[replicas.n]);
        if (r < 0)
            return r;
        replicas.n += replicas.items[replicas.n] != NULL;
    }
    *ret_replicas = replicas;
    replicas = (struct replicas){0};
    return 0;
}

void catalog_warn_once(struct catalog *catalog, const char *warning)
{
    bool news = true;

    pthread_mutex_lock(&catalog->lock);
    for (size_t i = 0; i < catalog->warned.n && news; i++)
        news = strcmp(catalog->warned.items[i].text, warning) != 0;
    if (news)
        names_add(&catalog->warned, warning, false);
    pthread_mutex_unlock(&catalog->lock);
    if (news)
        log_warning("%s", warning);
}

static bool catalog_can_add(struct catalog *catalog, const char *name)
{
    pthread_mutex_lock(&catalog->lock);
    bool can = naming_is_usable(name) && entries_can_add(&catalog->entries, name);
    pthread_mutex_unlock(&catalog->lock);
    return can;
}

static bool catalog_is_found(struct catalog *catalog, const char *name)
{
    pthread_mutex_lock(&catalog->lock);
    bool found = entry_folder(&catalog->entries, name) != NULL;
    pthread_mutex_unlock(&catalog->lock);
    return found;
}

int catalog_add_database(struct catalog *catalog, const struct database_config *config, const char *name,
                         const char *below, bool written, struct task *task)
{
    _cleanup_(replicas_finish) struct replicas replicas = {0};
    char warning[TASK_REASON_SIZE];
    struct history *history;
    int r;

    if (!catalog_can_add(catalog, name)) {
        if (below && catalog_is_found(catalog, name))
            return 0; /* somebody else has found it meanwhile */
        snprintf(warning, sizeof warning,
                 "%s: left out: its name here, \"%s\", is taken or is not a valid file name", config->path,
                 name);
        catalog_warn_once(catalog, warning);
        return 0;
    }
    if ((r = catalog_open_replicas(catalog, config, below, written, task, &replicas)) < 0 || replicas.n == 0)
        return r;
    if ((r = history_open(name, replicas.items, replicas.n, &catalog->options, &history)) < 0)
        return r;
    replicas = (struct replicas){0};
    pthread_mutex_lock(&catalog->lock);
    r = entries_add(&catalog->entries, name, history, below ? config : NULL);
    pthread_mutex_unlock(&catalog->lock);
    if (r < 0)
        history_close(history);
    return r == -EEXIST ? 0 : r; /* somebody else was faster */
}
