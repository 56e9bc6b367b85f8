/* What a schema names of its application's own: collations and functions that only the application has.
 *
 * SQLite refuses a whole check where an index needs one. So each is stood in for by something that does
 * nothing, and what SQLite then says of the indexes that need it is not counted; all else is checked. */
#pragma once

#include <sqlite3.h>

#include "litemount/history.h"

/* Zero-initialise; finish it after the connection is closed. */
struct own_parts {
    struct names names;   /* that were stood in for: "collation de_DE", "function slug" */
    struct names excused; /* ends of findings that say nothing: "index by_name" */
    bool out_of_memory;
};

void own_parts_finish(struct own_parts *own);

/* Stands in for collations as they are asked for. SQLite's code. */
int own_parts_watch(struct own_parts *own, sqlite3 *connection);

/* Whether a statement could not be prepared for want of a function that is now stood in for: then it is worth
 * another try. */
bool own_parts_supply(struct own_parts *own, sqlite3 *connection);

/* Finds what can't be checked for want of them, once the check was prepared. SQLite's code. */
int own_parts_find_excused(struct own_parts *own, sqlite3 *connection);

/* Whether a finding of integrity_check is about such a thing. */
bool own_parts_excuse(const struct own_parts *own, const char *finding);

/* Says what was not checked, and why: a sentence for the caller to free, NULL if there is nothing. 0 or
 * -ENOMEM. */
int own_parts_describe(const struct own_parts *own, char **ret_text);
