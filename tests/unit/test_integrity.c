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
#include "integrity/integrity.h"
#include "litemount/cleanup.h"
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

/* What an application has, and nobody else: an order without regard to case, and a text backwards. */
static int compare_without_case(void *context, int left_length, const void *left, int right_length,
                                const void *right)
{
    int shorter = left_length < right_length ? left_length : right_length;
    int order = sqlite3_strnicmp(left, right, shorter);
    return order ? order : left_length - right_length;
}

static void reverse(sqlite3_context *context, int n_arguments, sqlite3_value **arguments)
{
    char text[64] = "";
    size_t length = strlen((const char *)sqlite3_value_text(arguments[0]));
    for (size_t i = 0; i < length && i < sizeof text - 1; i++)
        text[i] = (char)sqlite3_value_text(arguments[0])[length - 1 - i];
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void make_database(const char *sql)
{
    sqlite3 *connection;

    unlink(path);
    assert_int_equal(sqlite3_open(path, &connection), SQLITE_OK);
    assert_int_equal(sqlite3_create_collation(connection, "de_DE", SQLITE_UTF8, NULL, compare_without_case),
                     SQLITE_OK);
    assert_int_equal(sqlite3_create_function(connection, "backwards", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                             NULL, reverse, NULL, NULL),
                     SQLITE_OK);
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

static void assert_text(const char *text, const char *expected)
{
    if (expected)
        assert_string_equal(text ? text : "nothing", expected);
    else
        assert_null(text);
}

static void assert_found(enum integrity_check check, uint64_t n, const char *wrong, const char *unchecked)
{
    struct integrity found;
    struct task task;

    task_init(&task, NULL);
    assert_int_equal(integrity_check_file(path, check, &task, &found), 0);
    assert_text(found.wrong, wrong);
    assert_text(found.unchecked, unchecked);
    assert_int_equal(found.n_wrong, n);
    integrity_finish(&found);
    struct state *state = hold();
    assert_int_equal(integrity_check_state(state, check, &task, &found), 0);
    assert_text(found.wrong, wrong);
    assert_text(found.unchecked, unchecked);
    integrity_finish(&found);
    let_go(state);
}

static void assert_wrong(enum integrity_check check, uint64_t n, const char *expected)
{
    assert_found(check, n, expected, NULL);
}

static void assert_sound(enum integrity_check check)
{
    assert_wrong(check, 0, NULL);
}

static void a_sound_database_is_ok_and_nothing_is_left_beside_it(void **state)
{
    make_database(BOOKS);
    struct buffer before = read_file(path);
    assert_int_equal(before.data[18], 2); /* in WAL mode */
    assert_sound(INTEGRITY_QUICK);
    assert_sound(INTEGRITY_FULL);
    assert_sound(INTEGRITY_FOREIGN_KEYS);
    assert_sound(INTEGRITY_TABLES);
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
    assert_sound(INTEGRITY_FULL);
    assert_sound(INTEGRITY_FOREIGN_KEYS);
    assert_wrong(INTEGRITY_TABLES, 1, "it has no tables");
}

static void tables_of_litestream_and_sqlite_are_none_of_the_application(void **state)
{
    make_database("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);"
                  "CREATE TABLE _litestream_lock (id INTEGER); ANALYZE;");
    assert_wrong(INTEGRITY_TABLES, 1, "it has no tables");
    make_database("CREATE TABLE _litestream_seq (id INTEGER); CREATE TABLE litestreams (id INTEGER);");
    assert_sound(INTEGRITY_TABLES);
}

static void an_index_that_lacks_a_row_is_found_by_the_full_check_only(void **state)
{
    make_database(BOOKS "CREATE TABLE other (title TEXT); INSERT INTO other VALUES ('x'), ('y'), ('z');"
                        "CREATE INDEX empty ON other (title) WHERE title > 'zz';"
                        "PRAGMA writable_schema = on;"
                        "UPDATE sqlite_schema SET sql = 'CREATE INDEX empty ON other (title)'"
                        " WHERE name = 'empty';");
    assert_sound(INTEGRITY_QUICK);
    assert_wrong(INTEGRITY_FULL, 4, "row 1 missing from index empty; and 3 more");
}

static void violated_foreign_keys_are_found(void **state)
{
    make_database(BOOKS "PRAGMA foreign_keys = off; UPDATE books SET author = 7 WHERE id = 2;");
    assert_sound(INTEGRITY_FULL);
    assert_wrong(INTEGRITY_FOREIGN_KEYS, 1, "row 2 of books refers to no row of authors");
    make_database(BOOKS "PRAGMA foreign_keys = off; DELETE FROM authors;");
    assert_wrong(INTEGRITY_FOREIGN_KEYS, 500, "row 1 of books refers to no row of authors; and 499 more");
    make_database(
        "PRAGMA foreign_keys = off; CREATE TABLE a (k TEXT PRIMARY KEY, b REFERENCES c) WITHOUT ROWID;"
        "CREATE TABLE c (id INTEGER PRIMARY KEY); INSERT INTO a VALUES ('k', 4);");
    assert_wrong(INTEGRITY_FOREIGN_KEYS, 1, "a row of a refers to no row of c");
}

static void a_malformed_page_is_found(void **state)
{
    make_database(BOOKS);
    overwrite(2 * PAGE, "\x99\x99", 2);
    struct task task;
    struct integrity found;
    task_init(&task, NULL);
    assert_int_equal(integrity_check_file(path, INTEGRITY_QUICK, &task, &found), 0);
    assert_non_null(found.wrong);
    assert_null(strchr(found.wrong, '\n'));
    assert_null(strstr(found.wrong, "***"));
    integrity_finish(&found);
}

static void what_is_no_database_is_found(void **state)
{
    make_database(BOOKS);
    overwrite(0, "nonsense", 8);
    assert_wrong(INTEGRITY_QUICK, 0, "file is not a database");
}

static void a_read_that_fails_is_no_finding(void **state)
{
    make_database(BOOKS);
    struct state *database = hold();
    struct integrity found;
    struct task task;

    for (fails_from = 0; fails_from < held.size; fails_from += PAGE) {
        task_init(&task, NULL);
        assert_int_equal(integrity_check_state(database, INTEGRITY_FULL, &task, &found), -EIO);
        assert_string_equal(task.reason, "the store is on fire");
    }
    fails_from = UINT64_MAX;
    task_init(&task, NULL);
    task_cancel(&task);
    assert_int_equal(integrity_check_state(database, INTEGRITY_FULL, &task, &found), -ECANCELED);
    let_go(database);
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    struct integrity found;
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(integrity_check_file("/nowhere/x.db", INTEGRITY_QUICK, &task, &found), -ENOENT);
    assert_string_equal(task.reason, "/nowhere/x.db: cannot open it: No such file or directory");
}

/* --- what only the application has --- */

#define WORDS                                                                                                \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"                         \
    " INSERT INTO words SELECT i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'B' END || i, 'w' || i FROM n;"

#define OWN                                                                                                  \
    "CREATE TABLE words (id INTEGER PRIMARY KEY, german TEXT COLLATE de_DE, word TEXT);"                     \
    "CREATE INDEX by_german ON words (german); CREATE INDEX by_end ON words (backwards(word));"              \
    "CREATE INDEX by_word ON words (word);" WORDS

#define UNCHECKED                                                                                            \
    "only the application has collation de_DE, function backwards, so this is not checked: "                 \
    "index by_end, index by_german"

static void an_index_that_needs_the_applications_own_is_named_and_the_rest_is_checked(void **state)
{
    make_database(OWN);
    assert_found(INTEGRITY_FULL, 0, NULL, UNCHECKED);
    make_database(OWN "CREATE TABLE other (title TEXT); INSERT INTO other VALUES ('x'), ('y'), ('z');"
                      "CREATE INDEX empty ON other (title) WHERE title > 'zz';"
                      "PRAGMA writable_schema = on;"
                      "UPDATE sqlite_schema SET sql = 'CREATE INDEX empty ON other (title)'"
                      " WHERE name = 'empty';");
    assert_found(INTEGRITY_FULL, 4, "row 1 missing from index empty; and 3 more", UNCHECKED);
}

static void keys_and_columns_may_need_the_applications_own(void **state)
{
    make_database("CREATE TABLE words (id, german TEXT COLLATE de_DE PRIMARY KEY, word TEXT)"
                  " WITHOUT ROWID;" WORDS);
    assert_found(INTEGRITY_FULL, 0, NULL,
                 "only the application has collation de_DE, so this is not checked: "
                 "PRIMARY KEY order for words, index sqlite_autoindex_words_1");
    make_database("CREATE TABLE words (id, german, word TEXT, "
                  "back TEXT AS (backwards(word))); CREATE INDEX by_back ON words (back);"
                  "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                  " INSERT INTO words SELECT i, i, 'w' || i FROM n;");
    assert_found(INTEGRITY_FULL, 0, NULL,
                 "only the application has function backwards, so this is not checked: index by_back");
}

static void foreign_keys_by_the_applications_own_collation_are_not_checked(void **state)
{
    make_database("CREATE TABLE a (k TEXT COLLATE de_DE UNIQUE); CREATE TABLE b (a REFERENCES a (k));"
                  "INSERT INTO a VALUES ('X'); INSERT INTO b VALUES ('x');");
    assert_found(INTEGRITY_FOREIGN_KEYS, 0, NULL,
                 "only the application has collation de_DE, so this is not checked: what needs it");
}

/* --- a schema that was made to cost memory --- */

#define HOSTILE                                                                                              \
    "CREATE TABLE t (x); INSERT INTO t VALUES (1); CREATE INDEX i ON t (x); PRAGMA writable_schema = on;"    \
    "UPDATE sqlite_schema SET sql = '%s' WHERE name = 'i';"

/* The check ends as `expected`, and SQLite has taken less than 200 MB for it. */
static void assert_costs_little(const char *index, const char *expected)
{
    _cleanup_free_ char *sql = NULL;

    assert_true(asprintf(&sql, HOSTILE, index) > 0);
    make_database(sql);
    sqlite3_memory_highwater(1);
    assert_wrong(INTEGRITY_FULL, 0, expected);
    assert_true(sqlite3_memory_highwater(0) < 200 << 20);
}

static void a_hostile_schema_costs_little(void **state)
{
    static const char too_large[] = "its schema asks for a value that is larger than the database",
                      too_much[] = "SQLite needs more than 128 MB of memory for it, which its schema must be "
                                   "made for";
    char columns[20000] = "CREATE INDEX i ON t (x", *end = columns + strlen(columns);

    assert_costs_little("CREATE INDEX i ON t (length(hex(zeroblob(450000000)) || x))", too_large);
    assert_costs_little("CREATE INDEX i ON t (x) WHERE length(replace(hex(zeroblob(500000)), ''0'',"
                        " hex(zeroblob(500)))) > 1",
                        too_large);
    for (int i = 0; i < 500; i++)
        end += sprintf(end, ", hex(zeroblob(500000)) || x");
    strcpy(end, ")");
    assert_costs_little(columns, too_much);
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
        cmocka_unit_test(an_index_that_needs_the_applications_own_is_named_and_the_rest_is_checked),
        cmocka_unit_test(keys_and_columns_may_need_the_applications_own),
        cmocka_unit_test(foreign_keys_by_the_applications_own_collation_are_not_checked),
        cmocka_unit_test(a_hostile_schema_costs_little),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
