/* Finding backups below a replica's root, by listing folder after folder. */
#pragma once

#include "litemount/history.h"

struct database_config;
struct replica;

/* Adds the places of the backups that `config`'s folder holds, relative to the replica's root; "" is the root
 * itself. Looks no deeper than the configuration says, and not inside a backup. 0, or replica_list's errno.
 */
int discover(struct replica *replica, const struct database_config *config, struct task *task,
             struct names *found);
