/* Leaving out of a configuration what was not asked for. */
#include <errno.h>
#include <string.h>

#include "litemount/config.h"
#include "litemount/task.h"
#include "parts.h"

static bool filter_is_named(const struct replica_config *replica, const char *name)
{
    return strcmp(replica->name ? replica->name : replica_type_name(replica->type), name) == 0;
}

/* Whether one was left. Names are unique within a database; of two without one the first counts. */
static bool filter_keep_one(struct database_config *database, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < database->n_replicas; i++) {
        if (found || !filter_is_named(&database->replicas[i], name)) {
            replica_config_finish(&database->replicas[i]);
            continue;
        }
        struct replica_config wanted = database->replicas[i];
        database->replicas[i] = (struct replica_config){0};
        database->replicas[0] = wanted;
        found = true;
    }
    database->n_replicas = found;
    return found;
}

int config_keep_replica(struct config *config, const char *name, struct task *task)
{
    size_t kept = 0;

    for (size_t i = 0; i < config->n_databases; i++) {
        if (!filter_keep_one(&config->databases[i], name))
            database_config_finish(&config->databases[i]);
        else
            config->databases[kept++] = config->databases[i];
    }
    config->n_databases = kept;
    return kept ? 0 : task_fail(task, ENOENT, "no database has a replica named \"%s\"", name);
}
