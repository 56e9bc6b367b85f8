/* All replicas of a history: listed at once, visited one after the other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "history_parts.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "replicas.h"

/* All of them, being listed at once. */
struct visit_round {
    struct history *history;
    struct replica_listing *listings; /* of each that has answered */
};

static int visit_listing(void *context, size_t n, struct task *task)
{
    const struct visit_round *round = context;
    struct replica *replica;
    int r = history_list_replica(round->history, n, task, &replica, &round->listings[n]);
    return r < 0 ? r : replica_listing_has_points(&round->listings[n]);
}

/* Visits one that has answered. What was listed may be gone by now: then it is listed again. */
static int visit_one(const struct visit_round *round, size_t n, visit_replica *visit, void *context,
                     struct task *task)
{
    struct replica_listing *listing = &round->listings[n];
    struct replica *replica = round->history->replicas[n].replica;
    int r = visit(context, replica, &listing->generations, task);

    for (int listings = 1; listings < MOST_REFRESHES && r == -ESTALE; listings++) {
        generations_finish(&listing->generations);
        task_forgive(task);
        r = history_list_replica(round->history, n, task, &replica, listing);
        if (r == 0)
            r = visit(context, replica, &listing->generations, task);
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
                        replica_url(history->replicas[i].replica), reason);
        if (r < 0 && failure == 0)
            failure = task_fail(task, -r, "%s", reason);
    }
    if (answered)
        task_forgive(task);
    return answered ? 0 : failure;
}

int history_visit_replicas(struct history *history, visit_replica *visit, void *context, struct task *task)
{
    struct visit_round visits = {history, calloc(history->n_replicas, sizeof *visits.listings)};
    struct round *round = NULL;
    int r = visits.listings
                ? round_open(history->n_replicas, history->options.pool, visit_listing, &visits, &round)
                : -ENOMEM;

    for (size_t i = 0; i < history->n_replicas && r == 0; i++)
        round_start(round, i, replica_store(history->replicas[i].replica), history->name);
    if (r == 0)
        r = round_wait(round, ROUND_PATIENCE, task);
    if (r == 0)
        r = visit_answers(&visits, round, visit, context, task);
    round_close(round);
    for (size_t i = 0; visits.listings && i < history->n_replicas; i++)
        generations_finish(&visits.listings[i].generations);
    free(visits.listings);
    return r;
}
