#include "integrity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "integrity_own.h"
#include "litemount/cleanup.h"
#include "litemount/history.h"
#include "litemount/task.h"
#include "read_only_vfs.h"

#define STEPS_BETWEEN_LOOKS 1000 /* of SQLite's virtual machine: at whether anybody still waits */

static void integrity_close_connection(sqlite3 **connection)
{
    sqlite3_close(*connection);
}

static void integrity_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

void integrity_finish(struct integrity *integrity)
{
    free(integrity->wrong);
    free(integrity->unchecked);
}

/* What a check has found so far. Zero-initialise. */
struct findings {
    char *first; /* a line */
    uint64_t n;
    struct own_parts own;
};

static void integrity_findings_finish(struct findings *findings)
{
    free(findings->first);
    own_parts_finish(&findings->own);
}

/* Takes over the line, which is NULL if there was no memory for it. 0 or -ENOMEM. */
static int integrity_findings_add(struct findings *findings, char *line)
{
    if (!line)
        return -ENOMEM;
    if (own_parts_excuse(&findings->own, line) || findings->n++ > 0)
        free(line);
    else
        findings->first = line;
    return 0;
}

/* A row of integrity_check or quick_check: lines, of which one may say where the others were found; "ok" if
 * there is nothing. */
static int integrity_findings_take_lines(sqlite3_stmt *statement, struct findings *findings)
{
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    int r = text ? 0 : -ENOMEM;

    for (size_t length; r == 0 && *text; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (strncmp(text, "*** ", 4) != 0 && strcmp(text, "ok") != 0)
            r = integrity_findings_add(findings, strndup(text, length));
    }
    return r;
}

/* A row of foreign_key_check: the table, the row (NULL: it has no number), and the table that it refers to.
 */
static int integrity_findings_take_violation(sqlite3_stmt *statement, struct findings *findings)
{
    const char *table = (const char *)sqlite3_column_text(statement, 0),
               *parent = (const char *)sqlite3_column_text(statement, 2);
    char *line = NULL;
    int n;

    if (!table || !parent)
        return -ENOMEM;
    if (sqlite3_column_type(statement, 1) == SQLITE_NULL)
        n = asprintf(&line, "a row of %s refers to no row of %s", table, parent);
    else
        n = asprintf(&line, "row %" PRId64 " of %s refers to no row of %s",
                     (int64_t)sqlite3_column_int64(statement, 1), table, parent);
    return integrity_findings_add(findings, n < 0 ? NULL : line);
}

static const struct {
    const char *sql;
    const char *sql_for_all; /* the same without an end after a hundred findings, which may say nothing */
    int (*take)(sqlite3_stmt *statement, struct findings *findings);
} checks[] = {
    [INTEGRITY_QUICK] = {"PRAGMA quick_check", "PRAGMA quick_check(2147483647)",
                         integrity_findings_take_lines},
    [INTEGRITY_FULL] = {"PRAGMA integrity_check", "PRAGMA integrity_check(2147483647)",
                        integrity_findings_take_lines},
    [INTEGRITY_FOREIGN_KEYS] = {"PRAGMA foreign_key_check", NULL, integrity_findings_take_violation},
    [INTEGRITY_TABLES] = {"SELECT 'it has no tables' WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema"
                          " WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
                          " AND name NOT LIKE '~_litestream~_%' ESCAPE '~')",
                          NULL, integrity_findings_take_lines},
};

/* Prepares the statement, whatever it needs that is the application's own. SQLite's code. */
static int integrity_prepare(sqlite3 *connection, const char *sql, struct own_parts *own,
                             sqlite3_stmt **ret_statement)
{
    int code;

    do
        code = sqlite3_prepare_v2(connection, sql, -1, ret_statement, NULL);
    while (code == SQLITE_ERROR && own_parts_supply(own, connection));
    return code;
}

/* As above, and knows what the statement's findings are worth. Foreign keys are compared by the collations of
 * what they refer to: without those nothing is told of them. */
static int integrity_prepare_check(sqlite3 *connection, enum integrity_check check, struct own_parts *own,
                                   sqlite3_stmt **ret_statement)
{
    int code = integrity_prepare(connection, checks[check].sql, own, ret_statement);

    if (code != SQLITE_OK || own->names.n == 0)
        return code;
    sqlite3_finalize(*ret_statement);
    *ret_statement = NULL;
    if (!checks[check].sql_for_all)
        return SQLITE_OK;
    code = own_parts_find_excused(own, connection);
    return code == SQLITE_OK ? integrity_prepare(connection, checks[check].sql_for_all, own, ret_statement)
                             : code;
}

/* Runs the check. 0, -ENOMEM, or SQLite's code, which is positive. */
static int integrity_run(sqlite3 *connection, enum integrity_check check, struct findings *findings)
{
    _cleanup_(integrity_finalize) sqlite3_stmt *statement = NULL;
    int r = 0, code = integrity_prepare_check(connection, check, &findings->own, &statement);

    while (statement && (code == SQLITE_OK || code == SQLITE_ROW)) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW && (r = checks[check].take(statement, findings)) < 0)
            return r;
    }
    return code == SQLITE_DONE || (code == SQLITE_OK && !statement) ? 0 : code;
}

/* Makes one line of what was found. 0 or -ENOMEM. */
static int integrity_sum_up(struct findings *findings, struct integrity *integrity)
{
    integrity->n_wrong = findings->n;
    if (findings->n <= 1) {
        integrity->wrong = steal_pointer(findings->first);
    } else if (asprintf(&integrity->wrong, "%s; and %" PRIu64 " more", findings->first, findings->n - 1) <
               0) {
        integrity->wrong = NULL;
        return -ENOMEM;
    }
    return own_parts_describe(&findings->own, &integrity->unchecked);
}

static int integrity_is_over(void *task)
{
    return task_cancelled(task);
}

/* What SQLite says of the database when it can't even begin, or go on: that it is none, or malformed. */
static int integrity_complain(const struct read_only_vfs *vfs, sqlite3 *connection, int code,
                              struct integrity *integrity)
{
    if (code == SQLITE_INTERRUPT)
        return -ECANCELED;
    if (code == SQLITE_NOMEM && vfs->heap_limit > 0)
        return asprintf(&integrity->wrong, READ_ONLY_HEAP_PROBLEM, vfs->heap_limit >> 20) < 0 ? -ENOMEM : 0;
    if (code == SQLITE_TOOBIG)
        integrity->wrong = strdup("its schema asks for a value that is larger than the database");
    else
        integrity->wrong = connection ? strdup(sqlite3_errmsg(connection)) : NULL;
    return integrity->wrong ? 0 : -ENOMEM;
}

static int integrity_check_connected(struct read_only_vfs *vfs, enum integrity_check check,
                                     struct integrity *integrity)
{
    _cleanup_(integrity_findings_finish) struct findings findings = {0};
    _cleanup_(integrity_close_connection) sqlite3 *connection = NULL;
    int r = read_only_vfs_connect(vfs, &connection);

    if (r == 0) {
        sqlite3_progress_handler(connection, STEPS_BETWEEN_LOOKS, integrity_is_over, vfs->task);
        r = own_parts_watch(&findings.own, connection);
    }
    if (r == 0)
        r = integrity_run(connection, check, &findings);
    if (vfs->error < 0) /* what SQLite makes of it says less */
        return vfs->error;
    if (r > 0)
        return integrity_complain(vfs, connection, r, integrity);
    return r < 0 ? r : integrity_sum_up(&findings, integrity);
}

static int integrity_check_source(const struct read_only_source *source, enum integrity_check check,
                                  struct task *task, struct integrity *ret_integrity)
{
    struct integrity integrity = {0};
    struct read_only_vfs vfs;
    int r = read_only_vfs_begin(&vfs, source, task);

    if (r < 0)
        return r;
    r = integrity_check_connected(&vfs, check, &integrity);
    read_only_vfs_end(&vfs);
    if (r < 0)
        integrity_finish(&integrity);
    else
        *ret_integrity = integrity;
    return r;
}

static int integrity_read_state(void *state, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    int64_t n = state_read(state, offset, length, bytes, task);
    return n < 0 ? (int)n : (uint64_t)n < length ? -EIO : 0;
}

int integrity_check_state(struct state *state, enum integrity_check check, struct task *task,
                          struct integrity *ret_integrity)
{
    const struct read_only_source source = {state_size(state), integrity_read_state, state};
    return integrity_check_source(&source, check, task, ret_integrity);
}

/* A file that is checked. */
struct open_file {
    const char *path;
    int fd;
};

static int integrity_read_file(void *context, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    const struct open_file *file = context;

    while (length) {
        ssize_t n = pread(file->fd, bytes, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return task_fail(task, n < 0 ? errno : EIO, "%s: cannot read it: %s", file->path,
                             n < 0 ? strerror(errno) : "it was cut");
        bytes = (char *)bytes + n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return 0;
}

int integrity_check_file(const char *path, enum integrity_check check, struct task *task,
                         struct integrity *ret_integrity)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct open_file file = {path, fd};
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return task_fail(task, errno, "%s: cannot open it: %s", path, strerror(errno));
    const struct read_only_source source = {(uint64_t)status.st_size, integrity_read_file, &file};
    return integrity_check_source(&source, check, task, ret_integrity);
}
