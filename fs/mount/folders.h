/* The kinds of folder: what tree.c asks of each. The functions are as tree_lookup and tree_list, without what
 * is the same in all of them. */
#pragma once

#include "tree.h"

typedef int folder_lookup(struct catalog *catalog, const struct place *place, const char *name,
                          struct task *task, struct found *ret_found);
typedef int folder_list(struct catalog *catalog, const struct place *place, struct task *task,
                        struct names *names);

folder_lookup root_lookup, own_lookup, latest_lookup, at_lookup, at_time_lookup,
    databases_lookup; /* folders_top.c */
folder_list root_list, own_list, latest_list, at_list, at_time_list, databases_list;
folder_lookup database_lookup, instants_lookup, generations_lookup,
    generation_lookup; /* folders_database.c */
folder_list database_list, instants_list, generations_list, generation_list;
folder_lookup points_lookup, points_day_lookup, points_hour_lookup, positions_lookup; /* folders_points.c */
folder_list points_list, points_day_list, points_hour_list, positions_list;

/* Results of a lookup. `text` and `more` (NULL: nothing) are copied; `more` is put behind `text` and a '/'. 0
 * or -ENOMEM. */
int found_folder(struct found *found, enum place_kind kind, const struct place *parent);
int set_text(char **text, const char *first, const char *more);
int found_state(struct found *found, struct state *state);

/* Cuts ".EXT" off the name of a database's file, into `text`. False if it does not end so. */
bool cut_extension(const char *name, const char *database, char *text, size_t size);

/* TEXT.EXT, as the name of a state's file in a list: see names_add_state. 0 or -ENOMEM. */
int add_file(struct names *names, const char *text, const char *database, uint64_t inode);

/* TIME.EXT for each of the instants, ascending, by which the states of the database or generation are shown.
 */
int add_instants(struct history *history, const struct place *place, const struct instants *shown,
                 struct names *names);
