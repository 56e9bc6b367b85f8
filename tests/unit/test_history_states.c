/* What a state and a history promise beyond their bytes: any range, from any thread, at any of the places
 * that they list. */
#include "test_history.h"

static struct fixture shared;

static int set_up(void **state)
{
    fixture_unpack(&shared, "pagesizes-v03");
    return 0;
}

static int tear_down(void **state)
{
    fixture_remove(&shared);
    return 0;
}

static const char *const databases[] = {"p512.db", "p1024.db", "p8192.db", "p65536.db", "big.db"};
enum { DATABASES = sizeof databases / sizeof *databases };

static struct state *open_latest(struct backups *backups, const char *database)
{
    struct state *found = NULL;
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(history_open_latest(backups_find(backups, database), NULL, &task, &found), 0);
    return found;
}

/* Reads anywhere, and compares with all the bytes. Returns whether they are the same. */
static bool read_and_compare(struct state *state, const struct buffer *whole, uint64_t offset, size_t length)
{
    uint8_t *bytes = malloc(length + 1);
    size_t expected = 0;
    struct task task;

    task_init(&task, NULL);
    bytes[length] = 0x5a; /* must stay */
    if (offset < whole->size)
        expected = whole->size - offset < length ? whole->size - offset : length;
    int64_t n = state_read(state, offset, length, bytes, &task);
    bool same = n == (int64_t)expected && bytes[length] == 0x5a &&
                (n == 0 || memcmp(bytes, whole->data + offset, expected) == 0);
    free(bytes);
    return same;
}

static void reads_any_range(void **state)
{
    struct backups backups = {0};
    uint64_t seed = 7;
    backups_open(&backups, &shared, "cache");
    for (size_t i = 0; i < DATABASES; i++) {
        struct state *found = open_latest(&backups, databases[i]);
        struct buffer whole = state_bytes(found);
        const struct {
            uint64_t offset;
            size_t length;
        } edges[] = {
            {0, 0},
            {0, 1},
            {whole.size - 1, 1},
            {whole.size - 1, 2},
            {whole.size, 1},
            {whole.size + 1, 1},
            {UINT64_MAX, 1},
            {UINT64_MAX - 4096, 4096},
            {0, whole.size + 100000},
            {511, 2},
            {65535, 65538},
        };
        for (size_t j = 0; j < sizeof edges / sizeof *edges; j++)
            assert_true(read_and_compare(found, &whole, edges[j].offset, edges[j].length));
        for (size_t j = 0; j < 300; j++)
            assert_true(read_and_compare(found, &whole, draw(&seed, whole.size + 100),
                                         draw(&seed, j % 2 ? 1000 : 300000)));
        buffer_finish(&whole);
        state_unref(found);
    }
    backups_close(&backups);
}

#define READERS 16

struct reader {
    struct state *states[DATABASES];
    const struct buffer *wholes;
    uint64_t seed;
    bool right;
};

static void *read_much(void *argument)
{
    struct reader *reader = argument;
    reader->right = true;
    for (size_t i = 0; i < 100; i++) {
        size_t n = draw(&reader->seed, DATABASES);
        uint64_t offset = draw(&reader->seed, reader->wholes[n].size);
        size_t length = draw(&reader->seed, 100000);
        reader->right =
            read_and_compare(reader->states[n], &reader->wholes[n], offset, length) && reader->right;
    }
    return NULL;
}

/* On an empty cache, so that they fetch and learn at the same time. */
static void reads_the_same_from_many_threads(void **state)
{
    struct backups backups = {0};
    struct buffer wholes[DATABASES];
    struct reader readers[READERS] = {0};
    pthread_t threads[READERS];

    backups_open(&backups, &shared, "cache");
    for (size_t i = 0; i < DATABASES; i++) {
        struct state *found = open_latest(&backups, databases[i]);
        wholes[i] = state_bytes(found);
        state_unref(found);
    }
    backups_close(&backups);
    backups_open(&backups, &shared, "cold");
    for (size_t i = 0; i < READERS; i++) {
        readers[i].wholes = wholes;
        readers[i].seed = i + 1;
        for (size_t j = 0; j < DATABASES; j++)
            readers[i].states[j] = i ? state_ref(readers[0].states[j]) : open_latest(&backups, databases[j]);
    }
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_much, &readers[i]), 0);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(readers[i].right);
        for (size_t j = 0; j < DATABASES; j++)
            state_unref(readers[i].states[j]);
    }
    for (size_t i = 0; i < DATABASES; i++)
        buffer_finish(&wholes[i]);
    backups_close(&backups);
}

struct opener {
    struct backups *backups;
    uint64_t sizes[DATABASES];
};

static void *open_all(void *argument)
{
    struct opener *opener = argument;
    for (size_t i = 0; i < DATABASES; i++) {
        struct state *found = open_latest(opener->backups, databases[i]);
        opener->sizes[i] = state_size(found);
        state_unref(found);
    }
    return NULL;
}

/* The first look at everything, by all at once. */
static void opens_the_same_from_many_threads(void **state)
{
    struct backups backups = {0};
    struct opener openers[READERS] = {0};
    pthread_t threads[READERS];

    backups_open(&backups, &shared, "opened");
    for (size_t i = 0; i < READERS; i++) {
        openers[i].backups = &backups;
        assert_int_equal(pthread_create(&threads[i], NULL, open_all, &openers[i]), 0);
    }
    for (size_t i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i < READERS; i++)
        assert_memory_equal(openers[i].sizes, openers[0].sizes, sizeof openers[0].sizes);
    backups_close(&backups);
}

/* The only generation of a database. */
static void find_generation(struct history *history, char text[static 32])
{
    struct names names = {0};
    struct task task;
    task_init(&task, NULL);
    assert_int_equal(history_list_generations(history, &task, &names), 0);
    assert_int_equal(names.n, 1);
    snprintf(text, 32, "%s", names.items[0].text);
    names_finish(&names);
}

/* A point's own time leads to it, one nanosecond less to the one before. */
static void opens_every_point_at_its_own_time(void **state)
{
    struct backups backups = {0};
    backups_open(&backups, &shared, "cache");
    for (size_t i = 0; i < DATABASES; i++) {
        struct history *history = backups_find(&backups, databases[i]);
        struct instants points = {0}, landmarks = {0};
        uint64_t before = 0;
        char generation[32];
        struct task task;
        task_init(&task, NULL);
        find_generation(history, generation);
        assert_int_equal(history_list_points(history, generation, &task, &points), 0);
        assert_true(points.n > 5);
        for (size_t j = 0; j < points.n; j++) {
            struct state *at, *earlier = NULL;
            assert_int_equal(history_open_at(history, generation, points.times[j], &task, &at), 0);
            assert_true(state_time(at) == points.times[j]);
            assert_string_equal(state_generation(at), generation);
            assert_null(state_gap(at));
            assert_true(state_source_size(at) > 0);
            int r = history_open_at(history, NULL, points.times[j] - 1, &task, &earlier);
            assert_int_equal(r, j ? 0 : -ENOENT);
            assert_true(j == 0 || state_identity(earlier) == before);
            before = state_identity(at);
            assert_true(j == 0 || state_identity(earlier) != before);
            state_unref(earlier);
            state_unref(at);
        }
        assert_int_equal(history_list_landmarks(history, NULL, &task, &landmarks), 0);
        assert_true(landmarks.times[0] == points.times[0]);
        assert_true(landmarks.times[landmarks.n - 1] == points.times[points.n - 1]);
        instants_finish(&points);
        instants_finish(&landmarks);
    }
    backups_close(&backups);
}

/* A folder stands for its last position. */
static void assert_ends(struct history *history, const char *generation, const char *folder,
                        const struct names *names)
{
    char end[64], last[64];
    struct state *found = NULL;
    struct task task;

    task_init(&task, NULL);
    assert_true(names->n > 0);
    snprintf(end, sizeof end, "%s/", folder);
    snprintf(last, sizeof last, "%s/%s", folder, names->items[names->n - 1].text);
    assert_int_equal(history_open_position(history, generation, end, &task, &found), 0);
    assert_string_equal(state_position(found), last);
    state_unref(found);
}

static void opens_every_position_that_it_lists(void **state)
{
    struct backups backups = {0};
    size_t opened = 0;
    backups_open(&backups, &shared, "cache");
    for (size_t i = 0; i < DATABASES; i++) {
        struct history *history = backups_find(&backups, databases[i]);
        struct names folders = {0};
        char generation[32];
        struct task task;
        task_init(&task, NULL);
        find_generation(history, generation);
        assert_int_equal(history_list_positions(history, generation, NULL, &task, &folders), 0);
        for (size_t j = 0; j < folders.n; j++) {
            struct names names = {0};
            const char *folder = folders.items[j].text;
            assert_true(folders.items[j].is_folder);
            assert_int_equal(history_list_positions(history, generation, folder, &task, &names), 0);
            for (size_t k = 0; k < names.n; k++, opened++) {
                char position[64];
                struct state *found;
                snprintf(position, sizeof position, "%s/%s", folder, names.items[k].text);
                assert_false(names.items[k].is_folder);
                assert_int_equal(history_open_position(history, generation, position, &task, &found), 0);
                assert_string_equal(state_position(found), position);
                state_unref(found);
            }
            assert_ends(history, generation, folder, &names);
            names_finish(&names);
        }
        names_finish(&folders);
    }
    assert_true(opened > 50);
    backups_close(&backups);
}

static void has_nothing_where_there_is_nothing(void **state)
{
    static const char *const positions[] = {
        "",          "00000000",          "0000000g/",
        "/00000020", "00000000/00000021", "00000000/00000020x",
        "zz/00",     "ffffffff/00000020", "00000000/00000000/00000020",
        "/",         "000000000000000g/", "00000000//",
    };
    struct backups backups = {0};
    struct state *found;
    struct names names = {0};
    struct instants instants = {0};
    char generation[32];
    struct task task;

    backups_open(&backups, &shared, "cache");
    task_init(&task, NULL);
    struct history *history = backups_find(&backups, databases[0]);
    find_generation(history, generation);
    assert_int_equal(history_open_at(history, NULL, 0, &task, &found), -ENOENT);
    assert_int_equal(history_open_at(history, "0123456789abcdef", INSTANT_MAX, &task, &found), -ENOENT);
    assert_int_equal(history_open_latest(history, "../etc", &task, &found), -ENOENT);
    assert_int_equal(history_list_points(history, "0123456789abcdef", &task, &instants), -ENOENT);
    assert_int_equal(history_list_positions(history, generation, "ffffffff", &task, &names), -ENOENT);
    assert_int_equal(history_list_positions(history, generation, "x", &task, &names), -ENOENT);
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
        assert_int_equal(history_open_position(history, generation, positions[i], &task, &found), -ENOENT);
    backups_close(&backups);
}

static void gives_up_when_cancelled(void **state)
{
    struct backups backups = {0};
    struct state *found = NULL;
    uint8_t bytes[4096];
    struct task task;

    backups_open(&backups, &shared, "cancelled");
    task_init(&task, NULL);
    task_cancel(&task);
    struct history *history = backups_find(&backups, "big.db");
    assert_int_equal(history_open_latest(history, NULL, &task, &found), -ECANCELED);
    found = open_latest(&backups, "big.db");
    assert_int_equal(state_read(found, state_size(found) / 2, sizeof bytes, bytes, &task), -ECANCELED);
    task_init(&task, NULL);
    assert_int_equal(state_read(found, state_size(found) / 2, sizeof bytes, bytes, &task), sizeof bytes);
    state_unref(found);
    backups_close(&backups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_any_range),
        cmocka_unit_test(reads_the_same_from_many_threads),
        cmocka_unit_test(opens_the_same_from_many_threads),
        cmocka_unit_test(opens_every_point_at_its_own_time),
        cmocka_unit_test(opens_every_position_that_it_lists),
        cmocka_unit_test(has_nothing_where_there_is_nothing),
        cmocka_unit_test(gives_up_when_cancelled),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
