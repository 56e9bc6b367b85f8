/* The kinds of folder, each a way to look a name up and a way to list: tree.c picks one by the place. */
#pragma once

#include "litemount/history.h"
#include "place.h"

struct catalog;
struct task;

/* As tree_lookup and tree_list, without what is the same in all folders. */
struct folder_kind {
    int (*lookup)(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                  struct tree_entry *ret_entry);
    int (*list)(struct catalog *catalog, const struct place *place, struct task *task, struct names *names);
};

/* folders_top.c */
extern const struct folder_kind root_folder, own_folder, latest_folder, at_folder, at_time_folder,
    databases_folder;
/* folders_database.c */
extern const struct folder_kind database_folder, instants_folder, generations_folder, generation_folder;
/* folders_points.c */
extern const struct folder_kind points_folder, points_day_folder, points_hour_folder, positions_folder;

/* Cuts ".EXT" off the name of a database's file, into `text`. False if it does not end so. */
bool cut_extension(const char *name, const char *database, char *text, size_t size);

/* TEXT.EXT, as the name of a state's file in a list: see names_add_state. 0 or -ENOMEM. */
int folder_add_file(struct names *names, const char *text, const char *database, uint64_t inode);

/* TIME.EXT for each of the instants, ascending, by which the states of the database or generation are shown.
 */
int folder_add_instants(struct history *history, const struct place *place, const struct instants *shown,
                        struct names *names);
