/* The parts of a configuration that are read one within the other. */
#pragma once

struct config;
struct config_options;
struct database_config;
struct mapping;
struct replica_config;

/* Reads the databases of a configuration's root. `config` is the caller's, also after a failure. */
int databases_read(const struct mapping *root, const struct config_options *options, struct config *config);
void database_config_finish(struct database_config *database);

/* Reads a replica: `own` has its keys and `root` every replica's defaults; `url` (NULL: none) stands in place
 * of its `url` key. 0, -EINVAL with a reason, -ENOMEM; the caller finishes the replica also after a failure,
 * which leaves what was read. */
int replica_config_read(const struct mapping *own, const struct mapping *root,
                        const struct config_options *options, const char *url,
                        struct replica_config *ret_replica);
