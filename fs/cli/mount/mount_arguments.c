#include "mount_arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"

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
    NULL,
};

#define SWITCH(...) ARGUMENT_IS_SWITCH(mount_arguments, __VA_ARGS__)
#define VALUE(kind, ...) ARGUMENT_IS(kind, mount_arguments, __VA_ARGS__)

static const struct argument option_rows[] = {
    {VALUE(ARGUMENT_SECONDS, options.refresh, "refresh", "SECONDS", "how old the newest state shown may be"),
     .fallback = "10"},
    {VALUE(ARGUMENT_TEXT, given_cache, "cache", "FOLDER",
           "where decoded pages are kept ($XDG_CACHE_HOME/litemount,\n~/.cache/litemount)"),
     .expected = "a folder"},
    {VALUE(ARGUMENT_SIZE, cache_size, "cache-size", "BYTES",
           "the most they may occupy, K, M, G and T understood"),
     .fallback = "20G"},
    {VALUE(ARGUMENT_TEXT, replica, "replica", "NAME",
           "the only one that is read, where a database has several (all)"),
     .expected = "a replica's name, or its type"},
    {VALUE(ARGUMENT_ID, options.uid, "uid", "N", "the owner of everything (who mounts)"),
     .expected = "a user's number"},
    {VALUE(ARGUMENT_ID, options.gid, "gid", "N", "its group"), .expected = "a group's number"},
    {VALUE(ARGUMENT_MODE, umask, "umask", "OCTAL",
           "modes are 0444 and 0555 without these bits (else 0400 and 0500)"),
     .expected = "octal permissions, such as 022"},
    {SWITCH(options.allow_other, "allow_other", "other users may look too; see also umask=")},
    {SWITCH(options.allow_root, "allow_root", NULL)},
    {SWITCH(debug, "debug", NULL)},
};

static const struct argument_table option_table = {ARGUMENT_ROWS(option_rows), .ignored = ignored};

static const struct argument rows[] = {
    {ARGUMENT_IS_OPERAND(mount_arguments, given_source, "SOURCE", "a source"), .required = true},
    {ARGUMENT_IS_OPERAND(mount_arguments, given_mountpoint, "MOUNTPOINT", "a mount point"), .required = true},
    {SWITCH(foreground, "f", "stay in the foreground, log to standard error")},
    {SWITCH(debug, "d", "debug: log every request, stay in the foreground")},
    {SWITCH(no_expand_environment, "no-expand-env", "leave $VARIABLES in the configuration as they are")},
    {SWITCH(help, "help", "show this"), .alias = "h", .kind = ARGUMENT_QUESTION},
    {SWITCH(version, "version", "show the version"), .kind = ARGUMENT_QUESTION},
    {.name = "o",
     .kind = ARGUMENT_LIST,
     .word = "OPTION,...",
     .help = "any of these, and the words of fstab: ro, noauto, user, _netdev, nofail, x-...",
     .list = &option_table},
};

const struct argument_table mount_argument_table = {
    .program = "litemount",
    .usage = "litemount SOURCE MOUNTPOINT [-f] [-d] [-o OPTION,...]\n"
             "       litemount COMMAND [FLAGS] [DATABASE|URL ...]",
    .about = "Mounts Litestream backups: every database, at every instant that its backup remembers, is a\n"
             "read-only SQLite file below MOUNTPOINT. Unmount with: fusermount3 -u MOUNTPOINT\n"
             "\n"
             "SOURCE is a litestream.yml, or the URL or folder of one backup or of several:\n"
             "  litemount /etc/litestream.yml /mnt/backups\n"
             "  litemount s3://bucket/path /mnt/backups",
    ARGUMENT_ROWS(rows),
};

void mount_arguments_finish(struct mount_arguments *arguments)
{
    free(arguments->source);
    free(arguments->mountpoint);
    free(arguments->filesystem_name);
    free(arguments->cache_folder);
}

/* In the background the program stands in the root folder: relative paths are made absolute before. The
 * caller frees it. 0 or -ENOMEM. */
static int mount_arguments_absolute(const char *path, char **ret_path)
{
    _cleanup_free_ char *here = path[0] == '/' ? strdup("") : getcwd(NULL, 0);

    if (!here || asprintf(ret_path, "%s%s%s", here, path[0] == '/' ? "" : "/", path) < 0) {
        *ret_path = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* Makes what the mount needs of what was given. */
static int mount_arguments_complete(struct mount_arguments *arguments)
{
    bool is_url = strstr(arguments->given_source, "://");
    int r = mount_arguments_absolute(arguments->given_mountpoint, &arguments->mountpoint);

    if (r == 0 && !is_url)
        r = mount_arguments_absolute(arguments->given_source, &arguments->source);
    else if (r == 0 && !(arguments->source = strdup(arguments->given_source)))
        r = -ENOMEM;
    if (r == 0 && arguments->given_cache)
        r = mount_arguments_absolute(arguments->given_cache, &arguments->cache_folder);
    if (r == 0 && !(arguments->filesystem_name = config_filesystem_name(arguments->source)))
        r = -ENOMEM;
    arguments->options.mountpoint = arguments->mountpoint;
    arguments->options.source = arguments->filesystem_name;
    arguments->options.debug = arguments->debug;
    arguments->options.has_umask = arguments->umask >= 0;
    arguments->options.umask = arguments->umask >= 0 ? (mode_t)arguments->umask : 0;
    return r;
}

int mount_arguments_read(int argc, char **argv, struct task *task, struct mount_arguments *ret_arguments)
{
    _cleanup_(mount_arguments_finish) struct mount_arguments arguments = {
        .options = {.uid = getuid(), .gid = getgid()}};
    int r = arguments_read(&mount_argument_table, argc, argv, &arguments, task);

    if (r == 0)
        r = mount_arguments_complete(&arguments);
    if (r < 0)
        return r;
    *ret_arguments = arguments;
    arguments = (struct mount_arguments){0};
    return r;
}
