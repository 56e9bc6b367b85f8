#include "request_log.h"

#include <inttypes.h>

#include "litemount/clock.h"
#include "litemount/log.h"
#include "litemount/task.h"

void request_log_write(const struct request_log *log, const char *outcome, const struct task *task)
{
    char why[TASK_STEP_SIZE + TASK_PURPOSE_SIZE];

    if (log_get_level() < LOG_LEVEL_DEBUG)
        return;
    task_describe(task, why, sizeof why);
    log_debug("%s %s/%s%s%s: %s, %" PRIu64 " bytes in %" PRId64 " ms: %s", log->method, log->store,
              log->object, *log->range ? " " : "", log->range, outcome, log->bytes,
              (clock_now() - log->start) / 1000000, *why ? why : "no reason given");
}
