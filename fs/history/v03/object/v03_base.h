/* What everything of a v0.3 generation is read with, and learnt under: below its objects, snapshots and WALs.
 */
#pragma once

#include "generation/generation.h"

struct age_identity;
struct cache;
struct replica;
struct slots;
struct workspaces;

struct v03_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct cache *cache;
    const struct age_identity *identities;
    size_t n_identities;
    struct slots *decoders;    /* borrowed too: each decoder takes megabytes */
    struct workspaces *blocks; /* and these: each is a block of a snapshot in memory */

    /* Guarded by the head's lock. */
    bool writing_facts; /* somebody is adding to what the cache keeps of the WALs */
    bool is_refuted;    /* segments of the listing turned out to be others than what was learnt of them */
    int64_t damaged;    /* when the first damage that still counts was found (clock_now); 0: there is none */
};

/* Something of the generation was found damaged at `found` (clock_now). */
static inline void v03_note_damage_locked(struct v03_generation *generation, int64_t found)
{
    if (!generation->damaged || found < generation->damaged)
        generation->damaged = found;
}

static inline struct v03_generation *v03_generation_of(struct generation *generation)
{
    return (struct v03_generation *)generation;
}
