/* Whether a configured folder may hold a database of a given name, and whether it does: asked for that one
 * alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog_parts.h"
#include "discover.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "recognize.h"
#include "round.h"

/* What is left of a database's `name` below the folder's own, or NULL. */
static const char *place_in(const struct folder *folder, const char *name)
{
    size_t length = strlen(folder->name);
    return strncmp(name, folder->name, length) == 0 ? name + length : NULL;
}

bool catalog_may_hold(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->n_folders; i++) {
        const char *place = place_in(&catalog->folders[i], name);
        if (place && discover_allows(catalog->folders[i].config, place))
            return true;
    }
    return false;
}

bool catalog_may_hold_below(const struct catalog *catalog, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < catalog->n_folders; i++) {
        const struct folder *folder = &catalog->folders[i];
        bool is_above = strncmp(folder->name, name, length) == 0 && folder->name[length] == '/';
        if (is_above || (place_in(folder, name) && discover_is_deep(folder->config)))
            return true;
    }
    return false;
}

/* Whether there is a backup at a place. */
struct place_look {
    const struct replicas *replicas;
    const char *place;
};

static int catalog_look_at_place(void *context, size_t n, struct task *task)
{
    const struct place_look *look = context;
    return recognize_place(look->replicas->items[n], look->place, task);
}

/* What the replicas have answered: see below. */
static int catalog_judge_place(const struct replicas *replicas, struct round *round, struct task *task)
{
    char reason[TASK_REASON_SIZE];
    size_t answered = 0;
    int failure = 0;

    for (size_t i = 0; i < replicas->n; i++) {
        int r;
        if (!round_take(round, i, &r, reason))
            continue;
        if (r > 0) {
            task_forgive(task);
            return r;
        }
        answered += r == 0;
        if (r < 0 && failure == 0)
            failure = task_fail(task, -r, "%s", reason);
    }
    if (answered)
        task_forgive(task);
    return answered ? 0 : failure;
}

/* Asks all replicas whether there is a backup at `place`. 1 as soon as one has it; 0 if none of those that
 * answer has it; or, if none answers, the first one's errno. */
static int catalog_discover_among(struct catalog *catalog, const struct replicas *replicas, const char *place,
                                  struct task *task)
{
    struct place_look look = {replicas, place};
    struct round *round = NULL;
    int r = round_open(replicas->n, catalog->options.pool, catalog_look_at_place, &look, &round);

    for (size_t i = 0; i < replicas->n && r == 0; i++)
        round_start(round, i, replica_store(replicas->items[i]), place);
    if (r == 0)
        r = round_wait(round, 0, task);
    if (r == 0)
        r = catalog_judge_place(replicas, round, task);
    round_close(round);
    return r;
}

/* 1 if it is there, and added; 0, or an errno. */
static int catalog_discover_in(struct catalog *catalog, const struct folder *folder, const char *name,
                               struct task *task)
{
    _cleanup_(replicas_finish) struct replicas replicas = {0};
    _cleanup_free_ char *place = NULL;
    const char *own = place_in(folder, name);

    if (!own || !discover_allows(folder->config, own))
        return 0;
    if (asprintf(&place, "%s/", own) < 0) {
        place = NULL;
        return -ENOMEM;
    }
    int r = catalog_open_replicas(catalog, folder->config, NULL, false, task, &replicas);
    if (r == 0)
        r = catalog_discover_among(catalog, &replicas, place, task);
    if (r <= 0)
        return r;
    r = catalog_add_database(catalog, folder->config, name, place, false, task);
    return r < 0 ? r : 1;
}

int catalog_discover_one(struct catalog *catalog, const char *name, struct task *task)
{
    int r = 0;
    for (size_t i = 0; i < catalog->n_folders && r == 0; i++)
        r = catalog_discover_in(catalog, &catalog->folders[i], name, task);
    return r < 0 ? r : 0;
}
