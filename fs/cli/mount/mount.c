/* litemount SOURCE MOUNTPOINT: everything that the mount needs is made here, and everything hangs off this
 * function. */
#include "litemount/mount.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "background.h"
#include "backups.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "mount_arguments.h"
#include "mount_place.h"
#include "mount_stats.h"
#include "verbs.h"

static const char help[] =
    "Usage: litemount SOURCE MOUNTPOINT [-f] [-d] [-o OPTION,...]\n"
    "       litemount COMMAND [FLAGS] [DATABASE|URL ...]\n"
    "\n"
    "Mounts Litestream backups: every database, at every instant that its backup remembers, is a\n"
    "read-only SQLite file below MOUNTPOINT. Unmount with: fusermount3 -u MOUNTPOINT\n"
    "\n"
    "SOURCE is a litestream.yml, or the URL or folder of one backup or of several:\n"
    "  litemount /etc/litestream.yml /mnt/backups\n"
    "  litemount s3://bucket/path /mnt/backups\n"
    "\n"
    "  -f                 stay in the foreground, log to standard error\n"
    "  -d                 debug: log every request, stay in the foreground\n"
    "  -no-expand-env     leave $VARIABLES in the configuration as they are\n"
    "  -h, -help          show this\n"
    "  -version           show the version\n"
    "  -o OPTION,...      any of these:\n"
    "    refresh=SECONDS  how old the newest state shown may be (10)\n"
    "    cache=FOLDER     where decoded pages are kept ($XDG_CACHE_HOME/litemount, ~/.cache/litemount)\n"
    "    cache-size=BYTES the most they may occupy, K, M, G and T understood (20G)\n"
    "    replica=NAME     the only one that is read, where a database has several (all)\n"
    "    uid=N gid=N      the owner of everything (who mounts)\n"
    "    umask=OCTAL      modes are 0444 and 0555 without these bits (else 0400 and 0500)\n"
    "    allow_other      other users may look too; see also umask=\n"
    "and the words of fstab: ro, noauto, user, _netdev, nofail, x-...\n"
    "\n"
    "Without a mount, and without FUSE, each with --help:\n"
    "  databases, generations, snapshots, wal, ltx, points    list what there is\n"
    "  restore            write databases to files, as of any instant\n"
    "  verify             test backups\n"
    "See also: man litemount\n";

/* The signals that end a mount. Threads inherit what is blocked: those that live as long as the mount must
 * have them blocked, so that they come to whoever waits for them. */
static void mask_signals(int how)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(how, &signals, NULL);
}

static void let_go(void *context)
{
    background_ready(*(int *)context);
}

static int mount_source(struct mount_arguments *arguments, struct task *task)
{
    const struct backups_options options = {
        .source = arguments->source,
        .replica = arguments->replica,
        .no_expand_environment = arguments->no_expand_environment,
        .refresh = arguments->options.refresh,
        .cache_folder = arguments->cache_folder,
        .cache_size = arguments->cache_size,
        .tells_of_gaps = true,
    };
    _cleanup_(backups_finish) struct backups backups = {0};
    bool foreground = arguments->foreground || arguments->debug;
    int ready_fd = -1, r = mount_check_point(arguments->mountpoint, task);

    if (r == 0 && !foreground)
        r = background_start(&ready_fd);
    signal(SIGPIPE, SIG_IGN);
    if (r == 0)
        r = backups_configure(&options, task, &backups);
    mask_signals(SIG_BLOCK);
    if (r == 0)
        r = backups_open(&options, task, &backups);
    mask_signals(SIG_UNBLOCK); /* a first look may take long, and can be stopped */
    task_set_purpose(task, "begin the mount");
    if (r == 0)
        r = mount_place_check(arguments->mountpoint, backups.config, backups.cache, task);
    if (r == 0)
        r = catalog_check(backups.catalog, task);
    if (r < 0)
        return r;
    mask_signals(SIG_BLOCK);
    struct mount_stats stats = {backups.stores, backups.cache};
    arguments->options.stats = mount_stats_write;
    arguments->options.stats_context = &stats;
    return mount_run(backups.catalog, &arguments->options, foreground ? NULL : let_go, &ready_fd, task);
}

int verb_mount(int argc, char **argv)
{
    _cleanup_(mount_arguments_finish) struct mount_arguments arguments = {0};
    struct task task;

    task_init(&task, NULL);
    int r = mount_arguments_read(argc, argv, &task, &arguments);
    if (r < 0) {
        log_error("%s", task_reason(&task, r));
        return EXIT_USAGE;
    }
    if (arguments.help) {
        fputs(help, stdout);
        return 0;
    }
    if (arguments.debug)
        log_set_level(LOG_LEVEL_DEBUG);
    r = mount_source(&arguments, &task);
    if (r < 0)
        log_error("%s", task_reason(&task, r));
    return r < 0 ? EXIT_FAILED : 0;
}
