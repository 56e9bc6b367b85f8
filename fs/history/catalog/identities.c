#include "identities.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/array.h"
#include "litemount/config.h"
#include "litemount/log.h"
#include "litemount/task.h"

static int identities_add(struct identities *identities, const char *text)
{
    int r = ARRAY_GROW(identities->items, identities->capacity, identities->n + 1);
    if (r == 0)
        r = age_identity_parse(text, &identities->items[identities->n]);
    identities->n += r == 0;
    return r;
}

static int identities_add_replica(struct identities *identities, const char *database,
                                  const struct replica_config *replica, struct task *task)
{
    int r = 0;
    for (size_t i = 0; i < replica->n_identities && r == 0; i++) {
        r = identities_add(identities, replica->identities[i]);
        if (r == -EINVAL) {
            log_warning("%s: age.identities[%zu]: not an X25519 identity (AGE-SECRET-KEY-1...); left out",
                        database, i);
            r = 0;
        }
    }
    return r;
}

int identities_read(const struct config *config, struct task *task, struct identities *identities)
{
    int r = 0;
    for (size_t i = 0; i < config->n_databases && r == 0; i++)
        for (size_t j = 0; j < config->databases[i].n_replicas && r == 0; j++)
            r = identities_add_replica(identities, config->databases[i].path,
                                       &config->databases[i].replicas[j], task);
    return r;
}

void identities_finish(struct identities *identities)
{
    for (size_t i = 0; i < identities->n; i++)
        age_identity_finish(&identities->items[i]);
    free(identities->items);
    *identities = (struct identities){0};
}
