#include <errno.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "path.h"
#include "settings.h"

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
static char *translate_pattern(const char *pattern)
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
static int read_place(const struct mapping *entry, const struct config_options *options,
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
        if (r >= 0 && !(database->pattern = translate_pattern(pattern)))
            return -ENOMEM;
        database->recursive = recursive.value;
    }
    if (r >= 0)
        r = path_expand(path ? path : folder, options, &database->path);
    if (r == -ENOENT)
        return mapping_fail(entry, path ? "path" : "dir", EINVAL, "the home or current folder is not known");
    return r;
}

static int read_replica(const struct mapping *keys, const struct mapping *root,
                        const struct config_options *options, struct database_config *database)
{
    const struct settings settings = {.own = keys, .root = root, .options = options};
    int r = replica_config_read(&settings, NULL, &database->replicas[database->n_replicas]);
    if (r >= 0)
        database->n_replicas++;
    return r;
}

/* v0.3's list, or v0.5's only one. */
static int read_replicas(const struct mapping *entry, const struct mapping *root,
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
        return read_replica(&replica, root, options, database);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        r = mapping_item(entry, "replicas", i, &replica);
        if (r >= 0)
            r = read_replica(&replica, root, options, database);
    }
    return r;
}

int databases_read(const struct mapping *root, const struct config_options *options, struct config *config)
{
    size_t count, n_replicas = 0;

    int r = mapping_count(root, "dbs", &count);
    if (r < 0)
        return r;
    if (count == 0)
        return mapping_fail(root, "dbs", EINVAL, "there is no database to mount: `dbs` is missing or empty");
    config->databases = calloc(count, sizeof *config->databases);
    if (!config->databases)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct database_config *database = &config->databases[config->n_databases++];
        struct mapping entry;
        r = mapping_item(root, "dbs", i, &entry);
        if (r >= 0)
            r = read_place(&entry, options, database);
        if (r >= 0)
            r = read_replicas(&entry, root, options, database);
        if (r < 0)
            return r;
        n_replicas += database->n_replicas;
    }
    if (n_replicas == 0)
        return mapping_fail(root, "dbs", EINVAL, "no database has a `replica`");
    return 0;
}
