/* A history's insides, shared by its files. */
#pragma once

#include <pthread.h>

#include "generations.h"
#include "look.h"

/* A question is answered from so many listings more, where each is out of date before it is read. */
#define MOST_LOOKS 3

struct history {
    char *name;
    struct replica **replicas; /* owned */
    size_t n_replicas;
    struct history_options options;

    struct look look;
    int64_t listed_whole_at; /* only whoever looks touches it, and the next three */
    int64_t as_of;           /* the last look shows everything that there was then */
    size_t active;           /* the replica that answered */
    bool is_small;           /* it holds few objects: listing all again costs no more than what came since */

    pthread_mutex_t lock;           /* guards what is below */
    struct generations generations; /* of the active replica, by name */
    struct names told;              /* states of which the log was told that they are not the newest */
};
