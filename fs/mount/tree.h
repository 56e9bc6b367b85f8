/* The tree that a user walks: which names stand in a folder, and what each of them is. */
#pragma once

#include "place.h"

struct catalog;
struct names;
struct task;

/* What `name` is in `place`. Returns 0, -ENOENT, or a negative errno with a reason. A FILE-wal
 * and a FILE-shm stand beside every database FILE, unlisted: SQLite opens a WAL-mode database on a read-only
 * file system only if it finds them. The -shm is empty, and so is the -wal of one that is not in WAL mode: to
 * know that takes the database's first page, which SQLite has read before it asks. */
int tree_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                struct tree_entry *ret_entry);

/* Adds the names that stand in `place`, sorted; those of states with their state_inode, as far as it is known
 * without asking a store. */
int tree_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names);
