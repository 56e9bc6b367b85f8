/* Asking the replicas of a folder of databases, all at once, what backups they hold. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "catalog_parts.h"
#include "discover.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "round.h"

static int folder_answer(void *context, size_t n, struct task *task)
{
    const struct folder *folder = context;
    struct folder_replica *replica = &folder->replicas[n];
    int r = discover(replica->replica, folder->config, &replica->known, replica->whole, replica->enough, task,
                     &replica->places, &replica->refused);
    return r < 0 ? r : replica->places.n > 0;
}

int catalog_folder_open(struct catalog *catalog, struct folder *folder, struct task *task)
{
    _cleanup_(replicas_finish) struct replicas replicas = {0};

    if (folder->round)
        return 0;
    int r = catalog_open_replicas(catalog, folder->config, NULL, false, task, &replicas);
    if (r < 0 || replicas.n == 0)
        return r;
    _cleanup_free_ struct folder_replica *items = calloc(replicas.n, sizeof *items);
    if (!items || round_open(replicas.n, catalog->options.pool, folder_answer, folder, &folder->round) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < replicas.n; i++)
        items[i] = (struct folder_replica){.folder = folder, .replica = replicas.items[i]};
    folder->replicas = steal_pointer(items);
    folder->n_replicas = replicas.n;
    replicas.n = 0; /* they went along */
    return 0;
}

static void folder_replica_forget(struct folder_replica *replica)
{
    names_finish(&replica->known);
    names_finish(&replica->places);
    names_finish(&replica->refused);
}

void catalog_folder_finish(struct folder *folder)
{
    round_close(folder->round);
    for (size_t i = 0; i < folder->n_replicas; i++) {
        folder_replica_forget(&folder->replicas[i]);
        replica_close(folder->replicas[i].replica);
    }
    free(folder->replicas);
    names_finish(&folder->known);
    free(folder->failure);
    free(folder->name);
}

static int catalog_add_names(const struct names *names, struct names *all)
{
    int r = 0;
    for (size_t i = 0; i < names->n && r == 0; i++)
        r = names_add(all, names->items[i].text, true);
    return r;
}

/* What came of asking the replicas so far. */
struct folder_answers {
    struct names *places;
    size_t answered;
    int failure;  /* the first one's; its reason is the task's */
    char *unseen; /* of the first that has not answered, or failed; owned */
};

static int folder_pass_over(struct catalog *catalog, struct folder *folder, size_t n, const char *reason,
                            struct folder_answers *answers)
{
    _cleanup_free_ char *warning = NULL;

    if (asprintf(&warning, "replica %s is passed over: %s", replica_url(folder->replicas[n].replica),
                 reason) < 0) {
        warning = NULL;
        return -ENOMEM;
    }
    if (folder->n_replicas > 1)
        catalog_warn_once(catalog, warning);
    if (!answers->unseen)
        answers->unseen = steal_pointer(warning);
    return 0;
}

/* Takes the answer of number `n`: 1 if it has come. */
static int folder_take(struct catalog *catalog, struct folder *folder, size_t n, struct task *task,
                       struct folder_answers *answers)
{
    struct folder_replica *replica = &folder->replicas[n];
    char reason[TASK_REASON_SIZE];
    int result, r;

    if (!round_take(folder->round, n, &result, reason))
        return 0;
    if (result < 0) {
        answers->failure = answers->failure ? answers->failure : task_fail(task, -result, "%s", reason);
        r = folder_pass_over(catalog, folder, n, reason, answers);
    } else {
        answers->answered++;
        for (size_t i = 0; i < replica->refused.n; i++)
            catalog_warn_once(catalog, replica->refused.items[i].text);
        r = catalog_add_names(&replica->places, answers->places);
    }
    folder_replica_forget(replica);
    return r < 0 ? r : 1;
}

/* Asks those that are not being asked still; of them the answer may have come since they were passed over. */
static int folder_begin(struct catalog *catalog, struct folder *folder, bool whole, size_t enough,
                        struct task *task, struct folder_answers *answers)
{
    int r = 0;

    for (size_t i = 0; i < folder->n_replicas && r >= 0; i++) {
        struct folder_replica *replica = &folder->replicas[i];
        struct folder_answers late = {.places = answers->places};
        r = folder_take(catalog, folder, i, task, &late);
        free(late.unseen);
        task_forgive(task);
        if (r < 0 || round_age(folder->round, i))
            continue;
        replica->whole = whole;
        replica->enough = enough;
        r = catalog_add_names(&folder->known, &replica->known);
        if (r == 0)
            round_start(folder->round, i, replica_store(replica->replica), "look for databases");
    }
    return r < 0 ? r : 0;
}

static int folder_end(struct catalog *catalog, struct folder *folder, struct task *task,
                      struct folder_answers *answers)
{
    int r = 0;

    for (size_t i = 0; i < folder->n_replicas && r >= 0; i++) {
        r = folder_take(catalog, folder, i, task, answers);
        if (r == 0)
            r = folder_pass_over(catalog, folder, i, "it has not answered in time", answers);
    }
    if (r >= 0 && answers->unseen)
        r = catalog_add_names(&folder->known, answers->places);
    names_sort(answers->places);
    if (r < 0)
        return r;
    if (answers->answered)
        task_forgive(task);
    return answers->answered ? 0 : answers->failure;
}

int catalog_folder_ask(struct catalog *catalog, struct folder *folder, bool whole, size_t enough,
                       int64_t patience, struct task *task, struct names *places, char **ret_unseen)
{
    struct folder_answers answers = {.places = places};
    int r = folder_begin(catalog, folder, whole, enough, task, &answers);

    if (r == 0)
        r = round_wait(folder->round, patience, task);
    if (r == 0)
        r = folder_end(catalog, folder, task, &answers);
    *ret_unseen = answers.unseen;
    return r;
}
