/* Litestream v0.3: a generation is snapshots and WAL segments.
 *
 * Position: a WAL index and a frame of that WAL, counted from 1. A state is a snapshot and the last commit
 * that is replayed upon it. Sources: Litestream v0.3.13 replica.go (Restore, SnapshotIndexAt, walSegmentMap),
 * SQLite's wal.c (what a checkpoint writes). */
#pragma once

#include <pthread.h>

#include "generation/generation.h"

struct age_identity;
struct cache;
struct replica;
struct slots;
struct v03_listing;
struct workspaces;

/* All restore points as they were last counted. */
struct known_points {
    struct v03_listing *listing; /* that they were counted from: a reference; NULL: count again */
    size_t n_damaged;            /* snapshots that were known to be damaged then */
    struct instants instants;    /* ascending */
};

struct v03_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct cache *cache;
    const struct age_identity *identities;
    size_t n_identities;
    struct slots *decoders;    /* borrowed too: each decoder takes megabytes */
    struct workspaces *blocks; /* and these: each is a block of a snapshot in memory */

    pthread_mutex_t lock;        /* guards what is below, and the segments' learnt part */
    pthread_cond_t learnt;       /* a segment stopped being LEARNT_PENDING */
    struct v03_listing *listing; /* a reference */
    struct known_points points;
    bool writing_facts; /* somebody is adding to what the cache keeps of the WALs */
    int64_t damaged;    /* when the first damage that still counts was found (clock_now); 0: there is none */
};
