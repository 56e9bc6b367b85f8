/* The databases of a catalog by name, and the folders that their names make. Not locked: its owner is. */
#pragma once

#include "litemount/history.h"

struct database_config;

/* Sorted by name. Owns names and histories. Zero-initialise. */
struct entries {
    struct entry {
        char *name;
        struct history *history;
        const struct database_config *folder; /* borrowed: where listing the store has found it, so that its
                                                 backup is surely there; NULL: it has a place of its own */
    } * items;
    size_t n, capacity;
};

void entries_finish(struct entries *entries);

/* Takes `history` over on success. 0, -EEXIST if the name is taken, lies below another's or is a folder of
 * one; -ENOMEM. */
int entries_add(struct entries *entries, const char *name, struct history *history,
                const struct database_config *folder);

/* How much of `name` is the name of a database that it would lie below; 0: it lies below none. */
size_t entries_above(const struct entries *entries, const char *name);

bool entries_can_add(const struct entries *entries, const char *name);
struct history *entries_find(const struct entries *entries, const char *name); /* borrowed, or NULL */
size_t entries_number(const struct entries *entries, const char *name);        /* its place in the order */
const struct database_config *entry_folder(const struct entries *entries, const char *name); /* or NULL */
bool entries_have_folder(const struct entries *entries, const char *folder);                 /* "" always */

/* Adds what stands directly in `folder`. 0 or -ENOMEM. */
int entries_list(const struct entries *entries, const char *folder, struct names *names);
