#include "litemount/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "litemount/printable.h"

#define CLEAR_LINE "\r\033[K" /* on a terminal a progress bar may stand there */

static atomic_int current_level = LOG_LEVEL_INFO;
static atomic_bool to_syslog;

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load(&current_level);
}

void log_use_syslog(void)
{
    openlog("litemount", LOG_PID, LOG_DAEMON);
    atomic_store(&to_syslog, true);
}

void log_write(enum log_level level, const char *format, ...)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    static const char *const labels[] = {"error: ", "warning: ", "", "debug: "};
    char line[1024];
    va_list arguments;

    if (level > log_get_level())
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    printable_make(line);
    if (atomic_load(&to_syslog))
        syslog(priorities[level], "%s", line);
    else
        fprintf(stderr, "%slitemount: %s%s\n", isatty(STDERR_FILENO) ? CLEAR_LINE : "", labels[level], line);
}
