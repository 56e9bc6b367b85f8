/* The databases of a catalog by name, and the folders that their names make. Not locked: its owner is. */
#pragma once

#include "litemount/history.h"

/* Sorted by name. Owns names and histories. Zero-initialise. */
struct entries {
    struct entry {
        char *name;
        struct history *history;
        bool was_found; /* by listing the store, so that its backup is surely there */
    } * items;
    size_t n, capacity;
};

void entries_finish(struct entries *entries);

/* Takes `history` over on success. 0, -EEXIST if the name is taken, lies below another's or is a folder of
 * one; -ENOMEM. */
int entries_add(struct entries *entries, const char *name, struct history *history, bool was_found);

bool entries_can_add(const struct entries *entries, const char *name);
struct history *entries_find(const struct entries *entries, const char *name); /* borrowed, or NULL */
size_t entries_number(const struct entries *entries, const char *name);        /* its place in the order */
bool entry_was_found(const struct entries *entries, const char *name);
bool entries_have_folder(const struct entries *entries, const char *folder); /* "" always */

/* Adds what stands directly in `folder`. 0 or -ENOMEM. */
int entries_list(const struct entries *entries, const char *folder, struct names *names);
