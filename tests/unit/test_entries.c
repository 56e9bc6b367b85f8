#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/entries.h"

static struct history *make_history(const char *name)
{
    const struct history_options options = {0};
    struct history *history;
    assert_int_equal(history_open(name, NULL, 0, &options, &history), 0);
    return history;
}

static int add(struct entries *entries, const char *name)
{
    struct history *history = make_history(name);
    int r = entries_add(entries, name, history, NULL);
    if (r < 0)
        history_close(history);
    return r;
}

/* What stands in a folder, as "a b/": the slash marks folders. */
static void list(const struct entries *entries, const char *folder, char *text, size_t size)
{
    struct names names = {0};
    size_t n = 0;

    assert_int_equal(entries_list(entries, folder, &names), 0);
    names_sort(&names);
    text[0] = '\0';
    for (size_t i = 0; i < names.n; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s%s", i ? " " : "", names.items[i].text,
                              names.items[i].is_folder ? "/" : "");
    names_finish(&names);
}

/* '-', '.' and '0' stand on either side of '/' in the order of bytes. */
static const char *const tricky[] = {
    "a",      "a-b", "a.b",   "a0",  "ab",  "b/x",   "b-x", "b.x",    "b0",
    "b/x.db", "b/-", "c/d/e", "c/f", "c-d", "c/d-e", "c.d", "\xff/y", " /z",
};

static void finds_folders_and_what_stands_in_them(void **state)
{
    static const struct {
        const char *folder, *expected;
    } folders[] = {
        {"", " / a a-b a.b a0 ab b/ b-x b.x b0 c/ c-d c.d \xff/"},
        {"b", "- x x.db"},
        {"c", "d/ d-e f"},
        {"c/d", "e"},
        {" ", "z"},
        {"\xff", "y"},
    };
    static const char *const not_folders[] = {"a",  "a-b", "b-", "b/x",  "c/d/e",
                                              "c/", "d",   "A",  "c/d/", "b/x/"};
    const size_t n = sizeof tricky / sizeof *tricky;

    for (size_t rotation = 0; rotation < n; rotation++) { /* in any order of adding */
        struct entries entries = {0};
        char text[256];
        for (size_t i = 0; i < n; i++)
            assert_int_equal(add(&entries, tricky[(i * 5 + rotation) % n]), 0);
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
            assert_true(entries_have_folder(&entries, folders[i].folder));
            list(&entries, folders[i].folder, text, sizeof text);
            assert_string_equal(text, folders[i].expected);
        }
        for (size_t i = 0; i < sizeof not_folders / sizeof *not_folders; i++)
            assert_false(entries_have_folder(&entries, not_folders[i]));
        entries_finish(&entries);
    }
}

static void finds_each_database_by_its_name(void **state)
{
    const size_t n = sizeof tricky / sizeof *tricky;
    struct entries entries = {0};
    struct history *histories[sizeof tricky / sizeof *tricky];

    for (size_t i = 0; i < n; i++) {
        histories[i] = make_history(tricky[i]);
        assert_int_equal(entries_add(&entries, tricky[i], histories[i], NULL), 0);
    }
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(entries_find(&entries, tricky[i]), histories[i]);
    assert_null(entries_find(&entries, ""));
    assert_null(entries_find(&entries, "b"));
    assert_null(entries_find(&entries, "c/d"));
    assert_null(entries_find(&entries, "b/x.d"));
    assert_null(entries_find(&entries, "b/x.db2"));
    entries_finish(&entries);
}

/* A name can't be a file and a folder at once. */
static void refuses_a_name_that_is_taken_or_in_the_way(void **state)
{
    static const struct {
        const char *first, *second;
        bool can;
    } cases[] = {
        {"a", "a", false},     {"a", "a/b", false},   {"a/b", "a", false},   {"a", "a/b/c", false},
        {"a/b/c", "a", false}, {"a/b", "a/b", false}, {"a/b", "a/c", true},  {"a", "ab", true},
        {"a", "a-b", true},    {"a-b", "a", true},    {"a/b", "a-b", true},  {"a/b", "a.b", true},
        {"a/b", "ab", true},   {"a", "", false},      {"a/bc", "a/b", true}, {"a/b/c", "a/b", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct entries entries = {0};
        assert_int_equal(add(&entries, cases[i].first), 0);
        assert_int_equal(entries_can_add(&entries, cases[i].second), cases[i].can);
        assert_int_equal(add(&entries, cases[i].second), cases[i].can ? 0 : -EEXIST);
        assert_non_null(entries_find(&entries, cases[i].first));
        entries_finish(&entries);
    }
}

static void has_a_top_folder_even_when_empty(void **state)
{
    struct entries entries = {0};
    char text[16];
    assert_true(entries_have_folder(&entries, ""));
    assert_false(entries_have_folder(&entries, "a"));
    assert_null(entries_find(&entries, "a"));
    list(&entries, "", text, sizeof text);
    assert_string_equal(text, "");
    entries_finish(&entries);
}

static void joins_names_as_far_as_there_is_room(void **state)
{
    struct names names = {0};
    char text[12] = "before";

    names_join(&names, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(names_add(&names, "one", false), 0);
    names_join(&names, text, sizeof text);
    assert_string_equal(text, "one");
    assert_int_equal(names_add(&names, "two", false), 0);
    assert_int_equal(names_add(&names, "three", false), 0);
    names_join(&names, text, sizeof text);
    assert_string_equal(text, "one, two, t");
    names_finish(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_folders_and_what_stands_in_them),
        cmocka_unit_test(finds_each_database_by_its_name),
        cmocka_unit_test(refuses_a_name_that_is_taken_or_in_the_way),
        cmocka_unit_test(has_a_top_folder_even_when_empty),
        cmocka_unit_test(joins_names_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
