/* A format that backups are written in, as its folder hands it up: what history asks before it has a
 * generation. Which formats there are is known to formats.c alone. */
#pragma once

#include <stdbool.h>

struct contents;
struct generation;
struct history_options;
struct names;
struct replica;
struct task;

#define FORMAT_MOST_FOLDERS 2 /* kinds of folders that a format keeps its objects in */

struct format {
    /* The one generation that there can be, or NULL. A replica of which it lists no object has it not. */
    const char *only_generation;

    /* Adds the names of the generations that the replica holds. 0, or replica_list's errno. */
    int (*list_generations)(const struct contents *contents, struct task *task, struct names *names);

    /* Makes the generation `name` below `replica`, which is borrowed from the history. Lists nothing yet. 0
     * or -ENOMEM. */
    int (*open)(const char *name, struct replica *replica, const struct history_options *options,
                struct generation **ret_generation);

    /* Whether a key below a backup's root ("ltx/...") is an object's. */
    bool (*is_key)(const char *key);

    /* Of which kind, from 1 to FORMAT_MOST_FOLDERS, a folder of that name below a backup's root ("ltx/") is,
     * where it may hold objects; else 0. */
    unsigned (*folder_kind)(const char *folder);
};
