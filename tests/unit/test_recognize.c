#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "recognize.h"
#include "v05/v05.h"

static void tells_keys_of_v05(void **state)
{
    static const char *const keys[] = {
        "ltx/0/0000000000000001-0000000000000001.ltx",
        "ltx/9/0000000000000001-00000000000000ff.ltx",
        "0000/0000000000000002-0000000000000002.ltx",
        "0009/0000000000000001-00000000000000ff.ltx",
    };
    static const char *const others[] = {
        "",
        "0000000000000001-0000000000000001.ltx",
        "ltx/0000000000000001-0000000000000001.ltx",
        "ltx/10/0000000000000001-0000000000000001.ltx",
        "ltx/a/0000000000000001-0000000000000001.ltx",
        "ltx/0/app.db/0000000000000001-0000000000000001.ltx",
        "ltx/model.bin",
        "000a/0000000000000001-0000000000000001.ltx",
        "0010/0000000000000001-0000000000000001.ltx",
        "0000/0000000000000002-0000000000000001.ltx",
        "0000/0000000000000001-0000000000000001.ltx.tmp",
        "0000/aa/photo.jpg",
        "0000/0000/0000000000000001-0000000000000001.ltx",
        "0000/ltx/0/0000000000000001-0000000000000001.ltx",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_true(v05_is_key(keys[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(v05_is_key(others[i]));
}

static void tells_folders_of_levels(void **state)
{
    assert_true(v05_is_level("0000/"));
    assert_true(v05_is_level("0009/"));
    assert_false(v05_is_level("0000"));
    assert_false(v05_is_level("000a/"));
    assert_false(v05_is_level("0010/"));
    assert_false(v05_is_level("00000/"));
    assert_false(v05_is_level(""));
}

static void finds_where_a_backup_begins(void **state)
{
    static const struct {
        const char *key;
        int place; /* bytes; -1: it is no object of a backup */
    } cases[] = {
        {"ltx/0/0000000000000001-0000000000000001.ltx", 0},
        {"0001/ltx/0/0000000000000001-0000000000000001.ltx", 5},
        {"0001/0000/0000000000000001-0000000000000001.ltx", 5},
        {"/0000/0000000000000001-0000000000000001.ltx", 1},
        {"./0000/0000000000000001-0000000000000001.ltx", 2},
        {"ltx/app.db/generations/0123456789abcdef/snapshots/00000000.snapshot.lz4", 11},
        {"photos/0000/aa/photo.jpg", -1},
        {"photo.jpg", -1},
        {"photos/", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found = recognize_key(cases[i].key);
        assert_int_equal(found ? (int)(found - cases[i].key) : -1, cases[i].place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_keys_of_v05),
        cmocka_unit_test(tells_folders_of_levels),
        cmocka_unit_test(finds_where_a_backup_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
