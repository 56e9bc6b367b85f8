/* One database's backup: its replicas, its generations, and when to look again what there is.
 *
 * Which generation an instant belongs to is decided in choose.c. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choose.h"
#include "discover.h"
#include "history_parts.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "look.h"
#include "replicas.h"
#include "survey.h"

/* Everything is listed again this often, not only what came since: retention deletes from the front. */
#define WHOLE_INTERVAL (600 * INSTANT_SECOND)

/* Objects may carry a time before the moment at which they can be seen: an instant that lies this long before
 * the last look, and before the newest object that it saw, will hardly get other objects any more. */
#define SETTLED (60 * INSTANT_SECOND)

#define MOST_TOLD 1000 /* states whose gaps the log is told of */

int history_open(const char *name, struct replica **replicas, size_t n_replicas,
                 const struct history_options *options, struct history **ret_history)
{
    _cleanup_free_ struct history *history = calloc(1, sizeof *history);

    if (!history || !(history->name = strdup(name)))
        return -ENOMEM;
    history->replicas = replicas;
    history->n_replicas = n_replicas;
    history->options = *options;
    pthread_mutex_init(&history->lock, NULL);
    look_init(&history->look);
    *ret_history = steal_pointer(history);
    return 0;
}

void history_close(struct history *history)
{
    if (!history)
        return;
    generations_finish(&history->generations);
    names_finish(&history->told);
    for (size_t i = 0; i < history->n_replicas; i++)
        replica_close(history->replicas[i]);
    free(history->replicas);
    pthread_mutex_destroy(&history->lock);
    look_finish(&history->look);
    free(history->name);
    free(history);
}

const char *history_place(const struct history *history)
{
    return replica_url(history->replicas[0]);
}

int history_explain_nothing(struct history *history, struct task *task)
{
    _cleanup_(names_finish) struct names generations = {0};
    char list[TASK_REASON_SIZE / 2];
    int r = history_list_generations(history, task, &generations);

    if (r < 0)
        return r;
    if (generations.n == 0)
        return discover_nothing(history->replicas[0], task);
    names_join(&generations, list, sizeof list);
    return task_fail(task, ENODATA, "no usable snapshot at %s; its generations are: %s",
                     history_place(history), list);
}

/* The generations as last listed, a reference each, for the caller to finish. */
static int current(struct history *history, struct generations *ret_generations)
{
    pthread_mutex_lock(&history->lock);
    int r = generations_copy(&history->generations, ret_generations);
    pthread_mutex_unlock(&history->lock);
    return r;
}

/* Lists the replica with number `n`. */
static int survey_replica(struct history *history, size_t n, bool whole, struct task *task,
                          struct survey *survey)
{
    _cleanup_(generations_finish) struct generations known = {0};
    int r = n == history->active ? current(history, &known) : 0;
    return r < 0 ? r
                 : survey_make(history->replicas[n], &known, &history->options, whole, true, task, survey);
}

int history_survey(struct history *history, size_t n, struct task *task, struct replica **ret_replica,
                   struct survey *ret_survey)
{
    const struct generations none = {0};

    *ret_replica = n < history->n_replicas ? history->replicas[n] : NULL;
    return *ret_replica ? survey_make(*ret_replica, &none, &history->options, true, false, task, ret_survey)
                        : -ENOENT;
}

/* Makes a replica that was surveyed the active one. */
static void activate(struct history *history, size_t n, struct survey *survey)
{
    pthread_mutex_lock(&history->lock);
    struct generations old = history->generations;
    history->generations = survey->found;
    pthread_mutex_unlock(&history->lock);
    history->active = n;
    history->is_small = survey->is_small;
    history->as_of = survey->as_of;
    survey->found = old;
}

/* Looks at the replicas in turn, the one that answered last time first: the first one that holds a backup is
 * it. One that holds none is an answer only if no other failed to give one. */
static int look_around(struct history *history, bool whole, struct task *task)
{
    size_t first = history->active;
    int result = 0;

    for (size_t i = 0; i < history->n_replicas; i++) {
        size_t n = (first + i) % history->n_replicas;
        struct survey survey = {0};
        struct task attempt;
        task_init(&attempt, task);
        int r = survey_replica(history, n, whole, &attempt, &survey);
        bool good = r == 0 && survey_has_points(&survey);
        if (good || (r == 0 && n == first))
            activate(history, n, &survey);
        generations_finish(&survey.found);
        if (r == -ECANCELED)
            return r;
        if (good) {
            task_forgive(task);
            return 0;
        }
        if (r < 0 && result == 0)
            result = task_fail(task, -r, "%s", task_reason(&attempt, r));
        if (r < 0 && history->n_replicas > 1)
            log_warning("%s: replica %s does not answer: %s", history->name,
                        replica_url(history->replicas[n]), task_reason(&attempt, r));
    }
    return result;
}

/* Looks again unless the last look is younger than `age`; `whole`: at everything, not only at what came
 * since. */
static int refresh(struct history *history, int64_t age, bool whole, struct task *task)
{
    int r = look_begin(&history->look, age, task);
    if (r <= 0)
        return r;
    task_set_step(task, "look at %s again", history->name);
    int64_t now = instant_now();
    whole = whole || history->is_small || history->listed_whole_at > now ||
            now - history->listed_whole_at >= WHOLE_INTERVAL;
    history->as_of = now;
    r = look_around(history, whole, task);
    if (r == 0 && whole)
        history->listed_whole_at = history->as_of;
    look_end(&history->look, r, task);
    return r;
}

/* The newest time of any object that was listed; INT64_MIN: none is known. */
static int64_t newest_time(struct history *history)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int64_t earliest, latest, newest = INT64_MIN;

    if (current(history, &generations) < 0)
        return INT64_MIN;
    for (size_t i = 0; i < generations.n; i++)
        if (generations.items[i]->ops->bounds(generations.items[i], &earliest, &latest) && latest > newest)
            newest = latest;
    return newest;
}

static bool is_settled(struct history *history, int64_t time)
{
    int64_t looked_at = look_time(&history->look), until;
    return looked_at && time < looked_at - SETTLED && !__builtin_add_overflow(time, SETTLED, &until) &&
           until < newest_time(history);
}

/* How old a look may be that answers for `time`. */
static int64_t age_for(struct history *history, int64_t time)
{
    return is_settled(history, time) ? WHOLE_INTERVAL : history->options.refresh;
}

/* What is asked of the generations; see history_open_*. */
struct question {
    const char *generation; /* NULL: of all */
    int64_t time;
    const char *position; /* NULL: by time */
};

static int answer(struct history *history, const struct question *question, struct task *task,
                  struct state **ret_state)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = current(history, &generations);

    if (r < 0)
        return r;
    if (!question->generation)
        return choose_state(&generations, question->time, task, ret_state);
    struct generation *generation = generations_find(&generations, question->generation);
    if (!generation)
        return -ENOENT;
    if (question->position)
        return generation->ops->open_position(generation, question->position, task, ret_state);
    return generation->ops->open_at(generation, question->time, task, ret_state);
}

/* The active replica holds objects, but nothing of it can be read: makes another one active that can be. */
static int look_elsewhere(struct history *history, struct task *task)
{
    const struct question latest = {.time = INSTANT_MAX};
    int r = look_begin(&history->look, 0, task);

    if (r <= 0)
        return r;
    r = -ENOENT;
    for (size_t i = 1; i < history->n_replicas && r == -ENOENT; i++) {
        size_t n = (history->active + i) % history->n_replicas;
        _cleanup_(unref_state) struct state *state = NULL;
        struct survey survey = {0};
        struct task attempt;
        task_init(&attempt, task);
        if (survey_replica(history, n, true, &attempt, &survey) == 0 &&
            choose_state(&survey.found, latest.time, &attempt, &state) == 0) {
            log_warning("%s: nothing in replica %s can be read; using %s", history->name,
                        replica_url(history->replicas[history->active]), replica_url(history->replicas[n]));
            activate(history, n, &survey);
            r = 0;
        }
        generations_finish(&survey.found);
    }
    look_end(&history->look, r == -ENOENT ? 0 : r, task);
    return r;
}

/* Whether another replica is worth a look: this one has not even a latest state. */
static bool is_useless(struct history *history, struct task *task)
{
    const struct question latest = {.time = INSTANT_MAX};
    _cleanup_(unref_state) struct state *state = NULL;
    struct task attempt;

    task_init(&attempt, task);
    int r = answer(history, &latest, &attempt, &state);
    return r < 0 && r != -ECANCELED && r != -ENOMEM;
}

/* Answers from what is known. If an object turns out to be gone, retention has been at work, or its writer
 * has only then set its time: looks again, and answers from what there is now. */
static int answer_truly(struct history *history, const struct question *question, struct task *task,
                        struct state **ret_state)
{
    int r = answer(history, question, task, ret_state);

    for (int looks = 0; r == -ESTALE && looks < MOST_LOOKS; looks++) {
        log_info("%s: %s; listing again", history->name, task_reason(task, r));
        task_forgive(task);
        if ((r = refresh(history, 0, true, task)) < 0)
            return r;
        r = answer(history, question, task, ret_state);
    }
    return r == -ESTALE ? -EIO : r;
}

/* Tells the log that a state is not the newest one, and why: once a state. */
static void tell_of_gap(struct history *history, const struct state *state)
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

/* Answers from a look that is at most `age` old, from another replica if the active one is of no use. */
static int find(struct history *history, const struct question *question, int64_t age, struct task *task,
                struct state **ret_state)
{
    int r = refresh(history, age, false, task);
    if (r < 0)
        return r;
    r = answer_truly(history, question, task, ret_state);
    if (r == 0 || r == -ECANCELED || history->n_replicas == 1 || question->generation ||
        !is_useless(history, task))
        return r;
    if (look_elsewhere(history, task) < 0)
        return r;
    task_forgive(task);
    return answer_truly(history, question, task, ret_state);
}

static int ask(struct history *history, const struct question *question, int64_t age, struct task *task,
               struct state **ret_state)
{
    int r = find(history, question, age, task, ret_state);
    if (r == 0)
        tell_of_gap(history, *ret_state);
    return r;
}

int history_open_latest(struct history *history, const char *generation, struct task *task,
                        struct state **ret_state)
{
    struct question question = {.generation = generation, .time = INSTANT_MAX};
    return ask(history, &question, history->options.refresh, task, ret_state);
}

int history_open_at(struct history *history, const char *generation, int64_t time, struct task *task,
                    struct state **ret_state)
{
    struct question question = {.generation = generation, .time = time};
    return ask(history, &question, age_for(history, time), task, ret_state);
}

int history_open_position(struct history *history, const char *generation, const char *position,
                          struct task *task, struct state **ret_state)
{
    struct question question = {.generation = generation, .position = position};
    return ask(history, &question, history->options.refresh, task, ret_state);
}

int history_generations(struct history *history, bool anew, struct task *task,
                        struct generations *ret_generations)
{
    int r = refresh(history, anew ? 0 : history->options.refresh, anew, task);
    return r < 0 ? r : current(history, ret_generations);
}

int history_has_point(struct history *history, int64_t time, struct task *task)
{
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = refresh(history, age_for(history, time), false, task);

    if (r == 0)
        r = current(history, &generations);
    for (size_t i = 0; i < generations.n && r == 0; i++) {
        struct generation *generation = generations.items[i];
        r = time == INSTANT_MAX ? generation->ops->has_points(generation)
                                : generation->ops->begins_by(generation, time, task);
    }
    return r;
}
