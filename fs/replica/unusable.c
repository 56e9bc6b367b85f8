/* A store that is none: the configuration's settings of it can't be used. It answers like one that is down,
 * so that its database is shown with the reason and hides no other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"
#include "store.h"

static void unusable_close(struct store *store)
{
    free(store);
}

static int unusable_open(const struct replica_config *config, struct task *task, struct store **ret_store)
{
    *ret_store = calloc(1, sizeof **ret_store);
    return *ret_store ? 0 : -ENOMEM;
}

static const char *unusable_root(const struct replica_config *config)
{
    return "";
}

static char *unusable_url(const struct store *store, const char *root)
{
    return strdup(replica_type_name(store->config.type));
}

static int unusable_fail(const struct store *store, struct task *task)
{
    return task_fail(task, EREMOTEIO, "%s", store->config.problem);
}

static int unusable_list(struct store *store, const struct list_request *request, struct task *task,
                         struct listing *listing)
{
    return unusable_fail(store, task);
}

static int unusable_read(struct store *store, const struct read_request *request, struct task *task,
                         char **ret_value)
{
    return unusable_fail(store, task);
}

const struct store_ops unusable_store_ops = {
    .open = unusable_open,
    .close = unusable_close,
    .root = unusable_root,
    .url = unusable_url,
    .list = unusable_list,
    .read = unusable_read,
};
