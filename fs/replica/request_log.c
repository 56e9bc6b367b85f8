#include "request_log.h"

#include <inttypes.h>
#include <time.h>

#include "litemount/log.h"
#include "litemount/task.h"

int64_t request_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void request_log_write(const struct request_log *log, const char *outcome, const struct task *task)
{
    char why[TASK_STEP_SIZE + TASK_PURPOSE_SIZE];

    if (log_get_level() < LOG_LEVEL_DEBUG)
        return;
    task_describe(task, why, sizeof why);
    log_debug("%s %s/%s%s%s: %s, %" PRIu64 " bytes in %" PRId64 " ms: %s", log->method, log->store,
              log->object, *log->range ? " " : "", log->range, outcome, log->bytes,
              (request_clock() - log->start) / 1000000, *why ? why : "no reason given");
}
