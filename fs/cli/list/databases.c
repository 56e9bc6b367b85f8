/* litemount databases: the configured databases, and those that stand in configured folders.
 *
 * Where a configuration has v0.3's lists of replicas, their names are shown, as Litestream v0.3 does; where
 * each database has v0.5's one replica, its type is, as v0.5 does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/listed.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "output/output.h"
#include "target.h"
#include "verbs.h"

struct databases_options {
    struct common_options common;
    bool json;
};

static bool databases_have_lists(const struct config *config)
{
    for (size_t i = 0; i < config->n_databases; i++)
        if (config->databases[i].is_v03)
            return true;
    return false;
}

/* A column's text: the replicas' names, or their types. */
static int databases_name_replicas(const struct database_config *database, bool names, struct buffer *text)
{
    int r = 0;

    for (size_t i = 0; i < database->n_replicas && r == 0; i++) {
        const struct replica_config *replica = &database->replicas[i];
        const char *type = replica_type_name(replica->type);
        const char *name = names && replica->name ? replica->name : type;
        r = buffer_append(text, ",", i > 0);
        if (r == 0)
            r = buffer_append(text, name, strlen(name));
    }
    return r < 0 ? r : buffer_append(text, "", 1);
}

/* What is listed, and how. */
struct database_rows {
    struct output output;
    struct backups backups; /* open if a store has to be asked */
    bool names;             /* of replicas, not their types */
    bool has_several;       /* some database has several replicas: which of them answers is told */
    bool json;              /* in a column of its own; else to the log, for the table is Litestream's */
};

/* Which of the replicas was updated last; "-": none answers. Warns of those that are behind it. 0 or -ENOMEM.
 */
static int database_rows_add_answering(struct database_rows *rows, const char *name, struct history *history,
                                       struct task *task)
{
    _cleanup_(listed_replicas_finish) struct listed_replicas replicas = {0};
    const char *answering = "-";
    struct task attempt;
    task_init(&attempt, task);
    int r = history_list_replicas(history, &attempt, &replicas);

    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    if (r < 0)
        log_warning("%s: %s", name, task_reason(&attempt, r));
    for (size_t i = replicas.n; i > 0; i--) {
        const struct listed_replica *replica = &replicas.items[i - 1];
        _cleanup_free_ char *text = NULL;
        if (replica->latest != INT64_MIN && replica->behind == 0)
            answering = replica->name;
        if (!replica->answers)
            continue; /* why it does not was warned of when it was asked */
        if (listed_replica_describe(&replicas, i - 1, &text) < 0)
            return -ENOMEM;
        if (text)
            log_warning("%s: %s", name, text);
    }
    if (rows->json)
        output_add(&rows->output, "%s", answering);
    else if (replicas.n > 1)
        log_info("%s: replica %s answers", name, answering);
    return 0;
}

static int database_rows_add(struct database_rows *rows, const char *path, const char *name,
                             const struct database_config *database, struct task *task)
{
    struct buffer text = {0};
    struct history *history = NULL;
    int r = databases_name_replicas(database, rows->names, &text);

    if (r == 0) {
        output_add(&rows->output, "%s", path);
        output_add(&rows->output, "%s", (const char *)text.data);
    }
    buffer_finish(&text);
    if (r < 0 || !rows->has_several)
        return r;
    r = catalog_find(rows->backups.catalog, name, task, &history);
    if (r == 0)
        return database_rows_add_answering(rows, name, history, task);
    if (rows->json)
        output_add(&rows->output, "-"); /* it was left out, with a warning */
    return r == -ENOENT ? 0 : r;
}

/* Whether the database has a place of its own in the configuration. */
static bool databases_is_configured(const struct config *config, const char *prefix, const char *name)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < config->n_databases; i++) {
        const struct database_config *database = &config->databases[i];
        if (!database->is_folder && strncmp(database->path, prefix, length) == 0 &&
            strcmp(database->path + length, name) == 0)
            return true;
    }
    return false;
}

static int database_rows_add_folder(struct database_rows *rows, const struct database_config *folder,
                                    struct task *task)
{
    _cleanup_(names_finish) struct names found = {0};
    const struct backups *backups = &rows->backups;
    const char *prefix = catalog_prefix(backups->catalog);
    int r = catalog_list_all(backups->catalog, task, &found);

    for (size_t i = 0; i < found.n && r == 0; i++) {
        const char *name = found.items[i].text;
        _cleanup_free_ char *path = NULL;
        if (catalog_folder(backups->catalog, name) != folder ||
            databases_is_configured(backups->config, prefix, name))
            continue;
        if (asprintf(&path, "%s%s", prefix, name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        r = database_rows_add(rows, path, name, folder, task);
    }
    return r;
}

static bool databases_have_folders(const struct config *config)
{
    for (size_t i = 0; i < config->n_databases; i++)
        if (config->databases[i].is_folder)
            return true;
    return false;
}

static int databases_load(const struct common_options *common, struct task *task, struct config **ret_config)
{
    const struct config_options options = {.no_expand_environment = common->no_expand_environment};
    const char *source = common->config ? common->config : config_default_path(NULL);
    int r = config_load(source, &options, task, ret_config);
    if (r == 0 && common->replica)
        r = config_keep_replica(*ret_config, common->replica, task);
    return r == -EINVAL ? -EBADMSG : r; /* the configuration is wrong, not the command line */
}

/* The list shows that a database is configured, and not that its settings can't be used. */
static void databases_warn_of_problems(const struct database_config *database)
{
    for (size_t i = 0; i < database->n_replicas; i++)
        if (database->replicas[i].problem)
            log_warning("%s", database->replicas[i].problem);
}

static bool databases_have_several(const struct config *config)
{
    for (size_t i = 0; i < config->n_databases; i++)
        if (config->databases[i].n_replicas > 1)
            return true;
    return false;
}

static int database_rows_add_all(struct database_rows *rows, const struct config *config, struct task *task)
{
    size_t length = rows->backups.catalog ? strlen(catalog_prefix(rows->backups.catalog)) : 0;
    int r = 0;

    for (size_t i = 0; i < config->n_databases && r == 0; i++) {
        const struct database_config *database = &config->databases[i];
        if (!database->is_folder)
            databases_warn_of_problems(database);
        r = database->is_folder
                ? database_rows_add_folder(rows, database, task)
                : database_rows_add(rows, database->path, database->path + length, database, task);
    }
    return r;
}

static void database_rows_finish(struct database_rows *rows)
{
    backups_finish(&rows->backups);
    output_finish(&rows->output);
}

/* Only to find databases in folders, and which of several replicas answers, is anything asked of a store. */
static int databases_run(void *context, struct task *task)
{
    static const struct column v03[] = {{.name = "path"}, {.name = "replicas"}, {.name = "answers"}};
    static const struct column v05[] = {{.name = "path"}, {.name = "replica"}};
    const struct databases_options *options = context;
    _cleanup_(close_config) struct config *config = NULL;
    _cleanup_(database_rows_finish) struct database_rows rows = {0};
    int r = databases_load(&options->common, task, &config);

    if (r < 0)
        return r;
    rows.names = databases_have_lists(config);
    rows.has_several = databases_have_several(config);
    rows.json = options->json;
    if (databases_have_folders(config) || rows.has_several)
        r = target_open_backups(&options->common, NULL, task, &rows.backups);
    if (r < 0)
        return r;
    output_init(&rows.output, rows.names ? v03 : v05, rows.has_several && rows.json ? 3 : 2, rows.json);
    /* The same, if it was read again, as the catalog knows it. */
    r = database_rows_add_all(&rows, rows.backups.config ? rows.backups.config : config, task);
    return r < 0 ? r : output_print(&rows.output, stdout);
}

static const struct argument databases_rows[] = {COMMON_ROWS(databases_options), JSON_ROW(databases_options)};

const struct verb verb_databases = {
    .name = "databases",
    .summary = "list the databases of the configuration",
    .arguments = {.program = "litemount databases",
                  .about = "Lists the databases of the configuration, and where each is replicated to.",
                  ARGUMENT_ROWS(databases_rows)},
    .options_size = sizeof(struct databases_options),
    .run = databases_run,
};
