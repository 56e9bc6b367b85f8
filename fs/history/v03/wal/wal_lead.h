/* Which snapshot leads to a commit, where several may: within its own WAL a snapshot may be ahead of it.
 *
 * Litestream v0.3 copies the database file while its application goes on writing, and names the snapshot for
 * the WAL that it had reached. So a snapshot holds a part of its own WAL already: whole transactions, and
 * pages of the next, where a checkpoint came in between. What is replayed upon it makes that good from the
 * last of those frames on; at a commit before it the database would be a mixture, and nothing in the snapshot
 * tells. A snapshot of an earlier WAL leads to each commit, for all of its own WAL is replayed. Source:
 * Litestream v0.3.13, replica.go, Snapshot; seen under load. */
#pragma once

#include "chain.h"

struct snapshot;
struct task;
struct v03_generation;
struct v03_listing;

/* A commit in a listing. */
struct lead_place {
    size_t segment;
    struct wal_position at;
    bool ends_segment, ends_wal; /* it is the last one there */
    bool wal_is_over;            /* another WAL follows: there it ends for good */
};

/* The commit of segment `i`, its `j`th, in a WAL that ends before segment `end`. Called with the generation
 * locked, or of a segment that is known to be sound. */
struct lead_place lead_place(const struct v03_listing *listing, size_t i, size_t j, size_t end);

enum lead { LEADS_NOWHERE, LEADS_PERHAPS, LEADS_BY_TIME, LEADS_SURELY };

enum lead lead_from(const struct snapshot *snapshot, const struct v03_listing *listing,
                    const struct lead_place *place);

/* What is replayed up to the commit, upon the snapshot that leads there best; the caller finishes it. Where
 * one leads there only perhaps, the chain's mixture tells what was found. 0; -ENOENT: none leads there
 * without a hole; or why an object can't be had. */
int lead_open(struct v03_generation *generation, const struct v03_listing *listing,
              const struct lead_place *place, struct task *task, struct chain *ret_chain);

/* As chain_open; but where the snapshot may be ahead of where the chain ends, the chain is of one before it
 * that leads there too, and keeps position and time; if none does, its mixture tells what was found. What the
 * size of a chain without commits needs is measured. */
int lead_replay(struct v03_generation *generation, const struct v03_listing *listing,
                struct snapshot *snapshot, size_t n_segments, struct wal_position limit, struct task *task,
                struct chain *ret_chain);

/* wal_ahead.c: whether a snapshot mixes the next transaction into where a chain ends, as far as the WAL
 * behind it tells. Looks at some pages that the next transaction of the snapshot's WAL writes: if the chain's
 * state has a part of them as they are written there, the chain's mixture says so. Reads a few pages of the
 * snapshot; what can't be read tells nothing. 0, -ECANCELED or -ENOMEM. */
int ahead_tell(struct v03_generation *generation, const struct v03_listing *listing, struct task *task,
               struct chain *chain);
