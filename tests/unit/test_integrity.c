#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "data_files.h"
#include "fake_state.h"
#include "integrity.h"
#include "litemount/task.h"

#define PAGE 4096

/* A folder with the database, made by SQLite itself. */
static char folder[64], path[128];

static int make_folder(void **state)
{
    strcpy(folder, "/tmp/litemount-integrity-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/odd ?name#%%41.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder); /* fails if anything was left in it */
}

static void make_database(const char *sql)
{
    sqlite3 *connection;

    unlink(path);
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "PRAGMA journal_mode = wal", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(connection), SQLITE_OK);
    assert_int_equal(chmod(path, 0400), 0);
}

static void overwrite(long offset, const char *bytes, size_t length)
{
    assert_int_equal(chmod(path, 0600), 0);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

#define BOOKS                                                                                                \
    "CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT);"                                              \
    "CREATE TABLE books (id INTEGER PRIMARY KEY, author INTEGER REFERENCES authors (id), title TEXT);"       \
    "CREATE INDEX titles ON books (title);"                                                                  \
    "INSERT INTO authors VALUES (1, 'a');"                                                                   \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"                         \
    " INSERT INTO books SELECT i, 1, 'title ' || i FROM n;"

/* --- a state that holds the database's bytes --- */

static struct buffer held;
static uint64_t fails_from = UINT64_MAX; /* bytes: reads beyond it fail */

static int64_t read_held(struct state *state, uint64_t offset, size_t length, void *bytes, struct task *task)
{
    if (offset + length > fails_from)
        return task_fail(task, EIO, "the store is on fire");
    memcpy(bytes, held.data + offset, length);
    return (int64_t)length;
}

static struct state *hold(void)
{
    static const struct state_ops ops = {.read = read_held, .close = fake_state_close};
    static const struct generation_ops generation_ops = {.close = fake_generation_close};
    static const struct history_options options = {0};
    struct generation *generation = calloc(1, sizeof *generation);
    struct state *state = calloc(1, sizeof *state);

    assert_int_equal(generation_init(generation, &generation_ops, "g", NULL, &options), 0);
    state_init(state, &ops, generation);
    generation_unref(generation);
    held = read_file(path);
    state->size = held.size;
    return state;
}

static void let_go(struct state *state)
{
    state_unref(state);
    buffer_finish(&held);
    held = (struct buffer){0};
}

/* --- both ways to check say the same --- */

static void assert_wrong(enum integrity_check check, const char *expected)
{
    struct task task;
    char *wrong = NULL;

    task_init(&task, NULL);
    assert_int_equal(integrity_check_file(path, check, &task, &wrong), 0);
    if (expected)
        assert_string_equal(wrong ? wrong : "nothing", expected);
    else
        assert_null(wrong);
    free(wrong);
    wrong = NULL;
    struct state *state = hold();
    assert_int_equal(integrity_check_state(state, check, &task, &wrong), 0);
    if (expected)
        assert_string_equal(wrong ? wrong : "nothing", expected);
    else
        assert_null(wrong);
    free(wrong);
    let_go(state);
}

static void a_sound_database_is_ok_and_nothing_is_left_beside_it(void **state)
{
    make_database(BOOKS);
    struct buffer before = read_file(path);
    assert_int_equal(before.data[18], 2); /* in WAL mode */
    assert_wrong(INTEGRITY_QUICK, NULL);
    assert_wrong(INTEGRITY_FULL, NULL);
    assert_wrong(INTEGRITY_FOREIGN_KEYS, NULL);
    assert_wrong(INTEGRITY_TABLES, NULL);
    struct buffer after = read_file(path);
    assert_int_equal(after.size, before.size);
    assert_memory_equal(after.data, before.data, after.size);
    buffer_finish(&before);
    buffer_finish(&after);
    DIR *directory = opendir(folder);
    int n = 0;
    while (readdir(directory))
        n++;
    closedir(directory);
    assert_int_equal(n, 3); /* ".", ".." and the database */
}

static void an_empty_file_is_ok(void **state)
{
    make_database("");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 0), 0);
    assert_wrong(INTEGRITY_FULL, NULL);
    assert_wrong(INTEGRITY_FOREIGN_KEYS, NULL);
    assert_wrong(INTEGRITY_TABLES, "it has no tables");
}

static void tables_of_litestream_and_sqlite_are_none_of_the_application(void **state)
{
    make_database("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);"
                  "CREATE TABLE _litestream_lock (id INTEGER); ANALYZE;");
    assert_wrong(INTEGRITY_TABLES, "it has no tables");
    make_database("CREATE TABLE _litestream_seq (id INTEGER); CREATE TABLE litestreams (id INTEGER);");
    assert_wrong(INTEGRITY_TABLES, NULL);
}

static void an_index_that_lacks_a_row_is_found_by_the_full_check_only(void **state)
{
    make_database(BOOKS "CREATE TABLE other (title TEXT); INSERT INTO other VALUES ('x'), ('y'), ('z');"
                        "CREATE INDEX empty ON other (title) WHERE title > 'zz';"
                        "PRAGMA writable_schema = on;"
                        "UPDATE sqlite_schema SET sql = 'CREATE INDEX empty ON other (title)'"
                        " WHERE name = 'empty';");
    assert_wrong(INTEGRITY_QUICK, NULL);
    assert_wrong(INTEGRITY_FULL, "row 1 missing from index empty; and 3 more");
}

static void violated_foreign_keys_are_found(void **state)
{
    make_database(BOOKS "PRAGMA foreign_keys = off; UPDATE books SET author = 7 WHERE id = 2;");
    assert_wrong(INTEGRITY_FULL, NULL);
    assert_wrong(INTEGRITY_FOREIGN_KEYS, "row 2 of books refers to no row of authors");
    make_database(BOOKS "PRAGMA foreign_keys = off; DELETE FROM authors;");
    assert_wrong(INTEGRITY_FOREIGN_KEYS, "row 1 of books refers to no row of authors; and 499 more");
    make_database(
        "PRAGMA foreign_keys = off; CREATE TABLE a (k TEXT PRIMARY KEY, b REFERENCES c) WITHOUT ROWID;"
        "CREATE TABLE c (id INTEGER PRIMARY KEY); INSERT INTO a VALUES ('k', 4);");
    assert_wrong(INTEGRITY_FOREIGN_KEYS, "a row of a refers to no row of c");
}

static void a_malformed_page_is_found(void **state)
{
    make_database(BOOKS);
    overwrite(2 * PAGE, "\x99\x99", 2);
    struct task task;
    char *wrong = NULL;
    task_init(&task, NULL);
    assert_int_equal(integrity_check_file(path, INTEGRITY_QUICK, &task, &wrong), 0);
    assert_non_null(wrong);
    assert_null(strchr(wrong, '\n'));
    assert_null(strstr(wrong, "***"));
    free(wrong);
}

static void what_is_no_database_is_found(void **state)
{
    make_database(BOOKS);
    overwrite(0, "nonsense", 8);
    assert_wrong(INTEGRITY_QUICK, "file is not a database");
}

static void a_read_that_fails_is_no_finding(void **state)
{
    make_database(BOOKS);
    struct state *database = hold();
    struct task task;
    char *wrong = NULL;

    for (fails_from = 0; fails_from < held.size; fails_from += PAGE) {
        task_init(&task, NULL);
        assert_int_equal(integrity_check_state(database, INTEGRITY_FULL, &task, &wrong), -EIO);
        assert_string_equal(task.reason, "the store is on fire");
        assert_null(wrong);
    }
    fails_from = UINT64_MAX;
    task_init(&task, NULL);
    task_cancel(&task);
    assert_int_equal(integrity_check_state(database, INTEGRITY_FULL, &task, &wrong), -ECANCELED);
    assert_null(wrong);
    let_go(database);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    struct task task;
    char *wrong = NULL;
    task_init(&task, NULL);
    assert_int_equal(integrity_check_file("/nowhere/x.db", INTEGRITY_QUICK, &task, &wrong), -ENOENT);
    assert_string_equal(task.reason, "/nowhere/x.db: cannot open it: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_database_is_ok_and_nothing_is_left_beside_it),
        cmocka_unit_test(an_empty_file_is_ok),
        cmocka_unit_test(tables_of_litestream_and_sqlite_are_none_of_the_application),
        cmocka_unit_test(an_index_that_lacks_a_row_is_found_by_the_full_check_only),
        cmocka_unit_test(violated_foreign_keys_are_found),
        cmocka_unit_test(a_malformed_page_is_found),
        cmocka_unit_test(what_is_no_database_is_found),
        cmocka_unit_test(a_read_that_fails_is_no_finding),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
