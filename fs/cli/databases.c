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
#include "litemount/log.h"
#include "output.h"
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

static int add_row(struct output *output, const char *prefix, const char *path,
                   const struct database_config *database, bool names)
{
    struct buffer text = {0};
    int r = name_replicas(database, names, &text);

    if (r == 0) {
        output_add(output, "%s%s", prefix, path);
        output_add(output, "%s", (const char *)text.data);
    }
    buffer_finish(&text);
    return r;
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

static int add_folder(struct output *output, const struct backups *backups,
                      const struct database_config *folder, bool names, struct task *task)
{
    _cleanup_(names_finish) struct names found = {0};
    const char *prefix = catalog_prefix(backups->catalog);
    int r = catalog_list_all(backups->catalog, task, &found);

    for (size_t i = 0; i < found.n && r == 0; i++) {
        const char *name = found.items[i].text;
        if (catalog_folder(backups->catalog, name) == folder && !is_configured(backups->config, prefix, name))
            r = add_row(output, prefix, name, folder, names);
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

/* Only to find databases in folders is anything asked of a store. */
static int list(void *context, char **operands, int n_operands, struct task *task)
{
    static const struct column v03[] = {{.name = "path"}, {.name = "replicas"}};
    static const struct column v05[] = {{.name = "path"}, {.name = "replica"}};
    const struct databases *databases = context;
    _cleanup_(close_config) struct config *config = NULL;
    _cleanup_(backups_finish) struct backups backups = {0};
    _cleanup_(output_finish) struct output output = {0};
    int r = load(&databases->common, task, &config);

    (void)operands, (void)n_operands;
    if (r == 0 && has_folders(config))
        r = target_open_backups(&databases->common, NULL, task, &backups);
    if (r < 0)
        return r;
    /* The same, if it was read again, as the catalog knows it. */
    const struct config *listed = backups.config ? backups.config : config;
    bool names = has_lists(config);
    output_init(&output, names ? v03 : v05, 2, databases->json);
    for (size_t i = 0; i < listed->n_databases && r == 0; i++) {
        const struct database_config *database = &listed->databases[i];
        if (!database->is_folder)
            warn_of_problems(database);
        r = database->is_folder ? add_folder(&output, &backups, database, names, task)
                                : add_row(&output, "", database->path, database, names);
    }
    return r < 0 ? r : output_print(&output, stdout);
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
