#include "command.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "litemount/log.h"
#include "litemount/task.h"
#include "verbs.h"

/* The thread that waits for a signal, for as long as the work takes. */
struct watch {
    pthread_t thread;
    sigset_t signals;
    struct task *task;
    bool running;
};

static void *wait_for_signal(void *argument)
{
    struct watch *watch = argument;
    int signal_number;

    if (sigwait(&watch->signals, &signal_number) == 0)
        task_cancel(watch->task);
    return NULL;
}

/* The signals are blocked for every thread that is started from now on, so that they come to the watch. */
static void watch_begin(struct watch *watch, struct task *task)
{
    watch->task = task;
    sigemptyset(&watch->signals);
    sigaddset(&watch->signals, SIGINT);
    sigaddset(&watch->signals, SIGTERM);
    sigaddset(&watch->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &watch->signals, NULL);
    watch->running = pthread_create(&watch->thread, NULL, wait_for_signal, watch) == 0;
}

static void watch_end(struct watch *watch)
{
    if (!watch->running)
        return;
    pthread_cancel(watch->thread);
    pthread_join(watch->thread, NULL);
}

static void print_help(const struct command *command)
{
    printf("Usage: %s\n\n%s\n\n", command->usage, command->about);
    flags_print_help(command->flags, command->n_flags, stdout);
}

static int check_operands(const struct command *command, int n, char **operands, struct task *task)
{
    for (int i = 0; i < n; i++)
        if (!*operands[i])
            return task_fail(task, EINVAL, "an argument is empty; see --help");
    if (n < command->least)
        return task_fail(task, EINVAL, "a database path or replica URL is required; see --help");
    if (n > command->most)
        return task_fail(task, EINVAL, "%s: one argument too many; see --help", operands[command->most]);
    return 0;
}

int command_run(const struct command *command, int argc, char **argv)
{
    struct watch watch;
    struct task task;

    task_init(&task, NULL);
    int n = flags_read(argc, argv, command->flags, command->n_flags, &task);
    if (n >= 0 && *command->help) {
        print_help(command);
        return 0;
    }
    int r = n < 0 ? n : check_operands(command, n, argv + 1, &task);
    if (r == 0) {
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a file that may not grow: the write fails */
        watch_begin(&watch, &task);
        r = command->work(command->context, argv + 1, n, &task);
        watch_end(&watch);
    }
    if (r < 0)
        log_error("%s", r == -ECANCELED ? "interrupted" : task_reason(&task, r));
    return r == 0 ? 0 : r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}
