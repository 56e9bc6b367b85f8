/* Verifying a backup: replica by replica, each listed anew, its generations one after the other. */
#include <errno.h>

#include "generation/verifier.h"
#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "no_backup.h"
#include "replicas.h"

static int verify_generations(struct verifier *verifier, const struct generations *generations,
                              struct task *task)
{
    uint64_t stored_size = 0;
    int r = 0;

    for (size_t i = 0; i < generations->n; i++)
        stored_size += generation_stored_size(generations->items[i]);
    verifier_begin(verifier, stored_size);
    for (size_t i = 0; i < generations->n && r == 0; i++)
        r = generation_verify(generations->items[i], verifier, task);
    return verifier_end(verifier, r, task);
}

static int verify_replica(struct verifier *verifier, const struct replica_listing *listing, struct task *task)
{
    uint64_t before = verifier->total;
    int r = verify_generations(verifier, &listing->generations, task);

    if (r < 0 || verifier->total > before)
        return r;
    r = no_backup_explain(verifier->replica, task);
    return r == -ENODATA ? verifier_complain(verifier, "%s", task_reason(task, r)) : r;
}

/* A replica that can't be listed, or read any further, is a problem, and no reason to leave out the next. */
static int verify_replicas(struct history *history, struct verifier *verifier, struct task *task)
{
    for (size_t n = 0;; n++) {
        struct replica_listing listing = {0};
        struct task attempt;
        task_init(&attempt, task);
        int r = history_list_replica(history, n, &attempt, &verifier->replica, &listing);
        if (r == -ENOENT && !verifier->replica)
            return 0;
        if (r == 0)
            r = verify_replica(verifier, &listing, &attempt);
        if (r < 0 && r != -ECANCELED && r != -ENOMEM)
            r = verifier_complain(verifier, "%s: not verified: %s", replica_url(verifier->replica),
                                  task_reason(&attempt, r));
        generations_finish(&listing.generations);
        if (r < 0)
            return r;
    }
}

int history_verify(struct history *history, const struct verification_watch *watch, struct task *task,
                   struct verification *ret_verification)
{
    struct verifier verifier;

    verifier_init(&verifier, watch);
    int r = verify_replicas(history, &verifier, task);
    if (r == 0) {
        names_sort(&verifier.found.problems);
        names_sort(&verifier.found.notes);
        *ret_verification = verifier.found;
        verifier.found = (struct verification){0};
    }
    verifier_finish(&verifier);
    return r;
}
