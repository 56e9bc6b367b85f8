/* What SQLite itself says of a database. The only place but for its VFS that uses its library. */
#pragma once

#include <stdbool.h>

struct state;
struct task;

enum integrity_check {
    INTEGRITY_QUICK,        /* PRAGMA quick_check */
    INTEGRITY_FULL,         /* PRAGMA integrity_check */
    INTEGRITY_FOREIGN_KEYS, /* PRAGMA foreign_key_check */
    INTEGRITY_TABLES        /* that there is a table that is not SQLite's or Litestream's own */
};

/* Runs the check on a state, read where it lies: nothing is restored. Returns 0 and what is wrong, one line
 * that the caller frees, NULL if nothing is; or a negative errno with a reason (it can't be read,
 * -ECANCELED). */
int integrity_check_state(struct state *state, enum integrity_check check, struct task *task,
                          char **ret_wrong);

/* The same on a database file that nobody else has open. Leaves nothing beside it. */
int integrity_check_file(const char *path, enum integrity_check check, struct task *task, char **ret_wrong);
