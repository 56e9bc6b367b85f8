/* Findings are told apart by how they end: SQLite's pragma.c, integrity_check, has them as sentences only. */
#include "integrity_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"

#define COLLATION "collation "
#define FUNCTION "function "
#define MOST 100 /* names that are stood in for: of more the check fails as SQLite has it */

void own_parts_finish(struct own_parts *own)
{
    names_finish(&own->names);
    names_finish(&own->excused);
}

static int own_parts_add(struct own_parts *own, const char *kind, const char *name)
{
    _cleanup_free_ char *text = NULL;

    if (asprintf(&text, "%s%s", kind, name) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return names_add(&own->names, text, false);
}

static int own_parts_compare(void *context, int left_length, const void *left, int right_length,
                             const void *right)
{
    int shorter = left_length < right_length ? left_length : right_length;
    int order = memcmp(left, right, (size_t)shorter);

    return order ? order : left_length - right_length;
}

static void own_parts_supply_collation(void *context, sqlite3 *connection, int encoding, const char *name)
{
    struct own_parts *own = context;

    if (own->names.n >= MOST)
        return;
    if (sqlite3_create_collation(connection, name, SQLITE_UTF8, NULL, own_parts_compare) != SQLITE_OK ||
        own_parts_add(own, COLLATION, name) < 0)
        own->out_of_memory = true;
}

int own_parts_watch(struct own_parts *own, sqlite3 *connection)
{
    return sqlite3_collation_needed(connection, own, own_parts_supply_collation);
}

/* What an index has in place of NULL is excused. CHECK constraints are none of a read-only database's. */
static void own_parts_give_null(sqlite3_context *context, int n_arguments, sqlite3_value **arguments)
{
    sqlite3_result_null(context);
}

/* The name that SQLite's error says it lacks; the caller frees it. NULL: it says something else. */
static char *own_parts_lacking_function(const char *error)
{
    static const char *const beginnings[] = {"no such function: ", "unknown function: "};

    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        size_t length = strlen(beginnings[i]);
        if (strncmp(error, beginnings[i], length) == 0)
            return strndup(error + length, strcspn(error + length, "("));
    }
    return NULL;
}

bool own_parts_supply(struct own_parts *own, sqlite3 *connection)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    _cleanup_free_ char *name = own_parts_lacking_function(sqlite3_errmsg(connection));

    if (!name || !*name || own->names.n >= MOST)
        return false;
    return sqlite3_create_function(connection, name, -1, flags, NULL, own_parts_give_null, NULL, NULL) ==
               SQLITE_OK &&
           own_parts_add(own, FUNCTION, name) == 0;
}

/* Each gives the ends of findings that say nothing for want of ?1. A table without rowid is one with its
 * primary key, whose order is the collation's. What holds a function's result may lie in the index itself or
 * in a column of its table. */
static const char excused_by_collation[] =
    "SELECT 'index ' || l.name FROM sqlite_schema t, pragma_index_list(t.name) l,"
    " pragma_index_xinfo(l.name) x WHERE t.type = 'table' AND x.coll = ?1 COLLATE NOCASE"
    " UNION SELECT 'PRIMARY KEY order for ' || t.name FROM sqlite_schema t, pragma_index_list(t.name) l,"
    " pragma_index_xinfo(l.name) x WHERE t.type = 'table' AND l.origin = 'pk'"
    " AND x.coll = ?1 COLLATE NOCASE";
static const char excused_by_function[] =
    "SELECT 'index ' || l.name FROM sqlite_schema t, pragma_index_list(t.name) l LEFT JOIN sqlite_schema i"
    " ON i.type = 'index' AND i.name = l.name WHERE t.type = 'table'"
    " AND (instr(lower(t.sql), lower(?1)) OR instr(lower(i.sql), lower(?1)))";

static int own_parts_find_excused_by(struct own_parts *own, sqlite3 *connection, const char *sql,
                                     const char *name)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *end = (const char *)sqlite3_column_text(statement, 0);
        code = end && names_add(&own->excused, end, false) == 0 ? SQLITE_OK : SQLITE_NOMEM;
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int own_parts_find_excused(struct own_parts *own, sqlite3 *connection)
{
    int code = own->out_of_memory ? SQLITE_NOMEM : SQLITE_OK;

    for (size_t i = 0; i < own->names.n && code == SQLITE_OK; i++) {
        const char *name = own->names.items[i].text;
        code =
            strncmp(name, COLLATION, strlen(COLLATION)) == 0
                ? own_parts_find_excused_by(own, connection, excused_by_collation, name + strlen(COLLATION))
                : own_parts_find_excused_by(own, connection, excused_by_function, name + strlen(FUNCTION));
    }
    names_sort(&own->excused);
    return code;
}

bool own_parts_excuse(const struct own_parts *own, const char *finding)
{
    size_t length = strlen(finding);

    for (size_t i = 0; i < own->excused.n; i++) {
        size_t end = strlen(own->excused.items[i].text);
        if (end <= length && strcmp(finding + length - end, own->excused.items[i].text) == 0)
            return true;
    }
    return false;
}

int own_parts_describe(const struct own_parts *own, char **ret_text)
{
    char what[400], why[400];

    *ret_text = NULL;
    if (own->names.n == 0)
        return 0;
    names_join(&own->excused, what, sizeof what);
    names_join(&own->names, why, sizeof why);
    if (asprintf(ret_text, "only the application has %s, so this is not checked: %s", why,
                 own->excused.n ? what : "what needs it") < 0) {
        *ret_text = NULL;
        return -ENOMEM;
    }
    return 0;
}
