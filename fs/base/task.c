#include "litemount/task.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "litemount/clock.h"
#include "litemount/log.h"
#include "litemount/printable.h"

#define PROBE_INTERVAL INT64_C(1000000000) /* nanoseconds */

void task_init(struct task *task, const struct task *parent)
{
    task->parent = parent;
    task->pool = parent ? parent->pool : NULL;
    task->holder = parent ? parent->holder : NULL;
    atomic_init(&task->cancelled, false);
    atomic_init(&task->patience, 0);
    task->probe = NULL;
    task->reason[0] = task->purpose[0] = task->step[0] = '\0';
}

void task_cancel(struct task *task)
{
    atomic_store_explicit(&task->cancelled, true, memory_order_release);
}

void task_cancel_later(struct task *task, int64_t nanoseconds)
{
    int64_t none = 0;
    atomic_compare_exchange_strong(&task->patience, &none, clock_now() + nanoseconds);
}

void task_set_probe(struct task *task, struct task_probe *probe)
{
    atomic_init(&probe->next, clock_now() + PROBE_INTERVAL);
    task->probe = probe;
}

/* Of several threads that come at once one asks. */
static void task_ask(struct task_probe *probe)
{
    int64_t now = clock_now(), next = atomic_load_explicit(&probe->next, memory_order_relaxed);
    if (now >= next && atomic_compare_exchange_strong(&probe->next, &next, now + PROBE_INTERVAL))
        probe->ask(probe->context);
}

bool task_cancelled(const struct task *task)
{
    for (; task; task = task->parent) {
        if (task->probe)
            task_ask(task->probe);
        int64_t patience = atomic_load_explicit(&task->patience, memory_order_acquire);
        if (atomic_load_explicit(&task->cancelled, memory_order_acquire) ||
            (patience && clock_now() >= patience))
            return true;
    }
    return false;
}

void task_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 50 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &until);
}

int task_fail(struct task *task, int code, const char *format, ...)
{
    if (task && !task->reason[0]) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(task->reason, sizeof task->reason, format, arguments);
        va_end(arguments);
        printable_make(task->reason);
    }
    return -code;
}

void task_set_purpose(struct task *task, const char *format, ...)
{
    va_list arguments;
    if (log_get_level() < LOG_LEVEL_DEBUG)
        return;
    va_start(arguments, format);
    vsnprintf(task->purpose, sizeof task->purpose, format, arguments);
    va_end(arguments);
}

void task_set_step(struct task *task, const char *format, ...)
{
    va_list arguments;
    if (log_get_level() < LOG_LEVEL_DEBUG)
        return;
    va_start(arguments, format);
    vsnprintf(task->step, sizeof task->step, format, arguments);
    va_end(arguments);
}

void task_describe(const struct task *task, char *text, size_t size)
{
    const struct task *step = task, *purpose = task;

    while (step && !step->step[0])
        step = step->parent;
    while (purpose && !purpose->purpose[0])
        purpose = purpose->parent;
    snprintf(text, size, "%s%s%s", step ? step->step : "", step && purpose ? ", to " : "",
             purpose ? purpose->purpose : "");
}

void task_forgive(struct task *task)
{
    task->reason[0] = '\0';
}

const char *task_reason(const struct task *task, int code)
{
    return task && task->reason[0] ? task->reason : strerror(abs(code));
}
