/* Which LTX files make a state, and which states there are. */
#pragma once

#include "ltx_file.h"

struct v05_listing;

/* Where a plan leads. */
struct plan_end {
    uint64_t txid;
    const struct ltx_file *base; /* borrowed from the listing; NULL: none */
};

/* Which files make a state: a base (NULL: none, the first of the chain is an image itself) and the files upon
 * it, in the order of their TXIDs. The files are borrowed from the listing. */
struct plan {
    struct ltx_file *base;
    struct ltx_file **chain;
    size_t n_chain, capacity;
    uint64_t txid; /* where it leads; 0: nowhere */
};

void plan_finish(struct plan *plan);

/* Plans the state at `time`, inclusive, or (INSTANT_MAX) the latest, not beyond `txid` (UINT64_MAX: no
 * limit), around the files that are known to be damaged. Called with the generation locked. 0 or -ENOMEM. */
int plan_make_locked(const struct v05_listing *listing, int64_t time, uint64_t txid, struct plan *ret_plan);

/* The last file of the plan: its commit is the state's. NULL if it leads nowhere. */
struct ltx_file *plan_last(const struct plan *plan);

/* A time at which the latest state becomes another one. */
struct plan_point {
    int64_t time;
    uint64_t txid;         /* where the plan leads */
    bool is_base;          /* another base has come */
    struct ltx_file *base; /* the plan's; NULL: none */
    struct ltx_file *last; /* a file whose commit is the state's; borrowed from the listing */
    uint64_t missing;      /* up to this TXID nothing is there right before the next point, but something is
                              behind it; 0: nothing is missing */
};

struct plan_points {
    struct plan_point *items;
    size_t n, capacity;
};

/* All of them, ascending; the caller frees the items. Locked as above. 0 or -ENOMEM. */
int plan_points_locked(const struct v05_listing *listing, struct plan_points *ret_points);

/* Every TXID that some plan leads to, ascending, and that plan's base; `ends` has room for all files.
 * Returns how many. Locked as above. */
size_t plan_reachable_locked(const struct v05_listing *listing, struct plan_end *ends);

/* plan_around_damage.c: plan_make_locked, of a generation that is not locked. */
int plan_find(struct v05_generation *generation, const struct v05_listing *listing, int64_t time,
              uint64_t txid, struct plan *ret_plan);

/* As plan_find, around all damage: learns the plan's files until they are sound. 0, -ENOENT if it leads
 * nowhere, or a negative errno with a reason. */
int plan_around_damage(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                       uint64_t txid, struct task *task, struct plan *ret_plan);

/* What is missing right behind where a plan for `time` leads, up to the next TXID that there is a file of: a
 * sentence that the caller frees, or NULL. Files that are younger than `time` count too: what they continue
 * may have been there by then. 0 or -ENOMEM. */
int plan_describe_gap(struct v05_generation *generation, const struct v05_listing *listing, int64_t time,
                      const struct plan *plan, char **ret_gap);

/* Says that TXIDs are missing; the caller frees it. 0 or -ENOMEM. */
int plan_write_gap(uint64_t first, uint64_t last, char **ret_gap);

/* The state_inode of the state at `txid` upon `base` (NULL: none). What a state holds is told by both: a base
 * that was made later may hold a newer state than its TXID says. */
uint64_t plan_inode(const struct ltx_file *base, uint64_t txid);
