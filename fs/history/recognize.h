/* Telling a backup from what only looks like one: by its folders' names, and by what is in them. */
#pragma once

#include "litemount/replica.h"

/* Whether `listing`, which is of the folder `place` ("" or ending in '/'), is that of a backup. The backup's
 * own folders are taken out of the listing: what is left may hold others. One request a folder that has such
 * a name. 1, 0, or replica_list's errno. */
int recognize_backup(struct replica *replica, const char *place, struct listing *listing, struct task *task);

/* Whether there is a backup at `place`. One request where its first keys tell. As above. */
int recognize_place(struct replica *replica, const char *place, struct task *task);

/* The end of a key that names an object of a backup relative to the backup's root ("ltx/..."), or NULL. */
const char *recognize_key(const char *key);

/* As replica_list of the first keys below `place` ("": of all), at whatever depth: one request. */
int recognize_list_first(struct replica *replica, const char *place, struct task *task,
                         struct listing *listing);
