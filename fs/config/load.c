#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "document.h"
#include "environment.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"
#include "parts.h"
#include "path.h"
#include "secret.h"
#include "url.h"

static const struct config_options default_options;

const char *config_default_path(const struct config_options *options)
{
    const char *path = environment_get(options ? options : &default_options, "LITESTREAM_CONFIG");
    return path ? path : "/etc/litestream.yml";
}

void config_close(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->n_databases; i++)
        database_config_finish(&config->databases[i]);
    free(config->databases);
    free(config);
}

static int load_parse_expanded(const char *name, const char *text, size_t length,
                               const struct config_options *options, struct task *task,
                               struct config **ret_config)
{
    _cleanup_(close_config) struct config *config = calloc(1, sizeof *config);
    _cleanup_(document_finish) struct document document = {0};
    struct mapping root;

    if (!config)
        return -ENOMEM;
    int r = document_parse(name, text, length, task, &document);
    if (r >= 0)
        r = document_root(&document, &root);
    if (r >= 0)
        r = databases_read(&root, options, config);
    if (r < 0)
        return r;
    *ret_config = steal_pointer(config);
    return 0;
}

int config_parse(const char *name, const char *text, size_t length, const struct config_options *options,
                 struct task *task, struct config **ret_config)
{
    _cleanup_secret_ char *expanded = NULL;

    if (!options)
        options = &default_options;
    int r = length > CONFIG_SIZE_MAX ? -E2BIG : 0;
    if (r >= 0 && !options->no_expand_environment) {
        environment_warn_of_unset(name, text, length, options);
        r = environment_expand(text, length, options, &expanded, &length);
        text = expanded;
    }
    if (r == -E2BIG)
        return task_fail(task, EINVAL, "%s: a configuration of more than 1 MiB, or that once expanded", name);
    return r < 0 ? r : load_parse_expanded(name, text, length, options, task, ret_config);
}

static int load_file(const char *name, const char *path, const struct config_options *options,
                     struct task *task, struct config **ret_config)
{
    _cleanup_free_ char *text = NULL;
    size_t length;

    int r = file_read(path, CONFIG_SIZE_MAX, &text, &length);
    if (r == -ENOMEM)
        return r;
    if (r == -EFBIG)
        return task_fail(task, EINVAL, "%s: larger than 1 MiB, so it is no configuration", name);
    if (r < 0)
        return task_fail(task, r == -EACCES || r == -ENOENT ? -r : EINVAL, "%s: can't be read: %s", name,
                         strerror(-r));
    r = config_parse(name, text, length, options, task, ret_config);
    explicit_bzero(text, length);
    return r;
}

/* A configuration of one entry, for a place where one or several backups may lie. */
static struct config *load_new_place(const char *path)
{
    _cleanup_(close_config) struct config *config = calloc(1, sizeof *config);
    struct database_config *database = calloc(1, sizeof *database);

    if (!config || !database) {
        free(database);
        return NULL;
    }
    config->databases = database;
    config->n_databases = 1;
    database->is_folder = database->recursive = database->is_source = true;
    database->path = strdup(path);
    database->replicas = calloc(1, sizeof *database->replicas);
    if (!database->path || !database->replicas)
        return NULL;
    database->n_replicas = 1;
    return steal_pointer(config);
}

static int load_folder(const char *path, struct config **ret_config)
{
    _cleanup_(close_config) struct config *config = load_new_place(path);
    if (!config)
        return -ENOMEM;
    config->databases->replicas->type = REPLICA_FILE;
    config->databases->replicas->path = strdup(path);
    if (!config->databases->replicas->path)
        return -ENOMEM;
    *ret_config = steal_pointer(config);
    return 0;
}

/* A file replica's folder must be there: otherwise a slip of the pen would mount as an empty backup. */
static int load_url(const char *url, const struct config_options *options, struct task *task,
                    struct config **ret_config)
{
    _cleanup_(replica_config_finish) struct replica_config replica = {0};
    _cleanup_(close_config) struct config *config = NULL;
    _cleanup_free_ char *name = config_shown_source(url);
    struct stat status;

    if (!name)
        return -ENOMEM;
    struct document document = {.name = name, .task = task};
    const struct mapping nothing = {.document = &document};
    int r = replica_config_read(&nothing, &nothing, options, url, &replica);
    if (r < 0)
        return r;
    if (replica.type == REPLICA_FILE && stat(replica.path, &status) < 0)
        return task_fail(task, errno == EACCES ? EACCES : ENOENT, "%s: %s", replica.path, strerror(errno));
    config = load_new_place(replica.type == REPLICA_FILE ? replica.path : name);
    if (!config)
        return -ENOMEM;
    *config->databases->replicas = replica;
    replica = (struct replica_config){0};
    *ret_config = steal_pointer(config);
    return 0;
}

int config_load(const char *source, const struct config_options *options, struct task *task,
                struct config **ret_config)
{
    _cleanup_free_ char *path = NULL;
    struct stat status;

    if (!options)
        options = &default_options;
    if (is_url(source))
        return load_url(source, options, task, ret_config);
    int r = *source ? path_expand(source, options, &path) : -EINVAL;
    if (r == -EINVAL)
        return task_fail(task, EINVAL, "the source is empty; it is a litestream.yml, a folder, or a URL");
    if (r == -ENOENT)
        return task_fail(task, ENOENT, "%s: the home or current folder is not known", source);
    if (r < 0)
        return r;
    if (stat(path, &status) < 0)
        return task_fail(task, errno == EACCES ? EACCES : ENOENT,
                         "%s: %s; a source is a litestream.yml, a folder, or a URL such as s3://bucket/path",
                         source, strerror(errno));
    return S_ISDIR(status.st_mode) ? load_folder(path, ret_config)
                                   : load_file(source, path, options, task, ret_config);
}
