#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "integrity/integrity.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/listed.h"
#include "litemount/task.h"
#include "output/duration.h"
#include "output/progress.h"
#include "target.h"
#include "verify.h"

static bool verify_is_fatal(int r)
{
    return r == -ECANCELED || r == -ENOMEM;
}

/* --- the objects --- */

/* The bar of a verification. */
struct verify_bar {
    const char *name;
    pthread_mutex_t lock; /* guards what is below: who finds it taken goes on without */
    bool begun;           /* there was something to read */
    struct progress progress;
};

static void verify_bar_advance(void *context, uint64_t done, uint64_t total)
{
    struct verify_bar *bar = context;

    if (pthread_mutex_trylock(&bar->lock) != 0)
        return;
    if (!bar->begun)
        progress_begin(&bar->progress, bar->name, total);
    bar->begun = true;
    bar->progress.total = total;
    if (done > bar->progress.done)
        progress_add(&bar->progress, done - bar->progress.done);
    pthread_mutex_unlock(&bar->lock);
}

static int verify_objects(struct history *history, struct task *task, struct verify_report *report)
{
    struct verify_bar bar = {.name = report->name, .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct verification_watch watch = {verify_bar_advance, &bar};

    int r = history_verify(history, &watch, task, &report->found);
    progress_end(&bar.progress);
    pthread_mutex_destroy(&bar.lock);
    return r;
}

/* --- the state --- */

/* Adds a problem, unless the objects have told it: that a store can't be read, that there is no backup. */
static int verify_add_once(struct verify_report *report, const char *what, const char *reason)
{
    const struct names *problems = &report->found.problems;

    for (size_t i = 0; i < problems->n; i++)
        if (strstr(problems->items[i].text, reason))
            return 0;
    return verify_report_add(report, "%s%s", what, reason);
}

/* There is none: from when on there is one, or why there is none at all. */
static int verify_explain_nothing(struct history *history, int64_t time, struct task *task,
                                  struct verify_report *report)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    char asked[INSTANT_TEXT_SIZE], first[INSTANT_TEXT_SIZE];
    struct task attempt;
    task_init(&attempt, task);
    int r = history_list_landmarks(history, NULL, &attempt, &landmarks);

    if (verify_is_fatal(r))
        return r;
    if (r < 0 || landmarks.n == 0 || time == INSTANT_MAX || landmarks.times[0] <= time) {
        r = history_explain_nothing(history, &attempt);
        return verify_is_fatal(r) ? r : verify_add_once(report, "", task_reason(&attempt, r));
    }
    instant_format(time, asked);
    instant_format(landmarks.times[0], first);
    return verify_report_add(report, "no restore point as early as %s; the first is %s", asked, first);
}

/* Opens the state; what keeps it from being opened is a problem. Returns 1 if it is open, 0 or an errno. */
static int verify_open(struct history *history, int64_t time, struct task *task, struct verify_report *report,
                       struct state **ret_state)
{
    struct task attempt;
    task_init(&attempt, task);
    int r = time == INSTANT_MAX ? history_open_latest(history, NULL, &attempt, ret_state)
                                : history_open_at(history, NULL, time, &attempt, ret_state);

    if (r == 0)
        return 1;
    if (verify_is_fatal(r))
        return r;
    return r == -ENOENT ? verify_explain_nothing(history, time, task, report)
                        : verify_add_once(report, "the database can't be opened: ", task_reason(&attempt, r));
}

static int verify_describe(struct state *state, struct verify_report *report)
{
    char time[INSTANT_TEXT_SIZE];

    report->has_state = true;
    report->time = state_time(state);
    report->generation = strdup(state_generation(state));
    report->position = strdup(state_position(state));
    report->replica = strdup(state_replica(state));
    if (!report->generation || !report->position || !report->replica)
        return -ENOMEM;
    instant_format(report->time, time);
    return state_gap(state) ? verify_report_add(report, "the newest state that can be restored is of %s: %s",
                                                time, state_gap(state))
                            : 0;
}

/* Which replicas the state does not come from. That one can't be read the objects have told. */
static int verify_list_passed_over(struct history *history, struct task *task, struct verify_report *report)
{
    _cleanup_(listed_replicas_finish) struct listed_replicas replicas = {0};
    struct task attempt;
    task_init(&attempt, task);
    int r = history_list_replicas(history, &attempt, &replicas);

    for (size_t i = 0; i < replicas.n && r == 0; i++) {
        _cleanup_free_ char *text = NULL;
        r = listed_replica_describe(&replicas, i, &text);
        if (r == 0 && text)
            r = names_add(&report->passed_over, text, false);
    }
    return verify_is_fatal(r) ? r : 0;
}

/* Runs one check. Returns 1 if it could be run, 0 or an errno. */
static int verify_run_check(struct state *state, enum integrity_check kind, const char *name,
                            struct task *task, struct verify_report *report, struct integrity *found)
{
    struct task attempt;
    task_init(&attempt, task);
    int r = integrity_check_state(state, kind, &attempt, found);

    if (verify_is_fatal(r))
        return r;
    if (r < 0)
        return verify_report_add(report, "the database can't be read: %s", task_reason(&attempt, r));
    if (found->unchecked && (r = verify_report_note(report, "%s: %s", name, found->unchecked)) < 0)
        return r;
    return 1;
}

/* Returns 1 if nothing is wrong, 0 or an errno. */
static int verify_check(struct state *state, enum integrity_check kind, const char *name, struct task *task,
                        struct verify_report *report)
{
    _cleanup_(integrity_finish) struct integrity found = {0};
    int r = verify_run_check(state, kind, name, task, report, &found);

    return r > 0 && found.wrong ? verify_report_add(report, "%s: %s", name, found.wrong) : r;
}

/* SQLite enforces foreign keys only where the application asks for it, and most never did: what breaks them,
 * or is declared wrong, is as the application left it, and no damage. As above. */
static int verify_check_foreign_keys(struct state *state, struct task *task, struct verify_report *report)
{
    static const char name[] = "foreign_key_check", mismatch[] = "foreign key mismatch";
    _cleanup_(integrity_finish) struct integrity found = {0};
    int r = verify_run_check(state, INTEGRITY_FOREIGN_KEYS, name, task, report, &found);

    if (r <= 0 || !found.wrong)
        return r;
    if (found.n_wrong > 0)
        r = verify_report_note(report, "%s: violations: %" PRIu64 ", as the application left them: %s", name,
                               found.n_wrong, found.wrong);
    else if (strncmp(found.wrong, mismatch, strlen(mismatch)) == 0)
        r = verify_report_note(report, "%s: %s", name, found.wrong);
    else
        return verify_report_add(report, "%s: %s", name, found.wrong);
    return r < 0 ? r : 1;
}

/* Without any it is sound, and yet hardly what somebody wants to find one day. */
static int verify_look_for_tables(struct state *state, struct task *task, struct verify_report *report)
{
    _cleanup_(integrity_finish) struct integrity found = {0};
    struct task attempt;
    task_init(&attempt, task);
    int r = integrity_check_state(state, INTEGRITY_TABLES, &attempt, &found);

    report->warning = r == 0 ? steal_pointer(found.wrong) : NULL;
    return verify_is_fatal(r) ? r : 0;
}

static int verify_state(struct state *state, bool quick, struct task *task, struct verify_report *report)
{
    int r = verify_describe(state, report);

    if (r == 0)
        r = quick ? verify_check(state, INTEGRITY_QUICK, "quick_check", task, report)
                  : verify_check(state, INTEGRITY_FULL, "integrity_check", task, report);
    if (r > 0)
        r = verify_check_foreign_keys(state, task, report);
    if (r > 0)
        r = verify_look_for_tables(state, task, report);
    return r < 0 ? r : 0;
}

static int verify_age(const struct state *newest, int64_t newer_than, struct verify_report *report)
{
    char time[INSTANT_TEXT_SIZE], age[DURATION_TEXT_SIZE];
    int64_t passed;

    if (__builtin_sub_overflow(instant_now(), state_time(newest), &passed))
        passed = INT64_MAX;
    if (passed <= newer_than)
        return 0;
    instant_format(state_time(newest), time);
    duration_format(passed, age);
    return verify_report_add(report, "stale: the newest restore point, of %s, is %s old", time, age);
}

/* Of the newest state alone the age counts, if it is not the one that was asked for. */
static int verify_newest(struct history *history, const struct verify_options *options, struct state *state,
                         struct task *task, struct verify_report *report)
{
    _cleanup_(unref_state) struct state *newest = NULL;
    int r = 1;

    if (options->newer_than == 0)
        return 0;
    if (options->time == INSTANT_MAX)
        newest = state_ref(state);
    else
        r = verify_open(history, INSTANT_MAX, task, report, &newest);
    return r > 0 ? verify_age(newest, options->newer_than, report) : r;
}

/* Opens the state and verifies it, again if an object of it came damaged: see state_failure. Returns 1 if it
 * was open, 0 or an errno. */
static int verify_opened(struct history *history, const struct verify_options *options, struct task *task,
                         struct verify_report *report, struct state **state)
{
    size_t n_problems = report->found.problems.n, n_notes = report->found.notes.n;

    for (unsigned attempts = 1;; attempts++) {
        int r = verify_open(history, options->time, task, report, state);
        if (r <= 0)
            return r;
        r = verify_state(*state, options->quick, task, report);
        if (r < 0 || !state_failure(*state) || attempts == STATE_ATTEMPTS)
            return r < 0 ? r : 1;
        verify_report_forget_state(report, n_problems, n_notes);
        state_unref(steal_pointer(*state));
    }
}

int verify_database(struct history *history, const struct verify_options *options, struct task *task,
                    struct verify_report *report)
{
    _cleanup_(unref_state) struct state *state = NULL;
    int r = verify_objects(history, task, report);

    if (r == 0)
        r = verify_opened(history, options, task, report, &state);
    if (r <= 0)
        return r;
    r = verify_list_passed_over(history, task, report);
    return r < 0 ? r : verify_newest(history, options, state, task, report);
}
