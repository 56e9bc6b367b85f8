/* Asking all replicas of a database at once what they hold.
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
static int history_replica_prepare(struct history *history, struct history_replica *replica, bool whole)
{
    int64_t now = instant_now();

    replica->whole = whole || replica->is_small || replica->listed_whole_at > now ||
                     now - replica->listed_whole_at >= WHOLE_INTERVAL;
    replica->listing = (struct replica_listing){0};
    pthread_mutex_lock(&history->lock);
    int r = generations_copy(&replica->generations, &replica->known);
    pthread_mutex_unlock(&history->lock);
    return r;
}

static int history_replica_ask(struct history *history, struct history_replica *replica, struct task *task)
{
    int r = replica_listing_make(replica->replica, &replica->known, &history->options, replica->whole, true,
                                 task, &replica->listing);
    return r < 0 ? r : replica_listing_has_points(&replica->listing);
}

int history_ask_replica(void *context, size_t n, struct task *task)
{
    struct history *history = context;
    return history_replica_ask(history, &history->replicas[n], task);
}

/* Takes over what the replica was found to hold. */
static void history_replica_adopt(struct history *history, struct history_replica *replica)
{
    pthread_mutex_lock(&history->lock);
    struct generations old = replica->generations;
    replica->generations = replica->listing.generations;
    replica->listing.generations = (struct generations){0};
    replica->answers = true;
    pthread_mutex_unlock(&history->lock);
    generations_finish(&old);
    replica->is_small = replica->listing.is_small;
    replica->told_silent = false;
    if (replica->whole)
        replica->listed_whole_at = replica->listing.as_of;
}

static int history_ask_one(struct history *history, bool whole, struct task *task)
{
    struct history_replica *replica = history->replicas;
    int r = history_replica_prepare(history, replica, whole);

    if (r == 0)
        r = history_replica_ask(history, replica, task);
    generations_finish(&replica->known);
    if (r >= 0)
        history_replica_adopt(history, replica);
    return r < 0 ? r : 0;
}

/* Takes the answer, if it has come. */
static void history_replica_take(struct history *history, size_t n)
{
    struct history_replica *replica = &history->replicas[n];

    replica->has_answered = round_take(history->round, n, &replica->result, replica->reason);
    if (!replica->has_answered)
        return;
    generations_finish(&replica->known);
    if (replica->result >= 0)
        history_replica_adopt(history, replica);
}

/* Asks those that are not being asked still; of them the answer may have come since they were passed over. */
static int history_begin_all(struct history *history, bool whole)
{
    int r = 0;

    for (size_t i = 0; i < history->n_replicas && r == 0; i++) {
        struct history_replica *replica = &history->replicas[i];
        history_replica_take(history, i);
        replica->was_late = round_is_late(history->round, i);
        if (round_age(history->round, i))
            continue;
        r = history_replica_prepare(history, replica, whole);
        if (r == 0)
            round_start(history->round, i, replica_store(replica->replica), history->name);
    }
    return r;
}

/* Whether the replica is only slow: its last answer counts until it is known to be silent. */
static bool history_is_slow(struct history *history, size_t n)
{
    const struct history_replica *replica = &history->replicas[n];
    return !replica->has_answered && replica->answers && replica->was_late &&
           round_age(history->round, n) < MOST_PATIENCE;
}

static bool history_is_useful(struct history *history, size_t n)
{
    const struct history_replica *replica = &history->replicas[n];
    return replica->has_answered ? replica->result > 0
                                 : history_is_slow(history, n) && replica->generations.n;
}

/* Another one has answered: this one's last answer does not count any more. */
static void history_replica_pass_over(struct history *history, struct history_replica *replica)
{
    pthread_mutex_lock(&history->lock);
    replica->answers = false;
    pthread_mutex_unlock(&history->lock);
    if (replica->told_silent)
        return;
    replica->told_silent = true;
    if (replica->has_answered)
        log_warning("%s: replica %s does not answer: %s", history->name, replica_url(replica->replica),
                    replica->reason);
    else
        log_warning("%s: replica %s is passed over: it has not answered within %d s", history->name,
                    replica_url(replica->replica), (int)(ROUND_PATIENCE / INSTANT_SECOND));
}

/* If none is of any use, what was known before may still be. */
static int history_end_all(struct history *history, struct task *task)
{
    size_t useful = 0;
    int failure = 0;

    for (size_t i = 0; i < history->n_replicas; i++) {
        struct history_replica *replica = &history->replicas[i];
        history_replica_take(history, i);
        useful += history_is_useful(history, i);
        if (replica->has_answered && replica->result < 0 && failure == 0)
            failure = task_fail(task, -replica->result, "%s", replica->reason);
    }
    for (size_t i = 0; i < history->n_replicas && useful; i++)
        if (history->replicas[i].has_answered ? history->replicas[i].result < 0
                                              : !history_is_slow(history, i))
            history_replica_pass_over(history, &history->replicas[i]);
    if (useful)
        task_forgive(task);
    return useful ? 0 : failure;
}

int history_ask_replicas(struct history *history, bool whole, struct task *task)
{
    if (history->n_replicas == 1)
        return history_ask_one(history, whole, task);
    int r = history_begin_all(history, whole);
    if (r == 0)
        r = round_wait(history->round, ROUND_PATIENCE, task);
    return r < 0 ? r : history_end_all(history, task);
}
