/* One database's backup: its replicas, its generations, and when they are listed again.
 *
 * Which generation an instant belongs to is decided in choose.c. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choose.h"
#include "history_parts.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "replicas.h"

/* How old a refresh may be that answers for an instant that has settled. */
#define SETTLED_AGE (600 * INSTANT_SECOND)

/* Objects may carry a time before the moment at which they can be seen: an instant that lies this long before
 * the last refresh, and before the newest object that it saw, will hardly get other objects any more. */
#define SETTLED (60 * INSTANT_SECOND)

#define MOST_TOLD 1000 /* states whose gaps the log is told of */

static void history_close_parts(struct history **history)
{
    if (*history) {
        free((*history)->replicas);
        free((*history)->name);
    }
    free(*history);
}

int history_open(const char *name, struct replica **replicas, size_t n_replicas,
                 const struct history_options *options, struct history **ret_history)
{
    _cleanup_(history_close_parts) struct history *history = calloc(1, sizeof *history);

    if (!history || !(history->name = strdup(name)) ||
        !(history->replicas = calloc(n_replicas, sizeof *history->replicas)))
        return -ENOMEM;
    if (n_replicas > 1 &&
        round_open(n_replicas, options->pool, history_ask_replica, history, &history->round) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < n_replicas; i++)
        history->replicas[i].replica = replicas[i];
    free(replicas);
    history->n_replicas = n_replicas;
    history->options = *options;
    pthread_mutex_init(&history->lock, NULL);
    refresh_gate_init(&history->gate);
    *ret_history = steal_pointer(history);
    return 0;
}

void history_close(struct history *history)
{
    if (!history)
        return;
    round_close(history->round);
    for (size_t i = 0; i < history->n_replicas; i++) {
        struct history_replica *replica = &history->replicas[i];
        generations_finish(&replica->known);
        generations_finish(&replica->listing.generations);
        generations_finish(&replica->generations);
        replica_close(replica->replica);
    }
    names_finish(&history->told);
    pthread_mutex_destroy(&history->lock);
    refresh_gate_finish(&history->gate);
    history_close_parts(&history);
}

const void *history_store(const struct history *history)
{
    return replica_store(history->replicas[0].replica);
}

const char *history_place(const struct history *history)
{
    return replica_url(history->replicas[0].replica);
}

static int history_add_all(const struct generations *generations, struct generations *all)
{
    int r = 0;
    for (size_t i = 0; i < generations->n && r == 0; i++)
        r = generations_add(all, generation_ref(generations->items[i]));
    return r;
}

int history_current(struct history *history, struct generations *ret_generations)
{
    struct generations all = {0};
    int r = 0;

    pthread_mutex_lock(&history->lock);
    for (size_t i = 0; i < history->n_replicas && r == 0; i++)
        if (history->replicas[i].answers)
            r = history_add_all(&history->replicas[i].generations, &all);
    pthread_mutex_unlock(&history->lock);
    if (r < 0)
        generations_finish(&all);
    else
        *ret_generations = all;
    return r;
}

int history_list_replica(struct history *history, size_t n, struct task *task, struct replica **ret_replica,
                         struct replica_listing *ret_listing)
{
    const struct generations none = {0};

    *ret_replica = n < history->n_replicas ? history->replicas[n].replica : NULL;
    return *ret_replica
               ? replica_listing_make(*ret_replica, &none, &history->options, true, false, task, ret_listing)
               : -ENOENT;
}

/* Lists what came since, or (`whole`) everything again, unless the last refresh is younger than `age`. */
static int history_refresh(struct history *history, int64_t age, bool whole, struct task *task)
{
    task->holder = history_store(history);
    int r = refresh_gate_begin(&history->gate, age, task);
    if (r <= 0)
        return r;
    task_set_step(task, "look at %s again", history->name);
    r = history_ask_replicas(history, whole, task);
    refresh_gate_end(&history->gate, r, task);
    return r;
}

/* The newest time of any object that was listed; INT64_MIN: none is known. */
static int64_t history_newest_time(struct history *history)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int64_t earliest, latest, newest = INT64_MIN;

    if (history_current(history, &generations) < 0)
        return INT64_MIN;
    for (size_t i = 0; i < generations.n; i++)
        if (generation_bounds(generations.items[i], &earliest, &latest) && latest > newest)
            newest = latest;
    return newest;
}

static bool history_is_settled(struct history *history, int64_t time)
{
    int64_t refreshed_at = refresh_gate_time(&history->gate), until;
    return refreshed_at && time < refreshed_at - SETTLED && !__builtin_add_overflow(time, SETTLED, &until) &&
           until < history_newest_time(history);
}

/* How old a refresh may be that answers for `time`. */
static int64_t history_age_for(struct history *history, int64_t time)
{
    return history_is_settled(history, time) ? SETTLED_AGE : history->options.refresh;
}

/* What is asked of the generations; see history_open_*. */
struct question {
    const char *generation; /* NULL: of all */
    int64_t time;
    const char *position; /* NULL: by time */
};

static int history_answer(struct history *history, const struct question *question, struct task *task,
                          struct state **ret_state)
{
    _cleanup_(generations_finish) struct generations generations = {0}, same = {0};
    int r = history_current(history, &generations);

    if (r == 0 && question->generation)
        r = generations_select(&generations, question->generation, &same);
    if (r < 0)
        return r;
    if (question->position)
        return choose_position(&same, question->position, task, ret_state);
    return choose_state(question->generation ? &same : &generations, question->time, task, ret_state);
}

/* Answers from what is known. If an object turns out to be gone, retention has been at work, or its writer
 * has only then set its time: refreshes, and answers from what there is now. */
static int history_answer_truly(struct history *history, const struct question *question, struct task *task,
                                struct state **ret_state)
{
    int r = history_answer(history, question, task, ret_state);

    for (int refreshes = 0; r == -ESTALE && refreshes < MOST_REFRESHES; refreshes++) {
        log_info("%s: %s; listing again", history->name, task_reason(task, r));
        task_forgive(task);
        if ((r = history_refresh(history, 0, true, task)) < 0)
            return r;
        r = history_answer(history, question, task, ret_state);
    }
    return r == -ESTALE ? -EIO : r;
}

/* Tells the log that a state is not the newest one, and why: once a state. */
static void history_tell_of_gap(struct history *history, const struct state *state)
{
    char time[INSTANT_TEXT_SIZE], key[GENERATION_NAME_SIZE + 64];

    if (!history->options.tells_of_gaps || !state->gap)
        return;
    snprintf(key, sizeof key, "%s %s", state_generation(state), state_position(state));
    pthread_mutex_lock(&history->lock);
    bool news = history->told.n < MOST_TOLD && !names_have(&history->told, key) &&
                names_add(&history->told, key, false) == 0;
    pthread_mutex_unlock(&history->lock);
    instant_format(state_time(state), time);
    if (news)
        log_warning("%s: what is newer than %s can't be had: %s", history->name, time, state_gap(state));
}

/* Answers from a refresh that is at most `age` old. */
static int history_ask(struct history *history, const struct question *question, int64_t age,
                       struct task *task, struct state **ret_state)
{
    int r = history_refresh(history, age, false, task);

    if (r == 0)
        r = history_answer_truly(history, question, task, ret_state);
    if (r < 0)
        return r;
    history_tell_of_gap(history, *ret_state);
    history_tell_behind(history);
    return 0;
}

int history_open_latest(struct history *history, const char *generation, struct task *task,
                        struct state **ret_state)
{
    struct question question = {.generation = generation, .time = INSTANT_MAX};
    return history_ask(history, &question, history->options.refresh, task, ret_state);
}

int history_open_at(struct history *history, const char *generation, int64_t time, struct task *task,
                    struct state **ret_state)
{
    struct question question = {.generation = generation, .time = time};
    return history_ask(history, &question, history_age_for(history, time), task, ret_state);
}

int history_open_position(struct history *history, const char *generation, const char *position,
                          struct task *task, struct state **ret_state)
{
    struct question question = {.generation = generation, .position = position};
    return history_ask(history, &question, history->options.refresh, task, ret_state);
}

int history_generations(struct history *history, bool anew, struct task *task,
                        struct generations *ret_generations)
{
    int r = history_refresh(history, anew ? 0 : history->options.refresh, anew, task);
    return r < 0 ? r : history_current(history, ret_generations);
}

/* One that can't tell hides no other. */
int history_has_point(struct history *history, int64_t time, struct task *task)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = history_refresh(history, history_age_for(history, time), false, task), failure = 0;

    if (r == 0)
        r = history_current(history, &generations);
    for (size_t i = 0; i < generations.n && r == 0; i++) {
        struct generation *generation = generations.items[i];
        r = time == INSTANT_MAX ? generation_has_points(generation)
                                : generation_begins_by(generation, time, task);
        if (r < 0 && r != -ECANCELED && r != -ENOMEM) {
            failure = failure ? failure : r;
            r = 0;
        }
    }
    if (r > 0)
        task_forgive(task);
    return r ? r : failure;
}
