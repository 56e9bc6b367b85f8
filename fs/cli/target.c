#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "litemount/cache.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/task.h"

/* Nanoseconds: a verb looks once. */
#define REFRESH (3600 * INSTANT_SECOND)

bool target_is_source(const char *operand)
{
    struct stat info;

    if (strstr(operand, "://"))
        return true;
    return strchr(operand, '/') && stat(operand, &info) == 0 && S_ISDIR(info.st_mode);
}

int target_open_backups(const struct common_options *common, const char *operand, struct task *task,
                        struct backups *backups)
{
    struct backups_options options = {
        .source = common->config ? common->config : config_default_path(NULL),
        .replica = common->replica,
        .no_expand_environment = common->no_expand_environment,
        .refresh = REFRESH,
        .cache_size = CACHE_SIZE_DEFAULT,
    };

    if (operand && target_is_source(operand)) {
        if (common->config)
            return task_fail(task, EINVAL, "a replica URL or a folder, and -config, cannot be used together");
        options.source = operand;
    }
    int r = backups_configure(&options, task, backups);
    if (r == 0)
        r = backups_open(&options, task, backups);
    if (r == -ENOENT && operand && target_is_source(operand))
        return -ENODATA;                /* a folder that does not exist */
    return r == -EINVAL ? -EBADMSG : r; /* the configuration is wrong, not the command line */
}

/* The one database of a source that is a URL. */
static int target_only_name(struct catalog *catalog, const char *operand, struct task *task, char **ret_name)
{
    _cleanup_(names_finish) struct names names = {0};
    _cleanup_free_ char *url = config_shown_source(operand);
    int r = url ? catalog_list_all(catalog, task, &names) : -ENOMEM;

    if (r < 0)
        return r;
    if (names.n == 0)
        return catalog_explain_nothing(catalog, task);
    if (names.n > 1) {
        struct history *first;
        r = catalog_find(catalog, names.items[0].text, task, &first);
        return r < 0 ? r
                     : task_fail(task, EINVAL, "%s: holds %zu backups; name one of them, such as %s", url,
                                 names.n, history_place(first));
    }
    *ret_name = strdup(names.items[0].text);
    return *ret_name ? 0 : -ENOMEM;
}

/* A path of the configuration, or else a name as the mount shows it. */
static int target_find_name(struct catalog *catalog, const char *operand, struct task *task, char **ret_name)
{
    const char *prefix = catalog_prefix(catalog);
    size_t length = strlen(prefix);
    _cleanup_free_ char *path = NULL;
    struct history *history;
    int r = config_expand_path(operand, &path);

    if (r == 0 && length && strncmp(path, prefix, length) == 0 &&
        (r = catalog_find(catalog, path + length, task, &history)) != -ENOENT)
        operand = path + length;
    if (r < 0 && r != -ENOENT)
        return r;
    *ret_name = strdup(operand);
    return *ret_name ? 0 : -ENOMEM;
}

int target_find_path(const struct catalog *catalog, const char *name, char **ret_path)
{
    const char *prefix = catalog_prefix(catalog);

    *ret_path = NULL;
    if (!*prefix || asprintf(ret_path, "%s%s", prefix, name) >= 0)
        return 0;
    *ret_path = NULL;
    return -ENOMEM;
}

int target_open(const struct common_options *common, const char *operand, struct task *task,
                struct target *target)
{
    *target = (struct target){0};
    int r = target_open_backups(common, operand, task, &target->backups);
    struct catalog *catalog = target->backups.catalog;

    if (r == 0)
        r = target_is_source(operand) ? target_only_name(catalog, operand, task, &target->name)
                                      : target_find_name(catalog, operand, task, &target->name);
    if (r == 0)
        r = catalog_find(catalog, target->name, task, &target->history);
    if (r == -ENOENT && !target_is_source(operand))
        return task_fail(task, ENOENT, "%s: not a database in the configuration; see litemount databases",
                         operand);
    return r < 0 ? r : target_find_path(catalog, target->name, &target->path);
}

void target_finish(struct target *target)
{
    backups_finish(&target->backups);
    free(target->name);
    free(target->path);
}

int target_check_generation(struct history *history, const char *generation, struct task *task)
{
    _cleanup_(names_finish) struct names names = {0};
    char list[TASK_REASON_SIZE / 2];
    int r = history_list_generations(history, task, &names);

    if (r < 0 || names_have(&names, generation))
        return r;
    if (names.n == 0)
        return history_explain_nothing(history, task);
    names_join(&names, list, sizeof list);
    return task_fail(task, ENODATA, "no generation %s at %s; there are: %s", generation,
                     history_place(history), list);
}

void target_warn_of_nothing(const struct target *target, size_t n_listed, struct task *task)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    struct task attempt;

    task_init(&attempt, task);
    if (n_listed || history_list_landmarks(target->history, NULL, &attempt, &landmarks) < 0 || landmarks.n)
        return;
    int r = history_explain_nothing(target->history, &attempt);
    log_warning("%s", task_reason(&attempt, r));
}
