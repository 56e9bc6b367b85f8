/* A history's insides, shared by its files. */
#pragma once

#include <pthread.h>

#include "refresh_gate.h"
#include "replica_listing.h"
#include "round.h"

/* A question is answered from so many listings more, where each is out of date before it is read. */
#define MOST_REFRESHES 3

/* A replica, and what the last refresh showed. Only whoever refreshes touches it, but for what says
 * otherwise. */
struct history_replica {
    struct replica *replica; /* owned */
    int64_t listed_whole_at; /* nanoseconds since 1970, UTC */
    bool is_small;           /* it holds few objects: listing all again costs no more than what came since */
    bool was_late;           /* before this refresh */
    bool told_silent;        /* the log was told that it is passed over */

    /* Of the question under way: whose thread has them until it ends. */
    bool whole;
    struct generations known;
    struct replica_listing listing;

    /* Of this refresh's answer. */
    bool has_answered;
    int result; /* as round_ask */
    char reason[TASK_REASON_SIZE];

    /* Guarded by the history's lock. */
    struct generations generations; /* as last listed, by format and name */
    bool answers;                   /* they count */
    bool told_behind;               /* the log was told that it is behind another one */
};

struct history {
    char *name;
    struct history_replica *replicas; /* in the configured order */
    size_t n_replicas;
    struct history_options options;
    struct round *round; /* of all replicas; NULL: there is only one */

    struct refresh_gate gate;

    pthread_mutex_t lock; /* guards what says so */
    struct names told;    /* states of which the log was told that they are not the newest */
};

/* history.c: the generations of all replicas that answered the last refresh, a reference each, for the caller
 * to finish. 0 or -ENOMEM. */
int history_current(struct history *history, struct generations *ret_generations);

/* history_refresh.c: asks all replicas at once what they hold; `whole`: everything, not only what came since.
 * 0 if one answers that holds something, or all do; else a negative errno with a reason. */
int history_ask_replicas(struct history *history, bool whole, struct task *task);

/* What the history's round asks: see round_ask. */
int history_ask_replica(void *history, size_t n, struct task *task);

struct listed_replicas;

/* behind.c: adds the replicas, as far as their times are known. 0 or -ENOMEM. */
int history_compare_replicas(struct history *history, struct listed_replicas *replicas);

/* behind.c: tells the log, once, which replicas answer but were updated earlier than another one. */
void history_tell_behind(struct history *history);
