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

static void mount_print_help(void)
{
    arguments_print_help(&mount_argument_table, stdout);
    fputs("\nWithout a mount, and without FUSE, each with --help:\n", stdout);
    for (size_t i = 0; verbs[i]; i++)
        printf("  %-24s %s\n", verbs[i]->name, verbs[i]->summary);
    fputs("See also: man litemount\n", stdout);
}

/* The signals that end a mount. Threads inherit what is blocked: those that live as long as the mount must
 * have them blocked, so that they come to whoever waits for them. */
static void mount_mask_signals(int how)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(how, &signals, NULL);
}

static void mount_let_go(void *context)
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

    if (r == 0 && !foreground && (r = background_start(&ready_fd)) < 0)
        r = task_fail(task, -r, "%s: cannot go to the background: %s; -f stays in the foreground",
                      arguments->mountpoint, strerror(-r));
    signal(SIGPIPE, SIG_IGN);
    if (r == 0)
        r = backups_configure(&options, task, &backups);
    mount_mask_signals(SIG_BLOCK);
    if (r == 0)
        r = backups_open(&options, task, &backups);
    mount_mask_signals(SIG_UNBLOCK); /* a first look may take long, and can be stopped */
    task_set_purpose(task, "begin the mount");
    if (r == 0)
        r = mount_place_check(arguments->mountpoint, backups.config, backups.cache, task);
    if (r == 0)
        r = catalog_check(backups.catalog, task);
    if (r < 0)
        return r;
    mount_mask_signals(SIG_BLOCK);
    struct mount_stats stats = {backups.stores, backups.cache};
    arguments->options.stats = mount_stats_write;
    arguments->options.stats_context = &stats;
    return mount_run(backups.catalog, &arguments->options, foreground ? NULL : mount_let_go, &ready_fd, task);
}

/* Help, or the version. */
static int mount_answer(const struct mount_arguments *arguments, struct task *task)
{
    if (arguments->version)
        printf("litemount %s\n", LITEMOUNT_VERSION);
    else
        mount_print_help();
    return command_end_output(task);
}

int mount_main(int argc, char **argv)
{
    _cleanup_(mount_arguments_finish) struct mount_arguments arguments = {0};
    struct task task;

    task_init(&task, NULL);
    int r = mount_arguments_read(argc, argv, &task, &arguments);
    if (r < 0) {
        log_error("%s", task_reason(&task, r));
        return EXIT_USAGE;
    }
    if (arguments.debug)
        log_set_level(LOG_LEVEL_DEBUG);
    r = r > 0 ? mount_answer(&arguments, &task) : mount_source(&arguments, &task);
    if (r < 0)
        log_error("%s", task_reason(&task, r));
    return r < 0 ? EXIT_FAILED : 0;
}
