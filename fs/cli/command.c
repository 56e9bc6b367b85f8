#include "command.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "output/output.h"

/* The thread that waits for a signal, for as long as the work takes. */
struct signal_watch {
    pthread_t thread;
    sigset_t signals;
    struct task *task;
    bool running;
};

static void *command_signal_watch_wait(void *argument)
{
    struct signal_watch *watch = argument;
    int signal_number;

    if (sigwait(&watch->signals, &signal_number) == 0)
        task_cancel(watch->task);
    return NULL;
}

/* The signals are blocked for every thread that is started from now on, so that they come to the watch. */
static void command_signal_watch_begin(struct signal_watch *watch, struct task *task)
{
    watch->task = task;
    sigemptyset(&watch->signals);
    sigaddset(&watch->signals, SIGINT);
    sigaddset(&watch->signals, SIGTERM);
    sigaddset(&watch->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &watch->signals, NULL);
    watch->running = pthread_create(&watch->thread, NULL, command_signal_watch_wait, watch) == 0;
}

static void command_signal_watch_end(struct signal_watch *watch)
{
    if (!watch->running)
        return;
    pthread_cancel(watch->thread);
    pthread_join(watch->thread, NULL);
}

/* Whoever read what is printed may be gone (`litemount points app.db | head`): then this ends as all tools
 * do, killed by SIGPIPE, and says nothing. It is ignored until here, for a store's connection may break too.
 */
static void command_end_unread(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    raise(SIGPIPE);
}

int command_end_output(struct task *task)
{
    int r = output_flush(stdout);

    if (r == -EPIPE)
        command_end_unread();
    return r < 0 ? task_fail(task, -r, "cannot write to standard output: %s", strerror(-r)) : 0;
}

static int command_work(const struct verb *verb, void *options, struct task *task)
{
    struct signal_watch watch;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow: the write fails */
    command_signal_watch_begin(&watch, task);
    int r = verb->run(options, task);
    command_signal_watch_end(&watch);
    return r;
}

int command_run(const struct verb *verb, int argc, char **argv)
{
    _cleanup_free_ void *options = calloc(1, verb->options_size);
    struct task task;

    task_init(&task, NULL);
    int r = options ? arguments_read(&verb->arguments, argc, argv, options, &task) : -ENOMEM;
    if (r > 0)
        arguments_print_help(&verb->arguments, stdout);
    else if (r == 0)
        r = command_work(verb, options, &task);
    int ended = command_end_output(&task);
    r = r < 0 ? r : ended;
    if (r < 0)
        log_error("%s", r == -ECANCELED ? "interrupted" : task_reason(&task, r));
    return r == 0 ? 0 : r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}
