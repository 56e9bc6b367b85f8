/* States of real backups, byte by byte: each SHA-256 is that of the file which the real `litestream restore`
 * wrote (tests/data/README.md). */
#include "test_history.h"

/* One line of a fixture's table. */
struct line {
    const char *database, *selector, *argument, *sha256;
    uint64_t size;
};

/* Cuts a line into its fields; false for the head of the table and for what was not restored. */
static bool read_line(char *text, struct line *ret_line)
{
    const char *fields[5];
    for (size_t i = 0; i < 5; i++)
        if (!(fields[i] = strsep(&text, "\t")))
            return false;
    if (strlen(fields[3]) != HASH_TEXT_SIZE - 1)
        return false;
    *ret_line = (struct line){fields[0], fields[1], fields[2], fields[3], strtoull(fields[4], NULL, 10)};
    return true;
}

static int64_t parse_time(const char *text)
{
    int64_t time;
    assert_int_equal(instant_parse(text, 0, &time), 0);
    return time;
}

/* G/N: the end of the WAL with index N, which is its last position. */
static int open_index(struct history *history, const char *generation, const char *index, struct task *task,
                      struct state **ret_state)
{
    struct names names = {0};
    char folder[16], position[64];

    snprintf(folder, sizeof folder, "%08lx", strtoul(index, NULL, 16));
    int r = history_list_positions(history, generation, folder, task, &names);
    if (r == 0 && names.n == 0)
        r = -ENOENT;
    if (r == 0) {
        snprintf(position, sizeof position, "%s/%s", folder, names.items[names.n - 1].text);
        r = history_open_position(history, generation, position, task, ret_state);
    }
    names_finish(&names);
    return r;
}

static int open_line(struct history *history, const struct line *line, struct task *task,
                     struct state **ret_state)
{
    char generation[32] = "";
    const char *rest = line->argument + strcspn(line->argument, "@/");

    snprintf(generation, sizeof generation, "%.*s", (int)(rest - line->argument), line->argument);
    if (strcmp(line->selector, "generation") == 0)
        return history_open_latest(history, generation, task, ret_state);
    if (strcmp(line->selector, "generation+time") == 0)
        return history_open_at(history, generation, parse_time(rest + 1), task, ret_state);
    if (strcmp(line->selector, "index") == 0)
        return open_index(history, generation, rest + 1, task, ret_state);
    if (strcmp(line->argument, "-") == 0)
        return history_open_latest(history, NULL, task, ret_state);
    return history_open_at(history, NULL, parse_time(line->argument), task, ret_state);
}

static void compare_line(struct backups *backups, const struct line *line)
{
    struct history *history = backups_find(backups, line->database);
    struct state *found = NULL;
    char hash[HASH_TEXT_SIZE];
    struct task task;

    task_init(&task, NULL);
    int r = open_line(history, line, &task, &found);
    if (r < 0)
        fail_msg("%s %s %s: %s", line->database, line->selector, line->argument, task_reason(&task, r));
    state_hash(found, hash);
    if (state_size(found) != line->size || strcmp(hash, line->sha256) != 0)
        fail_msg("%s %s %s: other bytes, of %s", line->database, line->selector, line->argument,
                 state_position(found));
    state_unref(found);
}

/* Compares the lines whose selector is one of `selectors`. */
static void compare_table(struct backups *backups, const struct fixture *fixture,
                          const char *const *selectors)
{
    char path[PATH_MAX], *text = NULL;
    size_t capacity = 0, compared = 0;
    struct line line;

    snprintf(path, sizeof path, "%s/fixtures/%s.expected.tsv", getenv("TEST_DATA"), fixture->name);
    FILE *table = fopen(path, "r");
    assert_non_null(table);
    while (getline(&text, &capacity, table) >= 0) {
        bool wanted = false;
        if (!read_line(text, &line))
            continue;
        for (size_t i = 0; selectors[i]; i++)
            wanted = wanted || strcmp(line.selector, selectors[i]) == 0;
        if (wanted)
            compare_line(backups, &line);
        compared += wanted;
    }
    fclose(table);
    free(text);
    print_message("%zu states\n", compared);
    assert_true(compared > 10);
}

static void compare_fixture(const char *name, const char *const *selectors)
{
    struct fixture fixture;
    fixture_unpack(&fixture, name);
    for (int mount = 0; mount < 2; mount++) { /* the second one finds everything in the cache */
        struct backups backups = {0};
        backups_open(&backups, &fixture, "cache");
        compare_table(&backups, &fixture, selectors);
        backups_close(&backups);
    }
    fixture_remove(&fixture);
}

static const char *const restored[] = {"latest", "time", "generation", "generation+time", "index", NULL};

static void has_the_bytes_of_a_restore_at_every_page_size(void **state)
{
    compare_fixture("pagesizes-v03", restored);
}

static void has_the_bytes_of_a_restore_at_the_edges_of_time(void **state)
{
    compare_fixture("edges-v03", restored);
}

/* Pages that were cut off and came back without being written. */
static void has_the_bytes_of_a_restore_where_a_database_shrank(void **state)
{
    compare_fixture("shrink-v03", restored);
}

/* Over damage the newest state that whole objects back. */
static void has_the_bytes_that_can_be_vouched_for(void **state)
{
    static const char *const vouched[] = {"vouched", NULL};
    compare_fixture("broken-v03", vouched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_bytes_of_a_restore_at_every_page_size),
        cmocka_unit_test(has_the_bytes_of_a_restore_at_the_edges_of_time),
        cmocka_unit_test(has_the_bytes_of_a_restore_where_a_database_shrank),
        cmocka_unit_test(has_the_bytes_that_can_be_vouched_for),
    };
    log_set_level(LOG_LEVEL_ERROR); /* the broken fixture is warned of on purpose */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
