/* What a replica holds, as the formats list it: folder by folder, but of a small replica all at once.
 *
 * One request tells up to CONTENTS_AT_ONCE objects, so of a replica that has no more every folder is known
 * after a single round trip, whatever formats it holds. */
#pragma once

#include <stdatomic.h>

#include "litemount/replica.h"

#define CONTENTS_AT_ONCE 1000 /* objects: what S3 lists in one answer */

struct contents {
    struct replica *replica; /* borrowed */
    struct cache *cache;     /* borrowed: keeps the listings of large folders; NULL: none are kept */
    bool recall;             /* what was listed lately by another mount counts */
    _Atomic int64_t *as_of;  /* borrowed: set back to when the oldest of them was listed; NULL if no cache */
    bool complete;           /* `all` is every object that there is */
    struct listing all;
};

/* Looks whether the replica is a small one. Without a look, `{.replica = REPLICA}` lists folder by folder.
 * 0, or replica_list's errno. The caller finishes the contents either way. */
int contents_look(struct contents *contents, struct task *task);
void contents_finish(struct contents *contents);

/* As replica_list of one folder; added to `listing`. */
int contents_list(const struct contents *contents, const char *prefix, const char *after, struct task *task,
                  struct listing *listing);
