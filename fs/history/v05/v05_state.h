/* A state of a v0.5 history. */
#pragma once

#include <stdatomic.h>

#include "v05.h"

/* Where the newest version of a page above the base stands. */
struct ltx_version {
    uint32_t page;
    uint32_t file;  /* in the chain */
    uint32_t entry; /* in that file's table */
};

struct v05_state {
    struct state base;
    struct v05_listing *listing; /* a reference: keeps the plan's files */
    struct plan plan;
    uint32_t page_size;
    atomic_bool ended; /* its end was read */

    pthread_mutex_t lock; /* guards what is below until `merged`; it never changes after that */
    bool merged;
    struct ltx_version *versions; /* by page; only pages that the chain holds */
    size_t n_versions;

    struct v05_state *successor; /* the same state, from files that came in place of some that are gone; NULL:
                                    none; a reference; guarded by the lock */
};

/* As open_at of generation_ops. */
int v05_open_at(struct generation *generation, struct generation_listing *listing, int64_t time,
                struct task *task, struct state **ret_state);

/* The state of that very TXID, of files that were there at `time`. 0; -ENOENT if none leads to it; or a
 * negative errno with a reason. */
int v05_open_txid(struct v05_generation *generation, struct v05_listing *listing, int64_t time, uint64_t txid,
                  struct task *task, struct state **ret_state);

/* v05_read.c: reads `length` bytes, at least one, from the files of the state's own plan; `bytes` may be
 * NULL: brings them into the cache. 0; -ESTALE if a file is gone; or another errno with a reason. */
int v05_read_planned(struct v05_state *state, uint64_t offset, size_t length, void *bytes, struct task *task);
