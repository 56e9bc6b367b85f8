#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"
#include "parts.h"
#include "path.h"

void database_config_finish(struct database_config *database)
{
    free(database->path);
    free(database->pattern);
    for (size_t i = 0; i < database->n_replicas; i++)
        replica_config_finish(&database->replicas[i]);
    free(database->replicas);
    *database = (struct database_config){0};
}

/* A pattern as fnmatch(3) has it. Go, which Litestream has its patterns from, knows no ! and no classes in a
 * set. Source: Go, path/filepath.Match. */
static char *database_translate_pattern(const char *pattern)
{
    char *translated = malloc(2 * strlen(pattern) + 1), *end = translated;
    bool in_set = false;

    if (!translated)
        return NULL;
    for (const char *at = pattern; *at; at++) {
        if (in_set && (*at == '[' || *at == '!'))
            *end++ = '\\';
        in_set = in_set ? *at != ']' : *at == '[';
        *end++ = *at;
        if (*at == '\\' && at[1])
            *end++ = *++at;
    }
    *end = '\0';
    return translated;
}

/* `path`, or `dir` with its `pattern` and `recursive`. */
static int database_read_place(const struct mapping *entry, const struct config_options *options,
                               struct database_config *database)
{
    _cleanup_free_ char *path = NULL, *folder = NULL, *pattern = NULL;
    struct optional_bool recursive = {0};

    int r = mapping_string(entry, "path", &path);
    if (r >= 0)
        r = mapping_string(entry, "dir", &folder);
    if (r < 0)
        return r;
    if (!path && !folder)
        return mapping_fail(entry, "path", EINVAL, "missing: a database has a `path`, several have a `dir`");
    if (path && folder)
        return mapping_fail(entry, "dir", EINVAL, "there is a `path` too; one of both must go");
    if (folder) {
        database->is_folder = true;
        r = mapping_string(entry, "pattern", &pattern);
        if (r >= 0)
            r = mapping_bool(entry, "recursive", &recursive);
        if (r >= 0 && !pattern)
            return mapping_fail(entry, "pattern", EINVAL, "missing: `dir` needs one, such as \"*.db\"");
        if (r >= 0 && !(database->pattern = database_translate_pattern(pattern)))
            return -ENOMEM;
        database->recursive = recursive.value;
    }
    if (r >= 0)
        r = path_expand(path ? path : folder, options, &database->path);
    if (r == -ENOENT)
        return mapping_fail(entry, path ? "path" : "dir", EINVAL, "the home or current folder is not known");
    return r;
}

/* Ends an attempt at a part of the document: what is wrong with its settings is -EINVAL, with the reason in
 * `attempt`; every other error has its reason in the document's task, and -E2BIG is that of the whole. */
static int database_end_attempt(struct document *document, struct task *task, const struct task *attempt,
                                int r)
{
    document->task = task;
    if (r == -EINVAL && document_is_too_large(document))
        r = -E2BIG;
    return r >= 0 || r == -EINVAL ? r : task_fail(task, -r, "%s", task_reason(attempt, r));
}

/* A replica whose settings are wrong says so to whoever wants to read it; the others can be read. */
static int database_read_replica(const struct mapping *keys, const struct mapping *root,
                                 const struct config_options *options, struct database_config *database)
{
    struct replica_config *replica = &database->replicas[database->n_replicas++];
    struct document *document = keys->document;
    struct task attempt, *task = document->task;

    task_init(&attempt, task);
    document->task = &attempt;
    int r = database_end_attempt(document, task, &attempt,
                                 replica_config_read(keys, root, options, NULL, replica));
    if (r != -EINVAL)
        return r;
    replica->problem = strdup(task_reason(&attempt, r));
    return replica->problem ? 0 : -ENOMEM;
}

/* v0.3's list, or v0.5's only one. */
static int database_read_replicas(const struct mapping *entry, const struct mapping *root,
                                  const struct config_options *options, struct database_config *database)
{
    struct mapping replica;
    size_t count = 0;

    int r = mapping_child(entry, "replica", &replica);
    if (r >= 0)
        r = mapping_count(entry, "replicas", &count);
    if (r < 0)
        return r;
    database->is_v03 = count > 0;
    if (replica.node && count > 0)
        return mapping_fail(entry, "replica", EINVAL, "there are `replicas` too; one of both must go");
    database->replicas = calloc(count ? count : 1, sizeof *database->replicas);
    if (!database->replicas)
        return -ENOMEM;
    if (replica.node)
        return database_read_replica(&replica, root, options, database);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = mapping_item(entry, "replicas", i, &replica);
        if (r >= 0)
            r = database_read_replica(&replica, root, options, database);
    }
    return r;
}

static int database_read_entry(const struct mapping *root, size_t i, const struct config_options *options,
                               struct database_config *database)
{
    struct mapping entry;
    int r = mapping_item(root, "dbs", i, &entry);

    if (r >= 0)
        r = database_read_place(&entry, options, database);
    return r < 0 ? r : database_read_replicas(&entry, root, options, database);
}

/* A database of which nothing is known but why: its one replica says so. */
static int database_keep_unusable(size_t i, const char *problem, struct database_config *database)
{
    for (size_t n = 0; n < database->n_replicas; n++)
        replica_config_finish(&database->replicas[n]);
    free(database->replicas);
    database->replicas = calloc(1, sizeof *database->replicas);
    database->n_replicas = database->replicas != NULL;
    database->has_no_path = !database->path;
    if (!database->replicas)
        return -ENOMEM;
    if (database->has_no_path && asprintf(&database->path, "dbs[%zu]", i) < 0) {
        database->path = NULL;
        return -ENOMEM;
    }
    database->replicas->type = REPLICA_UNKNOWN;
    database->replicas->problem = strdup(problem);
    return database->replicas->problem ? 0 : -ENOMEM;
}

static int database_read(const struct mapping *root, size_t i, const struct config_options *options,
                         struct database_config *database)
{
    struct document *document = root->document;
    struct task attempt, *task = document->task;

    task_init(&attempt, task);
    document->task = &attempt;
    int r = database_end_attempt(document, task, &attempt, database_read_entry(root, i, options, database));
    return r == -EINVAL ? database_keep_unusable(i, task_reason(&attempt, r), database) : r;
}

/* Where no replica at all can be used, the first problem is the configuration's. */
static int database_check_usable(const struct config *config, const struct mapping *root)
{
    const char *problem = NULL;

    for (size_t i = 0; i < config->n_databases; i++)
        for (size_t j = 0; j < config->databases[i].n_replicas; j++) {
            const struct replica_config *replica = &config->databases[i].replicas[j];
            if (!replica->problem)
                return 0;
            problem = problem ? problem : replica->problem;
        }
    return problem ? task_fail(root->document->task, EINVAL, "%s", problem)
                   : mapping_fail(root, "dbs", EINVAL, "no database has a `replica`");
}

int databases_read(const struct mapping *root, const struct config_options *options, struct config *config)
{
    size_t count;

    int r = mapping_count(root, "dbs", &count);
    if (r < 0)
        return r;
    if (count == 0)
        return mapping_fail(root, "dbs", EINVAL, "there is no database to mount: `dbs` is missing or empty");
    config->databases = calloc(count, sizeof *config->databases);
    if (!config->databases)
        return -ENOMEM;
    for (size_t i = 0; i < count && r >= 0; i++)
        r = database_read(root, i, options, &config->databases[config->n_databases++]);
    if (r == -E2BIG)
        return -EINVAL;
    return r < 0 ? r : database_check_usable(config, root);
}
