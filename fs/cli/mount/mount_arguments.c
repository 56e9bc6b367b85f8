#include "mount_arguments.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "litemount/cache.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "target.h"

#define REFRESH_DEFAULT 10 /* seconds */

void mount_arguments_finish(struct mount_arguments *arguments)
{
    free(arguments->source);
    free(arguments->mountpoint);
    free(arguments->filesystem_name);
    free(arguments->cache_folder);
    free(arguments->replica);
}

/* In the background the program stands in the root folder: relative paths are made absolute before. */
static char *absolute(const char *path)
{
    _cleanup_free_ char *here = NULL;
    char *joined;

    if (path[0] == '/')
        return strdup(path);
    here = getcwd(NULL, 0);
    if (!here || asprintf(&joined, "%s/%s", here, path) < 0)
        return NULL;
    return joined;
}

/* Reads a decimal number up to `most`, with nothing behind it. */
static bool read_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    uint64_t number = strtoull(text, &end, 10);
    if (errno || *end || number > most)
        return false;
    *ret_number = number;
    return true;
}

/* Bytes, with K, M, G or T for powers of 1024. */
static bool read_size(const char *text, uint64_t *ret_size)
{
    static const char units[] = "KMGT";
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    uint64_t size = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (errno || (*end && (!unit || end[1])))
        return false;
    return !(unit && __builtin_mul_overflow(size, UINT64_C(1) << (10 * (unit - units + 1)), &size)) &&
           (*ret_size = size) > 0;
}

static bool set_refresh(struct mount_arguments *arguments, const char *value)
{
    uint64_t seconds;
    if (!read_number(value, INT64_MAX / INSTANT_SECOND, &seconds))
        return false;
    arguments->options.refresh = (int64_t)seconds * INSTANT_SECOND;
    return true;
}

static bool set_cache(struct mount_arguments *arguments, const char *value)
{
    free(arguments->cache_folder);
    arguments->cache_folder = *value ? absolute(value) : NULL;
    return arguments->cache_folder != NULL;
}

static bool set_cache_size(struct mount_arguments *arguments, const char *value)
{
    return read_size(value, &arguments->cache_size);
}

static bool set_replica(struct mount_arguments *arguments, const char *value)
{
    free(arguments->replica);
    arguments->replica = *value ? strdup(value) : NULL;
    return arguments->replica != NULL;
}

static bool set_uid(struct mount_arguments *arguments, const char *value)
{
    uint64_t id;
    if (!read_number(value, UINT32_MAX - 1, &id))
        return false;
    arguments->options.uid = (uid_t)id;
    return true;
}

static bool set_gid(struct mount_arguments *arguments, const char *value)
{
    uint64_t id;
    if (!read_number(value, UINT32_MAX - 1, &id))
        return false;
    arguments->options.gid = (gid_t)id;
    return true;
}

static bool set_umask(struct mount_arguments *arguments, const char *value)
{
    if (!*value || strspn(value, "01234567") != strlen(value) || strlen(value) > 4)
        return false;
    arguments->options.has_umask = true;
    arguments->options.umask = (mode_t)strtoul(value, NULL, 8) & 0777;
    return true;
}

static const struct {
    const char *name;
    bool (*set)(struct mount_arguments *arguments, const char *value);
} settings[] = {
    {"refresh", set_refresh}, {"cache", set_cache}, {"cache-size", set_cache_size}, {"replica", set_replica},
    {"uid", set_uid},         {"gid", set_gid},     {"umask", set_umask},
};

/* Words of fstab and of mount(8) that say nothing to us, or what is so anyway. */
static const char *const ignored[] = {
    "ro",       "rw",          "defaults",
    "suid",     "nosuid",      "dev",
    "nodev",    "exec",        "noexec",
    "auto",     "noauto",      "user",
    "nouser",   "users",       "owner",
    "group",    "_netdev",     "nofail",
    "sync",     "async",       "atime",
    "noatime",  "relatime",    "norelatime",
    "diratime", "nodiratime",  "default_permissions",
    "nonempty", "lazytime",    "nolazytime",
    "dirsync",  "nosymfollow", "strictatime",
};

static int set_option(struct mount_arguments *arguments, char *option, struct task *task)
{
    char *value = strchr(option, '=');
    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (strcmp(option, settings[i].name) != 0)
            continue;
        if (!value || !settings[i].set(arguments, value))
            return task_fail(task, EINVAL, "option %s=%s: not a value it can have", option,
                             value ? value : "");
        return 0;
    }
    if (strncmp(option, "x-", 2) == 0 || strcmp(option, "comment") == 0)
        return 0;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (!value && strcmp(option, ignored[i]) == 0)
            return 0;
    if (!value && strcmp(option, "allow_other") == 0)
        arguments->options.allow_other = true;
    else if (!value && strcmp(option, "allow_root") == 0)
        arguments->options.allow_root = true;
    else if (!value && strcmp(option, "debug") == 0)
        arguments->debug = true;
    else
        return task_fail(task, EINVAL, "option %s: not known; see litemount --help", option);
    return 0;
}

static int set_options(struct mount_arguments *arguments, const char *text, struct task *task)
{
    _cleanup_free_ char *copy = strdup(text);
    char *rest = copy, *option;
    int r = 0;

    if (!copy)
        return -ENOMEM;
    while (r == 0 && (option = strsep(&rest, ",")))
        if (*option)
            r = set_option(arguments, option, task);
    return r;
}

/* What an argument that begins with a dash says, with one dash or two; `*ret_used` counts the arguments it
 * took. */
static int set_flag(struct mount_arguments *arguments, const char *flag, const char *next, struct task *task,
                    int *ret_used)
{
    const char *name = flag + 1 + (flag[1] == '-');
    *ret_used = 1;
    if (strcmp(name, "f") == 0)
        arguments->foreground = true;
    else if (strcmp(name, "d") == 0)
        arguments->debug = true;
    else if (strcmp(name, "h") == 0 || strcmp(name, "help") == 0)
        arguments->help = true;
    else if (strcmp(name, "no-expand-env") == 0)
        arguments->no_expand_environment = true;
    else if (strcmp(name, "o") == 0 && next && ++*ret_used)
        return set_options(arguments, next, task);
    else if (flag[1] == 'o' && flag[2])
        return set_options(arguments, name + 1, task);
    else
        return task_fail(task, EINVAL, "%s: not known, or its value is missing; see litemount --help", flag);
    return 0;
}

/* URLs stay as they are; everything else is a path. */
static int set_operand(struct mount_arguments *arguments, const char *text, struct task *task)
{
    bool is_second = arguments->source != NULL;

    if (!*text)
        return task_fail(task, EINVAL, "an argument is empty; see litemount --help");
    if (!arguments->source)
        arguments->source = strstr(text, "://") ? strdup(text) : absolute(text);
    else if (!arguments->mountpoint)
        arguments->mountpoint = absolute(text);
    else
        return task_fail(task, EINVAL, "%s: one argument too many; see litemount --help", text);
    return arguments->mountpoint || (arguments->source && !is_second) ? 0 : -ENOMEM;
}

int mount_arguments_read(int argc, char **argv, struct task *task, struct mount_arguments *ret_arguments)
{
    _cleanup_(mount_arguments_finish) struct mount_arguments arguments = {
        .cache_size = CACHE_SIZE_DEFAULT,
        .options = {.refresh = REFRESH_DEFAULT * INSTANT_SECOND, .uid = getuid(), .gid = getgid()},
    };
    int r = 0;

    for (int i = 1, used; i < argc && r == 0; i += used) {
        used = 1;
        if (argv[i][0] == '-' && argv[i][1])
            r = set_flag(&arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL, task, &used);
        else
            r = set_operand(&arguments, argv[i], task);
    }
    if (r == 0 && !arguments.help && !arguments.mountpoint)
        r = task_fail(task, EINVAL, "a source and a mount point are required; see litemount --help");
    if (r == 0 && arguments.source && !(arguments.filesystem_name = config_filesystem_name(arguments.source)))
        r = -ENOMEM;
    if (r < 0)
        return r;
    *ret_arguments = arguments;
    ret_arguments->options.mountpoint = arguments.mountpoint;
    ret_arguments->options.source = arguments.filesystem_name;
    ret_arguments->options.debug = arguments.debug;
    arguments = (struct mount_arguments){0};
    return 0;
}
