/* Where one replica's settings come from, and reading them by the kind's row. */
#pragma once

#include <stddef.h>

#include "document.h"
#include "kind.h"
#include "url.h"

/* Borrows everything. */
struct settings {
    const struct mapping *own;  /* the replica's keys; without keys for a URL on the command line */
    const struct mapping *root; /* the configuration's root, whose keys are every replica's defaults */
    const struct replica_kind *kind;
    const struct replica_url *url; /* NULL: the replica has none */
    const struct config_options *options;
};

/* A setting's value from one kind of source, which the caller wipes and frees; NULL if it is not there. 0,
 * -ENOMEM, or -EINVAL with a reason. */
int setting_from_keys(const struct settings *settings, const struct setting *setting, char **ret_value);
int setting_from_query(const struct settings *settings, const struct setting *setting, char **ret_value);
int setting_from_environment(const struct settings *settings, const struct setting *setting,
                             char **ret_value);

/* Refuses a key that says what the URL says, as Litestream does. 0, -ENOMEM, or -EINVAL with a reason. */
int settings_refuse_contradictions(const struct settings *settings);

/* Sets all settings of the kind that are not SETTING_RESOLVED. 0, -ENOMEM, or -EINVAL with a reason. */
int settings_read(const struct settings *settings, struct replica_config *replica);

/* Whether the login is whole; where the kind has none nothing is missing. */
bool settings_have_login(const struct settings *settings, const struct replica_config *replica);

/* Refuses half a login, and that a required setting is not set, unless the kind can't be read anyway. 0,
 * -ENOMEM, or -EINVAL with a reason. */
int settings_check(const struct settings *settings, const struct replica_config *replica);
