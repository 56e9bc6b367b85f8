/* What a replica holds, as the formats list it: folder by folder, but of a small replica all at once.
 *
 * One request tells up to CONTENTS_AT_ONCE objects, so of a replica that has no more every folder is known
 * after a single round trip, whatever formats it holds. */
#pragma once

#include "litemount/replica.h"

#define CONTENTS_AT_ONCE 1000 /* objects: what S3 lists in one answer */

struct contents {
    struct replica *replica; /* borrowed */
    bool complete;           /* `all` is every object that there is */
    struct listing all;
};

/* Looks whether the replica is a small one. 0 and contents for the caller to finish, or replica_list's errno.
 * Without a look, `{.replica = REPLICA}` lists folder by folder. */
int contents_look(struct replica *replica, struct task *task, struct contents *ret_contents);
void contents_finish(struct contents *contents);

/* As replica_list of one folder; added to `listing`. */
int contents_list(const struct contents *contents, const char *prefix, const char *after, struct task *task,
                  struct listing *listing);
