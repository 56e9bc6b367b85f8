/* `litemount restore`, step by step: what is asked for, the state that it means, the file that it becomes. */
#pragma once

#include "rights.h"
#include "target.h"

#define LTX_GENERATION "ltx" /* what a v0.5 history is called, here and in the mount */

struct output;
struct state;

enum restore_check { RESTORE_CHECK_NONE, RESTORE_CHECK_QUICK, RESTORE_CHECK_FULL };

extern const char *const restore_checks[]; /* restore_options.c: as they are typed; then NULL */

/* What the command line says. Borrows its texts. */
struct restore_options {
    struct common_options common;
    const char *database; /* NULL: none was named */
    const char *output, *generation, *index, *txid, *parallelism, *owner;
    int64_t time;             /* nanoseconds since 1970, UTC; INSTANT_MAX: the newest */
    int mode;                 /* -1: not given */
    unsigned integrity_check; /* enum restore_check */
    bool all, force, dry_run, json, verbose, follow;
    bool if_database_not_exists, if_replica_exists; /* what there is, or is not, is no failure then */

    /* What restore_read_options finds in these. */
    struct rights rights;
    char position[20]; /* as history_open_position takes it; "": by time */
};

/* restore_options.c. Makes sense of what was given together. 0, or -EINVAL with a reason. */
int restore_read_options(struct restore_options *options, struct task *task);

/* restore_point.c. Finds the state that is asked for of the database `name`, and tells where it is not quite
 * what one could expect. 0 and a reference; -ENODATA: the backup holds no such state; or another negative
 * errno; with a reason. */
int restore_find(struct history *history, const char *name, const struct restore_options *options,
                 struct task *task, struct state **ret_state);

/* restore_file.c. Whether a database may be put at `path`: 0, or -EEXIST, -EISDIR, or why one can't know,
 * with a reason. */
int restore_check_place(const char *path, const struct restore_options *options, struct task *task);

/* Writes the state to `path`. 0, or a negative errno with a reason: then there is what was there before, but
 * for two failures that the reason tells: once the new file is in its place, an old -wal, -shm or -journal
 * can't be removed beside it, or its folder can't be synced. */
int restore_write(struct state *state, const char *name, const char *path,
                  const struct restore_options *options, struct task *task);

/* restore_report.c: what is told of it, a row a database. */
void restore_report_init(struct output *report, const struct restore_options *options);
void restore_report_add(struct output *report, const struct restore_options *options, const char *name,
                        const char *path, struct state *state, int64_t duration); /* nanoseconds */
int restore_report_print(const struct output *report, const struct restore_options *options);
