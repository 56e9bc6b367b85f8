/* What the files of fs/config share: where a replica's settings come from, and the steps that resolve them.
 */
#pragma once

#include <stddef.h>

#include "document.h"
#include "litemount/config.h"
#include "url.h"

/* Bytes of a configuration, before and after its variables are expanded. */
#define CONFIG_SIZE_MAX ((size_t)1 << 20)

/* Where one replica's settings come from. Borrows everything. */
struct settings {
    const struct mapping *own;  /* the replica's keys; without keys for a URL on the command line */
    const struct mapping *root; /* the configuration's root, whose keys are every replica's defaults */
    const struct config_options *options;
};

/* The variable's value; NULL if it is unset or empty. Borrowed from the environment. */
const char *environment_get(const struct config_options *options, const char *name);

/* Expands $NAME and ${NAME} over a whole text as Go's os.ExpandEnv does. The caller frees and wipes the
 * result, which has a NUL behind it. 0, -ENOMEM, or -E2BIG if it would be longer than CONFIG_SIZE_MAX. */
int environment_expand(const char *text, size_t length, const struct config_options *options, char **ret_text,
                       size_t *ret_length);

/* Warns of each value of a configuration's text that begins with a variable that is not set or empty; `name`
 * is the configuration's. */
void environment_warn_of_unset(const char *name, const char *text, size_t length,
                               const struct config_options *options);

/* The setting of the replica's own keys, else of the root's; NULL if neither has it. The caller frees it. 0,
 * -EINVAL with a reason, -ENOMEM. */
int settings_string(const struct settings *settings, const char *key, char **ret_text);

/* The replica's own `path`, which must not be a URL; NULL if it has none. As settings_string. */
int settings_path(const struct settings *settings, char **ret_path);

/* Reads a replica's settings: its `url` key, or `url` if that is not NULL, and all others. 0, -EINVAL with a
 * reason, -ENOMEM; the caller finishes the replica also after a failure, which leaves what was read. */
int replica_config_read(const struct settings *settings, const char *url, struct replica_config *ret_replica);

/* Fills in what is S3's own: bucket, path, endpoint, encryption, credentials. `url` is NULL if none was
 * given. */
int s3_config_read(const struct settings *settings, const struct replica_url *url,
                   struct replica_config *replica);

/* Fills in the access keys, where there are any. */
int credentials_find(const struct settings *settings, struct replica_config *replica);

/* Reads the databases of a configuration's root. `config` is the caller's, also after a failure. */
int databases_read(const struct mapping *root, const struct config_options *options, struct config *config);
void database_config_finish(struct database_config *database);
