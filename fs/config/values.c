/* A replica's resolved settings: values by the names that the configuration has for them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "secret.h"

static struct replica_setting *values_find(const struct replica_config *replica, const char *name)
{
    for (size_t i = 0; i < replica->n_settings; i++)
        if (strcmp(replica->settings[i].name, name) == 0)
            return &replica->settings[i];
    return NULL;
}

const char *replica_setting(const struct replica_config *replica, const char *name)
{
    const struct replica_setting *setting = values_find(replica, name);
    return setting ? setting->value : NULL;
}

bool replica_setting_is_on(const struct replica_config *replica, const char *name)
{
    const char *value = replica_setting(replica, name);
    return value && strcmp(value, "true") == 0;
}

int replica_set(struct replica_config *replica, const char *name, const char *value)
{
    struct replica_setting *setting = values_find(replica, name);
    _cleanup_secret_ char *copy = value ? strdup(value) : NULL;

    if (value && !copy)
        return -ENOMEM;
    if (!setting && !value)
        return 0;
    if (!setting) {
        struct replica_setting *grown =
            reallocarray(replica->settings, replica->n_settings + 1, sizeof *replica->settings);
        if (!grown)
            return -ENOMEM;
        replica->settings = grown;
        setting = &grown[replica->n_settings++];
        *setting = (struct replica_setting){.name = name};
    }
    secret_free(setting->value);
    setting->value = steal_pointer(copy);
    return 0;
}

void replica_config_finish(struct replica_config *replica)
{
    free(replica->name);
    free(replica->problem);
    free(replica->path);
    free(replica->raw_path);
    for (size_t i = 0; i < replica->n_settings; i++)
        secret_free(replica->settings[i].value);
    free(replica->settings);
    for (size_t i = 0; i < replica->n_identities; i++)
        secret_free(replica->identities[i]);
    free(replica->identities);
    *replica = (struct replica_config){0};
}
