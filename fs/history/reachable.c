#include "reachable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/replica.h"
#include "litemount/shown.h"
#include "litemount/task.h"

/* A generation, and what came of asking it. */
struct candidate {
    struct generation *generation; /* borrowed */
    size_t rank;                   /* of equal points the first one's counts */
    bool has_point, asked;
    int64_t point;       /* the newest at or before the time that names and times show in it */
    int result;          /* of opening it, once it was asked */
    struct state *state; /* owned; NULL: it has none */
    char *reason;        /* why not; owned, may be NULL */
};

struct candidates {
    struct candidate *items;
    size_t n;
    int64_t time; /* that is asked for */
};

static void reachable_candidates_finish(struct candidates *candidates)
{
    for (size_t i = 0; i < candidates->n; i++) {
        state_unref(candidates->items[i].state);
        free(candidates->items[i].reason);
    }
    free(candidates->items);
}

int reachable_open(struct generation *generation, int64_t time, struct task *task, struct state **ret_state)
{
    struct state *state;
    int r = generation_open_at(generation, time, task, &state);

    if (r < 0)
        return r;
    if (state->gap && time != INSTANT_MAX && is_shown_as(state->time, time)) {
        free(state->gap);
        state->gap = NULL;
    }
    *ret_state = state;
    return 0;
}

/* By what names promise; those that promise nothing come last. */
static int reachable_compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->has_point != b->has_point)
        return a->has_point ? -1 : 1;
    if (a->has_point && a->point != b->point)
        return a->point > b->point ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

static int reachable_list_candidates(const struct generations *generations, const struct generation *choice,
                                     struct candidates *candidates)
{
    candidates->items = calloc(generations->n, sizeof *candidates->items);
    if (!candidates->items)
        return -ENOMEM;
    candidates->n = generations->n;
    for (size_t i = 0; i < generations->n; i++) {
        struct generation *generation = generations->items[i];
        candidates->items[i] =
            (struct candidate){.generation = generation, .rank = generation == choice ? 0 : i + 1};
    }
    return 0;
}

static void reachable_sort_candidates(struct candidates *candidates)
{
    for (size_t i = 0; i < candidates->n; i++) {
        struct candidate *candidate = &candidates->items[i];
        candidate->has_point =
            generation_point_at(candidate->generation, candidates->time, &candidate->point);
    }
    qsort(candidates->items, candidates->n, sizeof *candidates->items, reachable_compare_candidates);
}

/* Whether nobody who is asked after this can be of use. */
static bool reachable_is_fatal(int r)
{
    return r == -ECANCELED || r == -ENOMEM || r == -ESTALE;
}

/* Takes over what came of opening the candidate; `r` if that ends it all, else 0. */
static int reachable_note_result(struct candidate *candidate, int r, struct state *state,
                                 const struct task *attempt)
{
    candidate->asked = true;
    candidate->result = r;
    if (r == 0)
        candidate->state = state;
    else if (r != -ENOENT && !(candidate->reason = strdup(task_reason(attempt, r))))
        return -ENOMEM;
    return reachable_is_fatal(r) ? r : 0;
}

static int reachable_ask_candidate(struct candidate *candidate, int64_t time, struct task *task)
{
    struct state *state = NULL;
    struct task attempt;

    if (candidate->asked)
        return 0;
    task_init(&attempt, task);
    int r = reachable_open(candidate->generation, time, &attempt, &state);
    r = reachable_note_result(candidate, r, state, &attempt);
    return r < 0 ? task_fail(task, -r, "%s", task_reason(&attempt, r)) : 0;
}

static bool reachable_is_better(const struct candidate *a, const struct candidate *b)
{
    if (!b || !a->state)
        return a->state != NULL;
    if (a->state->time != b->state->time)
        return a->state->time > b->state->time;
    return b->state->gap && !a->state->gap;
}

/* Whether the candidate may have a better state than the best one so far. */
static bool reachable_may_be_better(const struct candidate *candidate, const struct candidate *best)
{
    return candidate->has_point && (!best || best->state->time < candidate->point ||
                                    (best->state->gap && best->state->time == candidate->point));
}

/* A damaged generation may have a state older than its names promise; the next one is asked until none can be
 * newer. */
static int reachable_find_best(struct candidates *candidates, struct task *task, struct candidate **ret_best)
{
    struct candidate *best = NULL;

    for (size_t i = 0; i < candidates->n; i++)
        if (reachable_is_better(&candidates->items[i], best))
            best = &candidates->items[i]; /* the choice, which was asked already */
    for (size_t i = 0; i < candidates->n && reachable_may_be_better(&candidates->items[i], best); i++) {
        int r = reachable_ask_candidate(&candidates->items[i], candidates->time, task);
        if (r < 0)
            return r;
        if (reachable_is_better(&candidates->items[i], best))
            best = &candidates->items[i];
    }
    *ret_best = best;
    return 0;
}

/* --- what is newer than the best state, and can't be had --- */

/* Whether the generation holds objects at or before the time that the best state is without. `*ret_until`:
 * the time of its last object. */
static bool reachable_is_lost(const struct candidate *candidate, const struct candidates *candidates,
                              const struct state *best, int64_t *ret_until)
{
    struct generation *generation = candidate->generation;
    int64_t earliest, time = candidates->time;

    if (candidate->state == best || (candidate->has_point && !candidate->asked) ||
        (candidate->state && !candidate->state->gap) ||
        !generation_bounds(generation, &earliest, ret_until) || earliest > time ||
        (*ret_until < time ? *ret_until : time) <= best->time)
        return false;
    /* The same generation of another replica may hold just the same. */
    return strcmp(generation->name, best->generation->name) != 0 ||
           generation_goes_beyond(generation, time, best->position);
}

/* The one of those that goes on longest; NULL: nothing is lost. */
static const struct candidate *reachable_find_lost(const struct candidates *candidates,
                                                   const struct state *best)
{
    const struct candidate *lost = NULL;
    int64_t until, longest = INT64_MIN;

    for (size_t i = 0; i < candidates->n; i++)
        if (reachable_is_lost(&candidates->items[i], candidates, best, &until) &&
            (!lost || until > longest)) {
            lost = &candidates->items[i];
            longest = until;
        }
    return lost;
}

static int reachable_describe_lost(const struct candidate *lost, const struct state *best, char **ret_gap)
{
    const struct generation *generation = lost->generation;
    bool elsewhere = generation->replica != best->generation->replica;
    const char *in = elsewhere ? " in " : "", *url = elsewhere ? replica_url(generation->replica) : "";
    char time[INSTANT_TEXT_SIZE];
    int64_t earliest, until;
    int n;

    if (lost->state)
        n = asprintf(ret_gap, "generation %s%s%s: %s", generation->name, in, url, lost->state->gap);
    else if (lost->reason)
        n = asprintf(ret_gap, "generation %s%s%s can't be read: %s", generation->name, in, url, lost->reason);
    else {
        generation_bounds(lost->generation, &earliest, &until);
        instant_format(until, time);
        n = asprintf(ret_gap, "generation %s%s%s, which goes on until %s, has no usable snapshot",
                     generation->name, in, url, time);
    }
    return n < 0 ? -ENOMEM : 0;
}

/* Whether a store gave no answer: it may the next time, so what is lost is not lost. */
static bool reachable_is_silence(int r)
{
    return r == -ETIMEDOUT || r == -EREMOTEIO;
}

/* The state's gap tells what it is without. An error if that is only because its own store does not answer.
 */
static int reachable_tell_lost(const struct candidates *candidates, struct state *best, struct task *task)
{
    const struct candidate *lost = reachable_find_lost(candidates, best);
    char *gap;

    if (!lost || (candidates->time != INSTANT_MAX && is_shown_as(best->time, candidates->time)))
        return 0;
    if (reachable_is_silence(lost->result) && lost->generation->replica == best->generation->replica)
        return task_fail(task, -lost->result, "%s", lost->reason);
    int r = reachable_describe_lost(lost, best, &gap);
    if (r < 0)
        return r;
    free(best->gap);
    best->gap = gap;
    if (strcmp(lost->generation->name, best->generation->name) == 0)
        return 0;
    best->lost_generation = strdup(lost->generation->name);
    return best->lost_generation ? 0 : -ENOMEM;
}

/* There is none: why the first one that should have had it has not. */
static int reachable_explain_none(const struct candidates *candidates, struct task *task)
{
    for (size_t i = 0; i < candidates->n; i++)
        if (candidates->items[i].reason)
            return task_fail(task, -candidates->items[i].result, "%s", candidates->items[i].reason);
    return -ENOENT;
}

/* Asks the choice, if there is one. 1 if its state is all that there is to be had, 0 if others are to be
 * asked. */
static int reachable_ask_choice(const struct candidates *candidates, struct task *task,
                                struct state **ret_state)
{
    struct candidate *choice = NULL;

    for (size_t i = 0; i < candidates->n; i++)
        if (candidates->items[i].rank == 0)
            choice = &candidates->items[i];
    int r = choice ? reachable_ask_candidate(choice, candidates->time, task) : 0;
    if (r < 0 || !choice || !choice->state || choice->state->gap)
        return r;
    *ret_state = steal_pointer(choice->state);
    return 1;
}

int reachable_state(const struct generations *generations, struct generation *choice, int64_t time,
                    struct task *task, struct state **ret_state)
{
    _cleanup_(reachable_candidates_finish) struct candidates candidates = {.time = time};
    struct candidate *best = NULL;
    int r = reachable_list_candidates(generations, choice, &candidates);

    if (r == 0)
        r = reachable_ask_choice(&candidates, task, ret_state);
    if (r != 0)
        return r < 0 ? r : 0;
    reachable_sort_candidates(&candidates);
    r = reachable_find_best(&candidates, task, &best);
    if (r < 0)
        return r;
    if (!best)
        return reachable_explain_none(&candidates, task);
    r = reachable_tell_lost(&candidates, best->state, task);
    if (r < 0)
        return r;
    *ret_state = steal_pointer(best->state);
    return 0;
}
