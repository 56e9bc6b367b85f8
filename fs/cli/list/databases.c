/* litemount databases: the configured databases, and those that stand in configured folders.
 *
 * Where a configuration has v0.3's lists of replicas, their names are shown, as Litestream v0.3 does; where
 * each database has v0.5's one replica, its type is, as v0.5 does. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
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

struct databases {
    struct common_flags common;
    bool json;
};

static bool has_lists(const struct config *config)
{
    for (size_t i = 0; i < config->n_databases; i++)
        if (config->databases[i].is_v03)
            return true;
    return false;
}

/* A column's text: the replicas' names, or their types. */
static int name_replicas(const struct database_config *database, bool names, struct buffer *text)
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
struct list {
    struct output output;
    struct backups backups; /* open if a store has to be asked */
    bool names;             /* of replicas, not their types */
    bool has_several;       /* some database has several replicas: which of them answers is told */
    bool json;              /* in a column of its own; else to the log, for the table is Litestream's */
};

/* Which of the replicas was updated last; "-": none answers. Warns of those that are behind it. 0 or -ENOMEM.
 */
static int add_answering(struct list *list, const char *name, struct history *history, struct task *task)
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
            continue; /* the look has told it */
        if (listed_replica_describe(&replicas, i - 1, &text) < 0)
            return -ENOMEM;
        if (text)
            log_warning("%s: %s", name, text);
    }
    if (list->json)
        output_add(&list->output, "%s", answering);
    else if (replicas.n > 1)
        log_info("%s: replica %s answers", name, answering);
    return 0;
}

static int add_row(struct list *list, const char *path, const char *name,
                   const struct database_config *database, struct task *task)
{
    struct buffer text = {0};
    struct history *history = NULL;
    int r = name_replicas(database, list->names, &text);

    if (r == 0) {
        output_add(&list->output, "%s", path);
        output_add(&list->output, "%s", (const char *)text.data);
    }
    buffer_finish(&text);
    if (r < 0 || !list->has_several)
        return r;
    r = catalog_find(list->backups.catalog, name, task, &history);
    if (r == 0)
        return add_answering(list, name, history, task);
    if (list->json)
        output_add(&list->output, "-"); /* it was left out, with a warning */
    return r == -ENOENT ? 0 : r;
}

/* Whether the database has a place of its own in the configuration. */
static bool is_configured(const struct config *config, const char *prefix, const char *name)
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

static int add_folder(struct list *list, const struct database_config *folder, struct task *task)
{
    _cleanup_(names_finish) struct names found = {0};
    const struct backups *backups = &list->backups;
    const char *prefix = catalog_prefix(backups->catalog);
    int r = catalog_list_all(backups->catalog, task, &found);

    for (size_t i = 0; i < found.n && r == 0; i++) {
        const char *name = found.items[i].text;
        _cleanup_free_ char *path = NULL;
        if (catalog_folder(backups->catalog, name) != folder || is_configured(backups->config, prefix, name))
            continue;
        if (asprintf(&path, "%s%s", prefix, name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        r = add_row(list, path, name, folder, task);
    }
    return r;
}

static bool has_folders(const struct config *config)
{
    for (size_t i = 0; i < config->n_databases; i++)
        if (config->databases[i].is_folder)
            return true;
    return false;
}

static int load(const struct common_flags *flags, struct task *task, struct config **ret_config)
{
    const struct config_options options = {.no_expand_environment = flags->no_expand_environment};
    const char *source = flags->config ? flags->config : config_default_path(NULL);
    int r = config_load(source, &options, task, ret_config);
    if (r == 0 && flags->replica)
        r = config_keep_replica(*ret_config, flags->replica, task);
    return r == -EINVAL ? -EBADMSG : r; /* the configuration is wrong, not the command line */
}

/* The list shows that a database is configured, and not that its settings can't be used. */
static void warn_of_problems(const struct database_config *database)
{
    for (size_t i = 0; i < database->n_replicas; i++)
        if (database->replicas[i].problem)
            log_warning("%s", database->replicas[i].problem);
}

static bool has_several(const struct config *config)
{
    for (size_t i = 0; i < config->n_databases; i++)
        if (config->databases[i].n_replicas > 1)
            return true;
    return false;
}

static int add_all(struct list *list, const struct config *config, struct task *task)
{
    size_t length = list->backups.catalog ? strlen(catalog_prefix(list->backups.catalog)) : 0;
    int r = 0;

    for (size_t i = 0; i < config->n_databases && r == 0; i++) {
        const struct database_config *database = &config->databases[i];
        if (!database->is_folder)
            warn_of_problems(database);
        r = database->is_folder ? add_folder(list, database, task)
                                : add_row(list, database->path, database->path + length, database, task);
    }
    return r;
}

static void list_finish(struct list *list)
{
    backups_finish(&list->backups);
    output_finish(&list->output);
}

/* Only to find databases in folders, and which of several replicas answers, is anything asked of a store. */
static int list(void *context, char **operands, int n_operands, struct task *task)
{
    static const struct column v03[] = {{.name = "path"}, {.name = "replicas"}, {.name = "answers"}};
    static const struct column v05[] = {{.name = "path"}, {.name = "replica"}};
    const struct databases *databases = context;
    _cleanup_(close_config) struct config *config = NULL;
    _cleanup_(list_finish) struct list list = {0};
    int r = load(&databases->common, task, &config);

    (void)operands, (void)n_operands;
    if (r < 0)
        return r;
    list.names = has_lists(config);
    list.has_several = has_several(config);
    list.json = databases->json;
    if (has_folders(config) || list.has_several)
        r = target_open_backups(&databases->common, NULL, task, &list.backups);
    if (r < 0)
        return r;
    output_init(&list.output, list.names ? v03 : v05, list.has_several && databases->json ? 3 : 2,
                databases->json);
    /* The same, if it was read again, as the catalog knows it. */
    r = add_all(&list, list.backups.config ? list.backups.config : config, task);
    return r < 0 ? r : output_print(&list.output, stdout);
}

int verb_databases(int argc, char **argv)
{
    struct databases databases = {0};
    const struct flag flags[] = {
        COMMON_FLAGS(&databases.common),
        {"json", &databases.json, NULL, NULL, "print JSON"},
    };
    const struct command command = {
        .usage = "litemount databases [-config FILE] [-json]",
        .about = "Lists the databases of the configuration, and where each is replicated to.",
        .flags = flags,
        .n_flags = sizeof flags / sizeof *flags,
        .help = &databases.common.help,
        .work = list,
        .context = &databases,
    };

    return command_run(&command, argc, argv);
}
