/* All replicas of a history, one after the other. */
#include <errno.h>

#include "history_parts.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "replicas.h"
#include "survey.h"

static int visit_one(struct history *history, size_t n, visit_replica *visit, void *context,
                     struct task *task)
{
    struct replica *replica;
    int r = -ESTALE;

    for (int looks = 0; looks < MOST_LOOKS && r == -ESTALE; looks++) {
        struct survey survey = {0};
        task_forgive(task);
        r = history_survey(history, n, task, &replica, &survey);
        if (r == 0)
            r = visit(context, replica, &survey.found, task);
        generations_finish(&survey.found);
    }
    return r == -ESTALE ? -EIO : r;
}

int history_visit_replicas(struct history *history, visit_replica *visit, void *context, struct task *task)
{
    size_t answered = 0;
    int result = 0;

    for (size_t i = 0; i < history->n_replicas; i++) {
        struct task attempt;
        task_init(&attempt, task);
        int r = visit_one(history, i, visit, context, &attempt);
        if (r == -ECANCELED || r == -ENOMEM)
            return r;
        answered += r == 0;
        if (r < 0 && history->n_replicas > 1)
            log_warning("%s: replica %s does not answer: %s", history->name,
                        replica_url(history->replicas[i]), task_reason(&attempt, r));
        if (r < 0 && result == 0)
            result = task_fail(task, -r, "%s", task_reason(&attempt, r));
    }
    if (answered)
        task_forgive(task);
    return answered ? 0 : result;
}
