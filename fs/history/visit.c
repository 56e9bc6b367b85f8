/* All replicas of a history: listed at once, visited one after the other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "history_parts.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "replicas.h"
#include "survey.h"

/* All of them, being listed at once. */
struct visit_round {
    struct history *history;
    struct survey *surveys; /* of each that has answered */
};

static int visit_survey(void *context, size_t n, struct task *task)
{
    const struct visit_round *round = context;
    struct replica *replica;
    int r = history_survey(round->history, n, task, &replica, &round->surveys[n]);
    return r < 0 ? r : survey_has_points(&round->surveys[n]);
}

/* Visits one that has answered. What was listed may be gone by now: then it is listed again. */
static int visit_one(const struct visit_round *round, size_t n, visit_replica *visit, void *context,
                     struct task *task)
{
    const struct standing *standing = &round->history->standings[n];
    struct survey *survey = &round->surveys[n];
    struct replica *replica;
    int r = visit(context, standing->replica, &survey->found, task);

    for (int looks = 1; looks < MOST_LOOKS && r == -ESTALE; looks++) {
        generations_finish(&survey->found);
        task_forgive(task);
        r = history_survey(round->history, n, task, &replica, survey);
        if (r == 0)
            r = visit(context, replica, &survey->found, task);
    }
    return r == -ESTALE ? -EIO : r;
}

/* Takes the answer of each in turn. */
static int visit_answers(const struct visit_round *visits, struct round *round, visit_replica *visit,
                         void *context, struct task *task)
{
    struct history *history = visits->history;
    size_t answered = 0;
    int failure = 0;

    for (size_t i = 0; i < history->n_replicas; i++) {
        char reason[TASK_REASON_SIZE] = "it has not answered in time";
        struct task attempt;
        int r = -ETIMEDOUT;
        task_init(&attempt, task);
        round_take(round, i, &r, reason);
        if (r >= 0) {
            r = visit_one(visits, i, visit, context, &attempt);
            snprintf(reason, sizeof reason, "%s", task_reason(&attempt, r));
        }
        if (r == -ECANCELED || r == -ENOMEM)
            return r;
        answered += r == 0;
        if (r < 0 && history->n_replicas > 1)
            log_warning("%s: replica %s does not answer: %s", history->name,
                        replica_url(history->standings[i].replica), reason);
        if (r < 0 && failure == 0)
            failure = task_fail(task, -r, "%s", reason);
    }
    if (answered)
        task_forgive(task);
    return answered ? 0 : failure;
}

int history_visit_replicas(struct history *history, visit_replica *visit, void *context, struct task *task)
{
    struct visit_round visits = {history, calloc(history->n_replicas, sizeof *visits.surveys)};
    struct round *round = NULL;
    int r = visits.surveys ? round_open(history->n_replicas, visit_survey, &visits, &round) : -ENOMEM;

    for (size_t i = 0; i < history->n_replicas && r == 0; i++)
        round_start(round, i, history->name);
    if (r == 0)
        r = round_wait(round, ROUND_PATIENCE, task);
    if (r == 0)
        r = visit_answers(&visits, round, visit, context, task);
    round_close(round);
    for (size_t i = 0; visits.surveys && i < history->n_replicas; i++)
        generations_finish(&visits.surveys[i].found);
    free(visits.surveys);
    return r;
}
