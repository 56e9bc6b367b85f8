/* litemount verify: the test of a backup that a cron job runs. */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "output/output.h"
#include "target.h"
#include "verbs.h"

struct verify_command {
    struct common_options common;
    struct argument_values databases; /* none: all of the configuration */
    struct verify_options options;
    bool json;
    size_t n_databases, n_failed; /* so far */
};

/* The report's turn has come. 0, or a negative errno: it cannot be written. */
static int verify_conclude(struct verify_command *command, const struct verify_report *report)
{
    if (command->json)
        fputs(command->n_databases ? ",\n" : "\n", stdout);
    command->n_databases++;
    command->n_failed += report->found.problems.n > 0;
    if (command->json)
        verify_report_print_json(report, stdout);
    else
        verify_report_print(report, stdout);
    return output_flush(stdout);
}

/* What the log would warn of, the report says. */
static int verify_quietly(struct history *history, const struct verify_options *options, struct task *task,
                          struct verify_report *report)
{
    enum log_level level = log_get_level();

    log_set_level(LOG_LEVEL_ERROR);
    int r = verify_database(history, options, task, report);
    log_set_level(level);
    return r;
}

static int verify_named(struct verify_command *command, struct catalog *catalog, const char *name,
                        struct task *task)
{
    _cleanup_(verify_report_finish) struct verify_report report = {.name = strdup(name)};
    struct history *history;
    int r = report.name ? target_find_path(catalog, name, &report.path) : -ENOMEM;

    if (r == 0)
        r = catalog_find(catalog, name, task, &history);
    if (r == 0)
        r = verify_quietly(history, &command->options, task, &report);
    return r < 0 ? r : verify_conclude(command, &report);
}

/* Nothing can be verified of the operand: that is a failure as any other. */
static int verify_conclude_without(struct verify_command *command, const char *operand, const char *reason)
{
    _cleanup_(verify_report_finish) struct verify_report report = {.name = config_shown_source(operand)};
    int r = report.name ? verify_report_add(&report, "%s", reason) : -ENOMEM;

    return r < 0 ? r : verify_conclude(command, &report);
}

/* What a folder that can't be looked into holds can't be verified. */
static int verify_unseen(struct verify_command *command, struct catalog *catalog)
{
    _cleanup_(names_finish) struct names unseen = {0};
    int r = catalog_list_failures(catalog, &unseen);

    for (size_t i = 0; i < unseen.n && r == 0; i++)
        r = verify_conclude_without(command, "databases", unseen.items[i].text);
    return r;
}

/* All databases that the operand leads to; NULL: that the configuration does. */
static int verify_all(struct verify_command *command, const char *operand, struct task *task)
{
    _cleanup_(backups_finish) struct backups backups = {0};
    _cleanup_(names_finish) struct names names = {0};
    int r = target_open_backups(&command->common, operand, task, &backups);

    if (r == 0)
        r = catalog_list_whole(backups.catalog, task, &names);
    if (r == 0 && names.n == 0)
        return catalog_explain_nothing(backups.catalog, task);
    for (size_t i = 0; i < names.n && r == 0; i++)
        r = verify_named(command, backups.catalog, names.items[i].text, task);
    return r < 0 ? r : verify_unseen(command, backups.catalog);
}

/* The one database that the operand names. */
static int verify_one(struct verify_command *command, const char *operand, struct task *task)
{
    _cleanup_(target_finish) struct target target;
    int r = target_open(&command->common, operand, task, &target);
    return r < 0 ? r : verify_named(command, target.backups.catalog, target.name, task);
}

/* Whatever comes of it, those that follow are verified too, unless the command line is wrong. */
static int verify_operand(struct verify_command *command, const char *operand, struct task *task)
{
    struct task attempt;
    task_init(&attempt, task);
    int r = target_is_source(operand) ? verify_all(command, operand, &attempt)
                                      : verify_one(command, operand, &attempt);

    if (r == 0 || r == -ECANCELED || r == -ENOMEM)
        return r;
    return r == -EINVAL ? task_fail(task, EINVAL, "%s", task_reason(&attempt, r))
                        : verify_conclude_without(command, operand, task_reason(&attempt, r));
}

static int verify_operands(struct verify_command *command, struct task *task)
{
    const struct argument_values *databases = &command->databases;
    int r = databases->n ? 0 : verify_all(command, NULL, task);

    for (size_t i = 0; i < databases->n && r == 0; i++)
        r = verify_operand(command, databases->items[i], task);
    return r;
}

static int verify_run(void *options, struct task *task)
{
    struct verify_command *command = options;

    if (command->json)
        fputs("[", stdout);
    int r = verify_operands(command, task);
    if (command->json)
        fputs(command->n_databases ? "\n]\n" : "]\n", stdout);
    if (r == 0 && command->n_failed)
        return task_fail(task, EIO, "%zu of %zu databases failed", command->n_failed, command->n_databases);
    return r;
}

static const struct argument verify_rows[] = {
    COMMON_ROWS(verify_command),
    {ARGUMENT_IS(ARGUMENT_TIME, verify_command, options.time, "timestamp", "TIME",
                 "open the state of that instant (the latest)")},
    {ARGUMENT_IS(ARGUMENT_DURATION, verify_command, options.newer_than, "newer-than", "DURATION",
                 "fail where the newest restore point is older: 90m, 1h30m, 2d")},
    {ARGUMENT_IS_SWITCH(verify_command, options.quick, "quick", "quick_check in place of integrity_check")},
    JSON_ROW(verify_command),
    {ARGUMENT_IS_OPERAND(verify_command, databases, "DATABASE|URL", NULL), .repeatable = true},
};

const struct verb verb_verify = {
    .name = "verify",
    .summary = "test backups",
    .arguments =
        {.program = "litemount verify",
         .about = "Reads the backup of each database (of every one in the configuration if none is named),\n"
                  "every object and every checksum, looks whether any is missing, opens the state without\n"
                  "restoring it, and runs PRAGMA integrity_check and foreign_key_check. Prints one line per\n"
                  "database; the exit status is 1 if any failed. Foreign keys that the application never\n"
                  "obeyed, and indexes that need what only it has, are told as a note.",
         ARGUMENT_ROWS(verify_rows)},
    .options_size = sizeof(struct verify_command),
    .run = verify_run,
};
