/* litemount SOURCE MOUNTPOINT: everything that the mount needs is made here, and everything hangs off this
 * function. */
#include "litemount/mount.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "background.h"
#include "litemount/cache.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "litemount/thread_pool.h"
#include "litemount/workspaces.h"
#include "mount_arguments.h"
#include "mount_stats.h"
#include "verbs.h"

static const char help[] =
    "Usage: litemount SOURCE MOUNTPOINT [-f] [-d] [-o OPTION,...]\n"
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
    "  --help, --version\n"
    "\n"
    "Options (-o):\n"
    "  refresh=SECONDS    how old the newest state shown may be (10)\n"
    "  cache=FOLDER       where decoded pages are kept ($XDG_CACHE_HOME/litemount, ~/.cache/litemount)\n"
    "  cache-size=BYTES   the most they may occupy, K, M, G and T understood (20G)\n"
    "  uid=N gid=N        the owner of everything (who mounts)\n"
    "  umask=OCTAL        modes are 0444 and 0555 without these bits (else 0400 and 0500)\n"
    "  allow_other        other users may look too; see also umask=\n"
    "and the words of fstab: ro, noauto, user, _netdev, nofail, x-...\n";

#define READERS 6  /* threads that read ahead: as many large requests are under way */
#define DECODERS 3 /* at once: enough for the bandwidth, and little enough for the memory */
#define BLOCKS 4   /* of snapshots in memory at once: the same */

/* What a mount is made of, in the order in which it is made. */
struct parts {
    struct config *config;
    struct stores *stores;
    struct cache *cache;
    struct slots decoders;
    struct workspaces blocks;
    struct thread_pool *readers;
    struct catalog *catalog;
};

static void parts_finish(struct parts *parts)
{
    thread_pool_close(parts->readers);
    catalog_close(parts->catalog);
    slots_finish(&parts->decoders);
    workspaces_finish(&parts->blocks);
    cache_close(parts->cache);
    stores_close(parts->stores);
    config_close(parts->config);
}

static int make_parts(const struct mount_arguments *arguments, struct task *task, struct parts *parts)
{
    const struct config_options config_options = {.no_expand_environment = arguments->no_expand_environment};
    const struct stores_options stores_options = {0};
    struct history_options history_options = {
        .refresh = arguments->options.refresh, .decoders = &parts->decoders, .blocks = &parts->blocks};

    slots_init(&parts->decoders, DECODERS);
    workspaces_init(&parts->blocks, BLOCKS, HISTORY_BLOCK);
    int r = config_load(arguments->source, &config_options, task, &parts->config);

    if (r == 0)
        r = stores_open(&stores_options, task, &parts->stores);
    if (r == 0)
        r = cache_open(arguments->cache_folder, arguments->cache_size, task, &parts->cache);
    if (r == 0)
        r = thread_pool_open(READERS, 2 * READERS, &parts->readers);
    if (r < 0)
        return r;
    history_options.cache = parts->cache;
    history_options.readers = parts->readers;
    return catalog_open(parts->config, parts->stores, &history_options, task, &parts->catalog);
}

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

/* Many threads that seldom do much: few heaps between them, and large buffers go back at once. */
static void spare_memory(void)
{
    mallopt(M_ARENA_MAX, 4);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
}

static void let_go(void *context)
{
    background_ready(*(int *)context);
}

static int mount_source(struct mount_arguments *arguments, struct task *task)
{
    _cleanup_(parts_finish) struct parts parts = {0};
    bool foreground = arguments->foreground || arguments->debug;
    int ready_fd = -1, r = mount_check_point(arguments->mountpoint, task);

    if (r == 0 && !foreground)
        r = background_start(&ready_fd);
    spare_memory();
    signal(SIGPIPE, SIG_IGN);
    mask_signals(SIG_BLOCK);
    if (r == 0)
        r = make_parts(arguments, task, &parts);
    mask_signals(SIG_UNBLOCK); /* a first look may take long, and can be stopped */
    task_set_purpose(task, "begin the mount");
    if (r == 0)
        r = catalog_check(parts.catalog, task);
    if (r < 0)
        return r;
    mask_signals(SIG_BLOCK);
    struct mount_stats stats = {parts.stores, parts.cache};
    arguments->options.stats = mount_stats_write;
    arguments->options.stats_context = &stats;
    return mount_run(parts.catalog, &arguments->options, foreground ? NULL : let_go, &ready_fd, task);
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
