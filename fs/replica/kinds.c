/* Which kinds of stores there are. A kind's settings are a row of fs/config; what it can do is a row here,
 * which stands in the kind's own file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/config.h"
#include "litemount/task.h"
#include "store.h"

extern const struct store_ops file_store_ops, s3_store_ops, unusable_store_ops;

static const struct store_ops *const kinds[] = {&file_store_ops, &s3_store_ops};

#define N_KINDS (sizeof kinds / sizeof *kinds)

const char *replica_kind_name(size_t index)
{
    return index < N_KINDS ? replica_type_name(kinds[index]->type) : NULL;
}

int store_kind_find(const struct replica_config *config, struct task *task, const struct store_ops **ret_ops)
{
    char names[128] = "";

    for (size_t i = 0; i < N_KINDS; i++) {
        if (config->problem || kinds[i]->type == config->type) {
            *ret_ops = config->problem ? &unusable_store_ops : kinds[i];
            return 0;
        }
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", i ? ", " : "", replica_kind_name(i));
    }
    return task_fail(task, EOPNOTSUPP, "replicas of type '%s' can't be read; add one of a type that can: %s",
                     replica_type_name(config->type), names);
}
