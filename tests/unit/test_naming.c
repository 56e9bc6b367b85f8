#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/naming.h"
#include "litemount/catalog.h"
#include "litemount/config.h"

/* A path ending in '/' stands for a `dir:` entry, the slash not part of it. */
static void names_databases_below_the_folder_that_all_share(void **state)
{
    static const struct {
        const char *paths[5], *names[5];
    } cases[] = {
        {{"/var/lib/app/main.db"}, {"main.db"}},
        {{"/main.db"}, {"main.db"}},
        {{"/var/lib/a.db", "/var/lib/b.db"}, {"a.db", "b.db"}},
        {{"/var/lib/a.db", "/var/lib/a.db-old"}, {"a.db", "a.db-old"}},
        {{"/a/bc/x.db", "/a/b/x.db"}, {"bc/x.db", "b/x.db"}},
        {{"/a/b/x.db", "/a/bc/x.db"}, {"b/x.db", "bc/x.db"}},
        {{"/a/b/x.db", "/a/b/c/x.db"}, {"x.db", "c/x.db"}},
        {{"/a/b/c/x.db", "/a/b/x.db"}, {"c/x.db", "x.db"}},
        {{"/a/x.db", "/b/x.db"}, {"a/x.db", "b/x.db"}},
        {{"/x.db", "/a/b/x.db"}, {"x.db", "a/b/x.db"}},
        {{"/a/b/c/d.db", "/a/b/e/f.db", "/a/g.db"}, {"b/c/d.db", "b/e/f.db", "g.db"}},
        {{"/srv/tenants/"}, {""}},
        {{"/srv/tenants/", "/srv/main.db"}, {"tenants", "main.db"}},
        {{"/srv/tenants/", "/srv/tenants/main.db"}, {"", "main.db"}},
        {{"/srv/tenants/", "/srv/tenants2/"}, {"tenants", "tenants2"}},
        {{"relative.db", "other.db"}, {"relative.db", "other.db"}},
        {{"data/a.db", "data/b.db"}, {"a.db", "b.db"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct database_config databases[5] = {0};
        char paths[5][64];
        struct config config = {databases, 0};
        for (size_t j = 0; j < 5 && cases[i].paths[j]; j++, config.n_databases++) {
            size_t length = strlen(strcpy(paths[j], cases[i].paths[j]));
            databases[j].is_folder = paths[j][length - 1] == '/';
            paths[j][length - databases[j].is_folder] = '\0';
            databases[j].path = paths[j];
        }
        const char *path;
        size_t shared = naming_shared_folder(&config, &path);
        for (size_t j = 0; j < config.n_databases; j++)
            assert_string_equal(naming_below(databases[j].path, shared), cases[i].names[j]);
    }
}

static void tells_the_extension_of_a_file(void **state)
{
    static const struct {
        const char *name, *extension;
    } cases[] = {
        {"production.sqlite3", "sqlite3"},
        {"main.db", "db"},
        {"main", "db"},
        {"tenants/acme/main.sqlite", "sqlite"},
        {"a.b/main", "db"},
        {"archive.tar.gz", "gz"},
        {".hidden", "db"},
        {".hidden.sqlite", "sqlite"},
        {"main.", "db"},
        {"a.b/.hidden", "db"},
        {"a..x", "x"},
        {"", "db"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(catalog_extension(cases[i].name), cases[i].extension);
}

static void refuses_names_that_no_folder_can_hold(void **state)
{
    static const char *const usable[] = {"a",   "a/b", "...", "a/..b", ".a", "tenants/acme/main.db",
                                         "a b", "-"};
    static const char *const unusable[] = {"",    "/",    "/a",  "a/",   "a//b",   ".",    "..",
                                           "./a", "../a", "a/.", "a/..", "a/../b", "a/./b"};
    char longest[300];

    for (size_t i = 0; i < sizeof usable / sizeof *usable; i++)
        assert_true(naming_is_usable(usable[i]));
    for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++)
        assert_false(naming_is_usable(unusable[i]));
    memset(longest, 'x', sizeof longest);
    longest[255] = '\0';
    assert_true(naming_is_usable(longest));
    longest[255] = 'x';
    longest[256] = '\0';
    assert_false(naming_is_usable(longest));
    longest[100] = '/';
    assert_true(naming_is_usable(longest));
}

static void names_a_single_backup_by_its_place(void **state)
{
    static const struct {
        const char *url, *name;
    } cases[] = {
        {"s3://bucket/path/app.db", "app.db"},
        {"s3://bucket/path/app.db/", "app.db"},
        {"s3://bucket", "bucket"},
        {"s3://bucket//", "bucket"},
        {"file:///var/backups/app", "app"},
        {"/var/backups/app", "app"},
        {"app", "app"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = naming_of_source(cases[i].url);
        assert_string_equal(name, cases[i].name);
        free(name);
    }
}

static void names_a_place_below_a_source(void **state)
{
    static const struct {
        const char *place, *url, *name;
    } cases[] = {
        {"tenants/acme.db", "s3://bucket", "tenants/acme.db"},
        {"", "s3://bucket/app.db", "app.db"},
        {"", "s3://bucket/app.db?endpoint=http://127.0.0.1:9000", "app.db"},
        {"", "file:///backups/app.db/", "app.db"},
        {"", "file:///backups/why?", "why?"},
        {".", "s3://bucket", "bucket"},
        {"/lead/db/", "s3://bucket", "lead/db"},
        {"/", "s3://bucket", "bucket"},
        {"a/../b", "s3://bucket", "a/../b"}, /* which is no usable name */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = naming_of_place(cases[i].place, cases[i].url);
        assert_string_equal(name, cases[i].name);
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_a_place_below_a_source),
        cmocka_unit_test(names_databases_below_the_folder_that_all_share),
        cmocka_unit_test(tells_the_extension_of_a_file),
        cmocka_unit_test(refuses_names_that_no_folder_can_hold),
        cmocka_unit_test(names_a_single_backup_by_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
