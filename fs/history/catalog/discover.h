/* Finding backups below a replica's root, by listing folder after folder.
 *
 * A place is what the keys there begin with, relative to the root: "", or ending in '/'. "/" is one too:
 * Litestream v0.5 writes "/0000/..." for a database without a path. */
#pragma once

#include "litemount/history.h"

struct database_config;
struct replica;

/* Adds the places of the backups that `config`'s folder holds, sorted. Looks no deeper than the configuration
 * says. A place that is among `known` (sorted) is one without a look, unless `whole`, or unless others are
 * known below it. The search ends early once `enough` (0: never) were found. Folders below the root that may
 * not be looked into are passed over; `refused` gets a sentence for each. 0, or replica_list's errno. */
int discover(struct replica *replica, const struct database_config *config, const struct names *known,
             bool whole, size_t enough, struct task *task, struct names *found, struct names *refused);

/* Whether databases may lie in folders below `config`'s. */
bool discover_is_deep(const struct database_config *config);

/* Whether `config`'s folder may hold a database of that name ("tenants/acme.db"), by name and depth alone. */
bool discover_allows(const struct database_config *config, const char *name);
