/* litemount restore: databases from their backups, as plain files. */
#include "restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "output/output.h"
#include "verbs.h"

/* What a restore is made with. */
struct restore {
    const struct restore_options *options;
    struct output report;
};

/* That there is no backup, or none that old, may be no failure. */
static int restore_excuse(const struct restore *restore, int r, struct task *task)
{
    if (r != -ENODATA || !restore->options->if_replica_exists)
        return r;
    log_info("%s: nothing restored", task_reason(task, r));
    task_forgive(task);
    return 0;
}

/* An object that came damaged is read anew for who asks for the state again (state_failure); if it comes so
 * twice, there may be a way around it. */
static int restore_found(const struct restore_options *options, struct history *history, const char *name,
                         const char *path, struct task *task, struct state **state)
{
    int r = restore_find(history, name, options, task, state);

    for (unsigned attempts = 1; r == 0 && !options->dry_run; attempts++) {
        r = restore_write(*state, name, path, options, task);
        if (r == 0 || !state_failure(*state) || attempts == STATE_ATTEMPTS)
            return r;
        log_info("%s; restoring it once more", task_reason(task, r));
        task_forgive(task);
        state_unref(steal_pointer(*state));
        r = restore_find(history, name, options, task, state);
    }
    return r;
}

/* One database. */
static int restore_state(struct restore *restore, struct history *history, const char *name, const char *path,
                         struct task *task)
{
    const struct restore_options *options = restore->options;
    _cleanup_(unref_state) struct state *state = NULL;
    int64_t began = clock_now();
    int r = options->dry_run ? 0 : restore_check_place(path, options, task);

    if (r == 0)
        r = restore_found(options, history, name, path, task, &state);
    if (r == 0)
        restore_report_add(&restore->report, options, name, path, state, clock_now() - began);
    return r;
}

/* The same, unless there is a file that may stay. */
static int restore_database(struct restore *restore, struct history *history, const char *name,
                            const char *path, struct task *task)
{
    const struct restore_options *options = restore->options;
    struct task attempt;

    if (options->if_database_not_exists && access(path, F_OK) == 0) {
        log_info("%s: %s already exists; nothing restored", name, path);
        return 0;
    }
    task_init(&attempt, task);
    int r = restore_state(restore, history, name, path, &attempt);
    return r < 0 ? task_fail(task, -r, "%s: %s", name, task_reason(&attempt, r)) : 0;
}

static int restore_one(struct restore *restore, struct task *task)
{
    const struct restore_options *options = restore->options;
    _cleanup_(target_finish) struct target target = {0};
    int r = target_open(&options->common, options->database, task, &target);
    const char *path = options->output ? options->output : target.path;

    if (r == 0 && !path)
        return task_fail(task, EINVAL, "%s: the configuration has no path for it; -o FILE is needed",
                         options->database);
    return r < 0 ? r : restore_database(restore, target.history, target.name, path, task);
}

/* Database `name` of several: a failure is told at once, and counted by who called. */
static int restore_named(struct restore *restore, struct catalog *catalog, const char *name,
                         struct task *task)
{
    _cleanup_free_ char *path = NULL;
    struct history *history;
    struct task attempt;

    task_init(&attempt, task);
    int r = catalog_find(catalog, name, &attempt, &history);
    if (r == 0 && asprintf(&path, "%s/%s", restore->options->output, name) < 0) {
        path = NULL;
        r = -ENOMEM;
    }
    if (r == 0)
        r = restore_excuse(restore, restore_database(restore, history, name, path, &attempt), &attempt);
    if (r < 0 && r != -ECANCELED)
        log_error("%s", task_reason(&attempt, r));
    return r;
}

static int restore_all(struct restore *restore, struct task *task)
{
    _cleanup_(backups_finish) struct backups backups = {0};
    _cleanup_(names_finish) struct names names = {0};
    _cleanup_(names_finish) struct names unseen = {0}; /* why databases are not among the names */
    size_t n_failed = 0;
    int r = target_open_backups(&restore->options->common, restore->options->database, task, &backups);

    if (r == 0)
        r = catalog_list_whole(backups.catalog, task, &names);
    if (r == 0 && names.n == 0)
        r = catalog_explain_nothing(backups.catalog, task);
    if (r == 0)
        r = catalog_list_failures(backups.catalog, &unseen);
    if (r < 0)
        return r;
    for (size_t i = 0; i < names.n && r != -ECANCELED; i++) {
        r = restore_named(restore, backups.catalog, names.items[i].text, task);
        n_failed += r < 0;
    }
    if (r == -ECANCELED)
        return r;
    for (size_t i = n_failed ? 0 : 1; i < unseen.n; i++)
        log_error("%s", unseen.items[i].text);
    if (n_failed)
        return task_fail(task, EIO, "%zu of %zu databases were not restored", n_failed, names.n);
    return unseen.n ? task_fail(task, EIO, "not all databases could be found: %s", unseen.items[0].text) : 0;
}

static int restore_run(void *context, struct task *task)
{
    struct restore_options *options = context;
    struct restore restore = {.options = options};
    int r = restore_read_options(options, task);

    if (r < 0)
        return r;
    if (options->verbose)
        log_set_level(LOG_LEVEL_DEBUG);
    restore_report_init(&restore.report, options);
    r = options->all ? restore_all(&restore, task) : restore_one(&restore, task);
    r = restore_excuse(&restore, r, task);
    int printed = restore_report_print(&restore.report, options);
    output_finish(&restore.report);
    return r < 0 ? r : printed;
}

#define SWITCH(...)                                                                                          \
    {                                                                                                        \
        ARGUMENT_IS_SWITCH(restore_options, __VA_ARGS__)                                                     \
    }
#define TEXT(...)                                                                                            \
    {                                                                                                        \
        ARGUMENT_IS(ARGUMENT_TEXT, restore_options, __VA_ARGS__), .or_empty = true                           \
    }

static const struct argument restore_rows[] = {
    TEXT(output, "o", "FILE", "where to (the database's own path); with -all: the folder"),
    {ARGUMENT_IS(ARGUMENT_TIME, restore_options, time, "timestamp", "TIME",
                 "as of this time, such as 2024-11-04T10:30:00Z or 2h-ago"),
     .or_empty = true},
    TEXT(generation, "generation", "GEN", "of this generation"),
    {ARGUMENT_IS(ARGUMENT_TEXT, restore_options, index, "index", "N",
                 "to the end of this WAL index (hexadecimal) of -generation, or of the newest one"),
     .expected = "a hexadecimal WAL index, such as 0000001f"},
    TEXT(txid, "txid", "TXID", "to this transaction (16 hexadecimal digits)"),
    SWITCH(all, "all", "all databases, to their names below a folder"),
    SWITCH(if_database_not_exists, "if-db-not-exists", "succeed if there is a file already"),
    SWITCH(if_replica_exists, "if-replica-exists", "succeed if there is no backup"),
    SWITCH(force, "force", "replace the file, and remove its -wal, -shm and -journal"),
    {ARGUMENT_IS(ARGUMENT_MODE, restore_options, mode, "mode", "MODE",
                 "octal, such as 0640 (the old file's, else 0600 of a v0.3 backup, 0666 less\n"
                 "umask of a v0.5 one)"),
     .or_empty = true},
    TEXT(owner, "owner", "USER[:GROUP]", "whose the file is (the old one's, else yours)"),
    SWITCH(dry_run, "dry-run", "show what would be restored"),
    SWITCH(json, "json", "print a summary as JSON"),
    {ARGUMENT_IS(ARGUMENT_CHOICE, restore_options, integrity_check, "integrity-check", "MODE",
                 "none, quick or full: what SQLite says of it, before it is put in its place"),
     .fallback = "none", .expected = "none, quick or full", .choices = restore_checks},
    {ARGUMENT_IS(ARGUMENT_TEXT, restore_options, parallelism, "parallelism", "N",
                 "accepted, of no effect: requests are sent side by side anyway"),
     .expected = "a number"},
    SWITCH(verbose, "v", "log every request"),
    SWITCH(follow, "f", "not supported: a mount's latest/ follows"),
    COMMON_ROWS(restore_options),
    {ARGUMENT_IS_OPERAND(restore_options, database, "DATABASE|URL", NULL)},
};

const struct verb verb_restore = {
    .name = "restore",
    .summary = "write databases to files, as of any instant",
    .arguments = {.program = "litemount restore",
                  .usage = "litemount restore [FLAGS] DATABASE|URL\n"
                           "       litemount restore [FLAGS] -all -o FOLDER [URL]",
                  .about =
                      "Restores a database from its backup, as it was at its newest restore point or at the "
                      "one asked for.\n"
                      "It is written under a temporary name and appears whole or not at all.",
                  ARGUMENT_ROWS(restore_rows)},
    .options_size = sizeof(struct restore_options),
    .run = restore_run,
};
