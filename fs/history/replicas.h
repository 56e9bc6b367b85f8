/* All replicas of a history side by side, and not only the one that answers. */
#pragma once

#include "replica_listing.h"

struct replica;

/* The history's replica with number `n`, listed anew, every object: nothing that is known or was
 * kept of its generations is taken over. 0; -ENOENT, with NULL for a replica: there is none of that number;
 * or replica_list's errno. */
int history_list_replica(struct history *history, size_t n, struct task *task, struct replica **ret_replica,
                         struct replica_listing *ret_listing);

/* Visits one replica's generations. What it adds it takes back if it fails. */
typedef int visit_replica(void *context, const struct replica *replica, const struct generations *generations,
                          struct task *task);

/* Lists each replica anew and visits it, in the configured order. One that fails is warned of; it is an error
 * if all do. 0, or a negative errno with a reason. */
int history_visit_replicas(struct history *history, visit_replica *visit, void *context, struct task *task);

/* The generations of the replica that answers, after a refresh that is recent enough, or (`anew`) after
 * another one of everything; a reference each, for the caller to finish. 0, or a negative errno with a
 * reason. */
int history_generations(struct history *history, bool anew, struct task *task,
                        struct generations *ret_generations);

/* Asks them something. Where an object turns out to be gone (-ESTALE) retention has been at work: asks once
 * more, after another refresh of everything. Results as of `ask`, or of the refresh. */
typedef int ask_generations(const struct generations *generations, void *context, struct task *task);
int history_ask_generations(struct history *history, ask_generations *ask, void *context, struct task *task);
