/* What a mount checks before it says that it succeeded: a few databases, however many there are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog_parts.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "round.h"

#define PARALLEL_CHECKS 16
#define MOST_CHECKS 16 /* databases that are checked */

/* Some databases that are checked, and what it came to. */
struct check {
    struct catalog *catalog;
    struct names names; /* of all databases */
    int results[MOST_CHECKS];
    char reasons[MOST_CHECKS][TASK_REASON_SIZE];
};

static const void *check_holder(void *context, size_t item)
{
    const struct check *check = context;
    return catalog_store(check->catalog, check->names.items[item].text);
}

static int check_item(void *context, size_t item, struct task *task)
{
    struct check *check = context;
    _cleanup_(names_finish) struct names generations = {0};
    struct history *history;
    int r = catalog_find(check->catalog, check->names.items[item].text, task, &history);

    if (r == 0)
        r = history_list_generations(history, task, &generations);
    if (r == 0 && generations.n == 0)
        r = history_explain_nothing(history, task);
    check->results[item] = r;
    snprintf(check->reasons[item], TASK_REASON_SIZE, "%s", task_reason(task, r));
    return r == -ECANCELED ? r : 0;
}

/* One error if there is nothing to see at all, else a warning for each database that can't be seen. */
static int catalog_conclude(const struct check *check, size_t n, struct task *task)
{
    size_t bad = 0;
    const char *first = "";
    int failure = -ENODATA;

    for (size_t i = n; i > 0; i--)
        if (check->results[i - 1] < 0) {
            first = check->reasons[i - 1];
            failure = check->results[i - 1];
            bad++;
        }
    /* That some have no backup says nothing of those that were not checked. */
    if (bad == n && (n == check->names.n || failure != -ENODATA))
        return task_fail(task, -failure, "%s", first);
    for (size_t i = 0; i < n; i++)
        if (check->results[i] < 0)
            log_warning("%s: %s", check->names.items[i].text, check->reasons[i]);
    return 0;
}

static void check_free(struct check **check)
{
    if (*check)
        names_finish(&(*check)->names);
    free(*check);
}

int catalog_check(struct catalog *catalog, struct task *task)
{
    _cleanup_(check_free) struct check *check = calloc(1, sizeof *check);
    if (!check)
        return -ENOMEM;
    check->catalog = catalog;
    int r = catalog_discover(catalog, 1, ROUND_PATIENCE, task);
    if (r == 0)
        r = catalog_list_known(catalog, &check->names);
    if (r == 0 && check->names.n == 0)
        r = catalog_explain_nothing(catalog, task);
    if (r < 0)
        return r;
    size_t n = check->names.n < MOST_CHECKS ? check->names.n : MOST_CHECKS;
    r = parallel_each_holder(n, PARALLEL_CHECKS, check_holder, check_item, check, task);
    return r < 0 ? r : catalog_conclude(check, n, task);
}
