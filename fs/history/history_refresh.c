/* Looking at all replicas of a database at once.
 *
 * Which of them was updated last shows only once each has answered. One that is silent is passed over, and
 * its answer counts as soon as it comes; what is kept of it meanwhile does not, for it may be out of date by
 * any time. But one that is only slow, and has answered before, is as good as its last answer. Source:
 * Litestream v0.3.13 db.go, CalcRestoreTarget, which fails if one of them does. */
#include <errno.h>

#include "history_parts.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/replica.h"

/* Everything is listed again this often, not only what came since: retention deletes from the front. */
#define WHOLE_INTERVAL (600 * INSTANT_SECOND)

#define MOST_PATIENCE (60 * INSTANT_SECOND) /* with one that is slow */

/* What is to be asked of the replica: 0 or -ENOMEM. */
static int standing_prepare(struct history *history, struct standing *standing, bool whole)
{
    int64_t now = instant_now();

    standing->whole = whole || standing->is_small || standing->listed_whole_at > now ||
                      now - standing->listed_whole_at >= WHOLE_INTERVAL;
    standing->survey = (struct survey){0};
    pthread_mutex_lock(&history->lock);
    int r = generations_copy(&standing->generations, &standing->known);
    pthread_mutex_unlock(&history->lock);
    return r;
}

static int standing_ask(struct history *history, struct standing *standing, struct task *task)
{
    int r = survey_make(standing->replica, &standing->known, &history->options, standing->whole, true, task,
                        &standing->survey);
    return r < 0 ? r : survey_has_points(&standing->survey);
}

int history_ask_round(void *context, size_t n, struct task *task)
{
    struct history *history = context;
    return standing_ask(history, &history->standings[n], task);
}

/* Takes over what the replica was found to hold. */
static void standing_adopt(struct history *history, struct standing *standing)
{
    pthread_mutex_lock(&history->lock);
    struct generations old = standing->generations;
    standing->generations = standing->survey.found;
    standing->survey.found = (struct generations){0};
    standing->answers = true;
    pthread_mutex_unlock(&history->lock);
    generations_finish(&old);
    standing->is_small = standing->survey.is_small;
    standing->told_silent = false;
    if (standing->whole)
        standing->listed_whole_at = standing->survey.as_of;
}

static int look_at_one(struct history *history, bool whole, struct task *task)
{
    struct standing *standing = history->standings;
    int r = standing_prepare(history, standing, whole);

    if (r == 0)
        r = standing_ask(history, standing, task);
    generations_finish(&standing->known);
    if (r >= 0)
        standing_adopt(history, standing);
    return r < 0 ? r : 0;
}

/* Takes the answer, if it has come. */
static void standing_take(struct history *history, size_t n)
{
    struct standing *standing = &history->standings[n];

    standing->has_answered = round_take(history->round, n, &standing->result, standing->reason);
    if (!standing->has_answered)
        return;
    generations_finish(&standing->known);
    if (standing->result >= 0)
        standing_adopt(history, standing);
}

/* Asks those that are not being asked still; of them the answer may have come since they were passed over. */
static int look_begin_all(struct history *history, bool whole)
{
    int r = 0;

    for (size_t i = 0; i < history->n_replicas && r == 0; i++) {
        struct standing *standing = &history->standings[i];
        standing_take(history, i);
        standing->was_late = round_is_late(history->round, i);
        if (round_age(history->round, i))
            continue;
        r = standing_prepare(history, standing, whole);
        if (r == 0)
            round_start(history->round, i, history->name);
    }
    return r;
}

/* Whether the replica is only slow: its last answer counts until it is known to be silent. */
static bool is_slow(struct history *history, size_t n)
{
    const struct standing *standing = &history->standings[n];
    return !standing->has_answered && standing->answers && standing->was_late &&
           round_age(history->round, n) < MOST_PATIENCE;
}

static bool is_useful(struct history *history, size_t n)
{
    const struct standing *standing = &history->standings[n];
    return standing->has_answered ? standing->result > 0 : is_slow(history, n) && standing->generations.n;
}

/* Another one has answered: this one's last answer does not count any more. */
static void standing_pass_over(struct history *history, struct standing *standing)
{
    pthread_mutex_lock(&history->lock);
    standing->answers = false;
    pthread_mutex_unlock(&history->lock);
    if (standing->told_silent)
        return;
    standing->told_silent = true;
    if (standing->has_answered)
        log_warning("%s: replica %s does not answer: %s", history->name, replica_url(standing->replica),
                    standing->reason);
    else
        log_warning("%s: replica %s is passed over: it has not answered within %d s", history->name,
                    replica_url(standing->replica), (int)(ROUND_PATIENCE / INSTANT_SECOND));
}

/* If none is of any use, what was known before may still be. */
static int look_end_all(struct history *history, struct task *task)
{
    size_t useful = 0;
    int failure = 0;

    for (size_t i = 0; i < history->n_replicas; i++) {
        struct standing *standing = &history->standings[i];
        standing_take(history, i);
        useful += is_useful(history, i);
        if (standing->has_answered && standing->result < 0 && failure == 0)
            failure = task_fail(task, -standing->result, "%s", standing->reason);
    }
    for (size_t i = 0; i < history->n_replicas && useful; i++)
        if (history->standings[i].has_answered ? history->standings[i].result < 0 : !is_slow(history, i))
            standing_pass_over(history, &history->standings[i]);
    if (useful)
        task_forgive(task);
    return useful ? 0 : failure;
}

int history_look_around(struct history *history, bool whole, struct task *task)
{
    if (history->n_replicas == 1)
        return look_at_one(history, whole, task);
    int r = look_begin_all(history, whole);
    if (r == 0)
        r = round_wait(history->round, ROUND_PATIENCE, task);
    return r < 0 ? r : look_end_all(history, task);
}
