/* How long the kernel may keep names. */
#include "keep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum answer { NOTHING, FOLDER, STATE_FILE, EMPTY_FILE };

static const struct {
    enum place_kind kind;
    const char *detail; /* of the place */
    const char *name;
    enum answer answer;
    enum keep keep;
} cases[] = {
    {PLACE_ROOT, NULL, "latest", FOLDER, KEEP_ALWAYS},
    {PLACE_ROOT, NULL, ".Trash", NOTHING, KEEP_ALWAYS},

    {PLACE_LATEST, NULL, "app.db", STATE_FILE, KEEP_MOMENT},
    {PLACE_LATEST, NULL, "app.db-wal", EMPTY_FILE, KEEP_MOMENT},
    {PLACE_LATEST, NULL, "app.db-journal", NOTHING, KEEP_MOMENT}, /* a database may have that name */
    {PLACE_LATEST, NULL, "new.db", NOTHING, KEEP_MOMENT},

    {PLACE_AT, NULL, "2024-11-04", FOLDER, KEEP_ALWAYS},
    {PLACE_AT, NULL, "30m-ago", FOLDER, KEEP_ALWAYS}, /* what is in it moves, not the folder */
    {PLACE_AT, NULL, "yesterday", NOTHING, KEEP_ALWAYS},

    {PLACE_AT_TIME, "2024-11-04", "app.db", STATE_FILE, KEEP_REFRESH},
    {PLACE_AT_TIME, "2024-11-04", "app.db-wal", EMPTY_FILE, KEEP_REFRESH},
    {PLACE_AT_TIME, "2024-11-04", "tenants", FOLDER, KEEP_REFRESH},
    {PLACE_AT_TIME, "2024-11-04", "new.db", NOTHING, KEEP_MOMENT},
    {PLACE_AT_TIME, "30m-ago", "app.db", STATE_FILE, KEEP_MOMENT},
    {PLACE_AT_TIME, "30m-ago", "tenants", FOLDER, KEEP_MOMENT},
    {PLACE_AT_TIME, "now", "app.db", STATE_FILE, KEEP_MOMENT},

    {PLACE_DATABASES, NULL, "app.db", FOLDER, KEEP_ALWAYS},
    {PLACE_DATABASES, NULL, "new.db", NOTHING, KEEP_MOMENT},

    {PLACE_DATABASE, NULL, "at", FOLDER, KEEP_ALWAYS},
    {PLACE_DATABASE, NULL, "generations", FOLDER, KEEP_ALWAYS},
    {PLACE_DATABASE, NULL, "latest.db", STATE_FILE, KEEP_MOMENT},
    {PLACE_DATABASE, NULL, "latest.db-shm", EMPTY_FILE, KEEP_MOMENT},
    {PLACE_DATABASE, NULL, "latest.db", NOTHING, KEEP_MOMENT}, /* its first snapshot is to come */
    {PLACE_DATABASE, NULL, "latest.db-wal", NOTHING, KEEP_MOMENT},
    {PLACE_DATABASE, NULL, "latest.db-journal", NOTHING, KEEP_ALWAYS},
    {PLACE_DATABASE, NULL, "latest.sqlite", NOTHING, KEEP_ALWAYS},

    {PLACE_INSTANTS, NULL, "2024-11-04T10:30:00Z.db", STATE_FILE, KEEP_REFRESH},
    {PLACE_INSTANTS, NULL, "2024-11-04T10:30:00Z.db-wal", EMPTY_FILE, KEEP_REFRESH},
    {PLACE_INSTANTS, NULL, "2024-11-04T10:30:00Z.db", NOTHING, KEEP_MOMENT},
    {PLACE_INSTANTS, NULL, "2024-11-04T10:30:00Z.db-journal", NOTHING, KEEP_ALWAYS},
    {PLACE_INSTANTS, NULL, "90s-ago.db", STATE_FILE, KEEP_MOMENT},
    {PLACE_INSTANTS, NULL, "90s-ago.db-shm", EMPTY_FILE, KEEP_MOMENT},
    {PLACE_INSTANTS, NULL, "yesterday.db", NOTHING, KEEP_ALWAYS},
    {PLACE_INSTANTS, NULL, "2024-11-04", NOTHING, KEEP_ALWAYS},

    {PLACE_GENERATIONS, NULL, "0123456789abcdef", FOLDER, KEEP_REFRESH},
    {PLACE_GENERATIONS, NULL, "0123456789abcdef", NOTHING, KEEP_MOMENT},
    {PLACE_GENERATION, NULL, "points", FOLDER, KEEP_ALWAYS},
    {PLACE_GENERATION, NULL, "latest.db", STATE_FILE, KEEP_MOMENT},
    {PLACE_POINTS, NULL, "2024-11-04", FOLDER, KEEP_REFRESH},
    {PLACE_POINTS_DAY, "2024-11-04", "11", NOTHING, KEEP_MOMENT},
    {PLACE_POINTS_HOUR, "2024-11-04/10", "2024-11-04T10:30:00Z.db", STATE_FILE, KEEP_REFRESH},
    {PLACE_POSITIONS, NULL, "0000000000000001.db", STATE_FILE, KEEP_REFRESH},
};

static void keeps_each_name(void **unused)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const int kinds[] = {
            [FOLDER] = ENTRY_FOLDER, [STATE_FILE] = ENTRY_STATE, [EMPTY_FILE] = ENTRY_EMPTY_FILE};
        const struct place place = {
            .kind = cases[i].kind, .name = (char *)"app.db", .detail = (char *)cases[i].detail};
        struct tree_entry entry = {0};
        if (cases[i].answer != NOTHING)
            entry.kind = kinds[cases[i].answer];
        enum keep keep = keep_name(&place, cases[i].name, cases[i].answer != NOTHING ? &entry : NULL);
        if (keep != cases[i].keep)
            fail_msg("case %zu, %s: %d, not %d", i, cases[i].name, (int)keep, (int)cases[i].keep);
    }
}

static void survives_long_names(void **unused)
{
    char name[300];
    const struct place place = {.kind = PLACE_INSTANTS, .name = (char *)"app.db"};

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(keep_name(&place, name, NULL), KEEP_ALWAYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_each_name),
        cmocka_unit_test(survives_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
