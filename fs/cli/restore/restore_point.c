#include <errno.h>
#include <string.h>

#include "integrity/integrity.h"
#include "litemount/cleanup.h"
#include "litemount/history.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "restore.h"
#include "target.h"

static int point_open(struct history *history, const struct restore_options *options, struct task *task,
                      struct state **ret_state)
{
    if (*options->position)
        return history_open_position(history, options->generation, options->position, task, ret_state);
    if (options->time == INSTANT_MAX)
        return history_open_latest(history, options->generation, task, ret_state);
    return history_open_at(history, options->generation, options->time, task, ret_state);
}

/* There is no state at all, or none of that generation. */
static int point_explain_nothing(struct history *history, const struct restore_options *options,
                                 struct task *task)
{
    int r = options->generation ? target_check_generation(history, options->generation, task) : 0;
    return r < 0 ? r : history_explain_nothing(history, task);
}

static int point_explain_time(struct history *history, const struct restore_options *options,
                              struct task *task)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    char asked[INSTANT_TEXT_SIZE], first[INSTANT_TEXT_SIZE];
    int r = history_list_landmarks(history, options->generation, task, &landmarks);

    if (r < 0 && r != -ENOENT)
        return r;
    if (landmarks.n == 0 || options->time == INSTANT_MAX || landmarks.times[0] <= options->time)
        return point_explain_nothing(history, options, task);
    instant_format(options->time, asked);
    instant_format(landmarks.times[0], first);
    return task_fail(task, ENODATA, "no restore point as early as %s; the first is %s", asked, first);
}

static int point_explain_position(struct history *history, const struct restore_options *options,
                                  struct task *task)
{
    _cleanup_(names_finish) struct names positions = {0};
    int r = history_list_positions(history, options->generation, NULL, task, &positions);

    if (r < 0 && r != -ENOENT)
        return r;
    if (positions.n == 0)
        return point_explain_nothing(history, options, task);
    return task_fail(task, ENODATA, "%s %s can't be reached in generation %s, which has %s to %s",
                     options->txid ? "TXID" : "the end of WAL",
                     options->txid ? options->txid : options->index, options->generation,
                     positions.items[0].text, positions.items[positions.n - 1].text);
}

/* Whether asking by the state's own time gives it again: another generation may span that. */
static bool point_is_had_by_time(struct history *history, const struct restore_options *options,
                                 const struct state *state, struct task *task)
{
    _cleanup_(unref_state) struct state *again = NULL;
    struct task attempt;
    task_init(&attempt, task);
    return history_open_at(history, options->generation, state_time(state), &attempt, &again) == 0 &&
           strcmp(state_generation(again), state_generation(state)) == 0 &&
           strcmp(state_position(again), state_position(state)) == 0;
}

/* Something newer than the state, which was asked for too, can't be had: nothing is put in place unless
 * somebody asks for just that. */
static int point_refuse(struct history *history, const struct restore_options *options,
                        const struct state *state, struct task *task)
{
    bool by_time = point_is_had_by_time(history, options, state, task);
    char asked[INSTANT_TEXT_SIZE], time[INSTANT_TEXT_SIZE];

    instant_format(options->time, asked);
    instant_format(state_time(state), time);
    return task_fail(task, EIO,
                     "the %s%s can't be restored; the newest before it can, with %s%s%s-timestamp %s: %s",
                     options->time == INSTANT_MAX ? "newest state" : "state as of ",
                     options->time == INSTANT_MAX ? "" : asked, by_time ? "" : "-generation ",
                     by_time ? "" : state_generation(state), by_time ? "" : " ", time, state_gap(state));
}

static void point_warn_of_mixture(struct state *state, const char *name)
{
    char time[INSTANT_TEXT_SIZE];

    if (!state_mixture(state))
        return;
    instant_format(state_time(state), time);
    log_warning("%s: what it has as of %s is a mixture: %s", name, time, state_mixture(state));
}

/* Says so if nothing of the state's generation is as young as the instant that was asked for. */
static int point_tell_of_end(struct history *history, const char *name, const struct restore_options *options,
                             struct state *state, struct task *task)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    char asked[INSTANT_TEXT_SIZE], taken[INSTANT_TEXT_SIZE];

    if (options->time == INSTANT_MAX)
        return 0;
    int r = history_list_landmarks(history, state_generation(state), task, &landmarks);
    if (r < 0 || landmarks.n == 0 || landmarks.times[landmarks.n - 1] >= options->time)
        return r;
    instant_format(options->time, asked);
    instant_format(state_time(state), taken);
    log_info("%s: %s is after the end of generation %s; taking its last point, %s", name, asked,
             state_generation(state), taken);
    return 0;
}

/* Warns of a state without tables, or that is no database: often an application that lost its file has begun
 * a new one, and an older generation has the data. Only -ECANCELED and -ENOMEM are returned. */
static int point_warn_of_nothing(struct state *state, const char *name, struct task *task)
{
    _cleanup_(integrity_finish) struct integrity found = {0};
    char time[INSTANT_TEXT_SIZE];
    struct task attempt;
    task_init(&attempt, task);
    int r = integrity_check_state(state, INTEGRITY_TABLES, &attempt, &found);

    if (r == 0 && found.wrong) {
        instant_format(state_time(state), time);
        log_warning("%s: as of %s, in generation %s: %s; litemount points shows the other instants", name,
                    time, state_generation(state), found.wrong);
    }
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}

/* The state, or why there is none. */
static int point_find(struct history *history, const struct restore_options *options, struct task *task,
                      struct state **ret_state)
{
    int r = point_open(history, options, task, ret_state);

    if (r != -ENOENT)
        return r;
    return *options->position ? point_explain_position(history, options, task)
                              : point_explain_time(history, options, task);
}

/* The generation that has the `newest` state is not the newest one, so whoever asked for a WAL index did not
 * mean it; it is named, with the index if it has that. */
static int point_refuse_index(struct history *history, const struct restore_options *of_it,
                              const struct state *newest, struct task *task)
{
    _cleanup_(unref_state) struct state *state = NULL;
    struct restore_options latest = *of_it;
    struct task attempt;

    task_init(&attempt, task);
    int r = point_find(history, of_it, &attempt, &state);
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    *latest.position = '\0';
    latest.generation = NULL;
    return r < 0 || state_gap(state)
               ? point_refuse(history, &latest, newest, task)
               : task_fail(task, EIO,
                           "the newest generation, %s, can't be restored; the newest before it can, with "
                           "-generation %s -index %s: %s",
                           state_lost_generation(newest), of_it->generation, of_it->index, state_gap(newest));
}

/* A WAL index alone is one of the newest generation. */
static int point_find_in_newest(struct history *history, const struct restore_options *options,
                                struct task *task, struct state **ret_state)
{
    struct restore_options newest = *options, of_it = *options;
    _cleanup_(unref_state) struct state *state = NULL;

    *newest.position = '\0';
    int r = point_find(history, &newest, task, &state);
    if (r < 0)
        return r;
    of_it.generation = state_generation(state);
    return state_lost_generation(state) ? point_refuse_index(history, &of_it, state, task)
                                        : point_find(history, &of_it, task, ret_state);
}

int restore_find(struct history *history, const char *name, const struct restore_options *options,
                 struct task *task, struct state **ret_state)
{
    _cleanup_(unref_state) struct state *state = NULL;
    bool anywhere = *options->position && !options->generation;
    int r = anywhere ? point_find_in_newest(history, options, task, &state)
                     : point_find(history, options, task, &state);

    if (r < 0)
        return r;
    if (state_gap(state))
        return point_refuse(history, options, state, task);
    point_warn_of_mixture(state, name);
    r = point_tell_of_end(history, name, options, state, task);
    if (r == 0)
        r = point_warn_of_nothing(state, name, task);
    if (r < 0)
        return r;
    *ret_state = steal_pointer(state);
    return 0;
}
