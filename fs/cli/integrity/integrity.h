/* What SQLite itself says of a database. The only place but for its VFS that uses its library.
 *
 * A schema is data, and may be made to cost memory: SQLite gets a limited amount of it, and a database that
 * needs more is told so. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct state;
struct task;

enum integrity_check {
    INTEGRITY_QUICK,        /* PRAGMA quick_check */
    INTEGRITY_FULL,         /* PRAGMA integrity_check */
    INTEGRITY_FOREIGN_KEYS, /* PRAGMA foreign_key_check */
    INTEGRITY_TABLES        /* that there is a table that is not SQLite's or Litestream's own */
};

/* What came of a check. Finish it with integrity_finish. */
struct integrity {
    char *wrong;      /* one line: the first finding, and how many more there are; NULL: nothing is wrong */
    uint64_t n_wrong; /* findings; 0 where `wrong` is why SQLite can't check it */
    char *unchecked;  /* one line: what could not be checked, and why; NULL: all was */
};

void integrity_finish(struct integrity *integrity);

/* Runs the check on a state, read where it lies: nothing is restored. Returns 0, or a negative errno with a
 * reason (it can't be read, -ECANCELED). */
int integrity_check_state(struct state *state, enum integrity_check check, struct task *task,
                          struct integrity *ret_integrity);

/* The same on a database file that nobody else has open. Leaves nothing beside it. */
int integrity_check_file(const char *path, enum integrity_check check, struct task *task,
                         struct integrity *ret_integrity);
