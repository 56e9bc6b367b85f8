/* The stores that are in use, each once, however many replicas are in it. Private to fs/replica. */
#pragma once

#include "litemount/replica.h"

struct replica_config;
struct store;
struct store_ops;

/* Finds the store that `config` names among those in use, or makes it. 0 and a reference to it, else as its
 * kind's open. */
int stores_acquire(struct stores *stores, const struct store_ops *ops, const struct replica_config *config,
                   struct task *task, struct store **ret_store);
void stores_acquire_again(struct stores *stores, struct store *store); /* one reference more */
void stores_release(struct stores *stores, struct store *store);       /* the last one closes it */

struct replica_stats store_counts(struct store *store);
