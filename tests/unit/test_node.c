#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_state.h"
#include "node.h"

static const struct generation_ops generation_ops = {.close = fake_generation_close};
static struct generation *generation; /* of all states here; its references count them */

static int set_up(void **state)
{
    generation = calloc(1, sizeof *generation);
    generation->ops = &generation_ops;
    atomic_init(&generation->references, 1);
    return 0;
}

/* Nothing may be left of any state. */
static int tear_down(void **state)
{
    assert_int_equal(atomic_load(&generation->references), 1);
    generation_unref(generation);
    return 0;
}

static struct node *add_folder(struct nodes *nodes, const struct node *parent, const char *name)
{
    struct tree_entry entry = {.kind = ENTRY_FOLDER, .place = {.kind = PLACE_LATEST, .name = strdup(name)}};
    struct node *node;
    assert_int_equal(nodes_add(nodes, parent, name, &entry, &node), 0);
    assert_null(entry.place.name); /* taken over */
    return node;
}

static struct node *add_state(struct nodes *nodes, const struct node *parent, const char *name,
                              const char *database, uint64_t identity)
{
    struct tree_entry entry = {.kind = ENTRY_STATE,
                               .state = fake_state(generation_ref(generation), identity, 0),
                               .database = strdup(database)};
    struct node *node;
    assert_int_equal(nodes_add(nodes, parent, name, &entry, &node), 0);
    assert_null(entry.state);
    return node;
}

static struct node *add_wal_file(struct nodes *nodes, const struct node *parent, const char *name,
                                 uint32_t page_size)
{
    struct tree_entry entry = {.kind = page_size ? ENTRY_WAL_FILE : ENTRY_EMPTY_FILE, .page_size = page_size};
    struct node *node;
    assert_int_equal(nodes_add(nodes, parent, name, &entry, &node), 0);
    return node;
}

static void numbers_are_equal_for_equal_things(void **state)
{
    struct nodes first, second;
    assert_int_equal(nodes_init(&first), 0);
    assert_int_equal(nodes_init(&second), 0);
    const struct node *folder = add_folder(&first, first.root, "latest");
    const struct node *again = add_folder(&second, second.root, "latest");

    assert_int_equal(first.root->number, NODE_ROOT);
    assert_true(folder->number == again->number);
    assert_true(folder->number == node_number_of(first.root, "latest"));
    assert_ptr_equal(add_folder(&first, first.root, "latest"), folder);
    assert_string_equal(folder->path, "latest");

    /* One state has one number by whatever name, and in every mount. */
    const struct node *file = add_state(&first, folder, "a.db", "a.db", 7);
    assert_ptr_equal(add_state(&first, first.root, "other.db", "a.db", 7), file);
    assert_true(add_state(&second, second.root, "x", "a.db", 7)->number == file->number);
    assert_string_equal(file->path, "latest/a.db");
    nodes_finish(&first);
    nodes_finish(&second);
}

static void numbers_differ_for_different_things(void **state)
{
    struct nodes nodes;
    uint64_t numbers[12];
    size_t n = 0;
    assert_int_equal(nodes_init(&nodes), 0);
    const struct node *a = add_folder(&nodes, nodes.root, "a"), *ab = add_folder(&nodes, nodes.root, "ab");

    numbers[n++] = nodes.root->number;
    numbers[n++] = a->number;
    numbers[n++] = ab->number;
    numbers[n++] = add_folder(&nodes, a, "bc")->number;
    numbers[n++] = add_folder(&nodes, ab, "c")->number;
    numbers[n++] = add_folder(&nodes, add_folder(&nodes, a, "b"), "c")->number;
    numbers[n++] = add_state(&nodes, a, "x", "x", 7)->number;
    numbers[n++] = add_state(&nodes, a, "x", "x", 8)->number;
    numbers[n++] = add_state(&nodes, a, "x", "y", 7)->number; /* the same position of another database */
    numbers[n++] = add_wal_file(&nodes, a, "x-wal", 0)->number;
    numbers[n++] = add_wal_file(&nodes, a, "x-wal", 512)->number;
    numbers[n++] = add_wal_file(&nodes, a, "x-wal", 65536)->number;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(numbers[i] != numbers[j]);
    nodes_finish(&nodes);
}

/* The hash takes a byte in with an exclusive or: so these identities make up for the names. */
static void equal_hashes_are_told_apart(void **state)
{
    enum { HERE = 7, THERE = HERE ^ 'a' ^ 'b' };
    struct nodes nodes;
    assert_int_equal(nodes_init(&nodes), 0);
    const struct node *a = add_state(&nodes, nodes.root, "a", "a", HERE);
    const struct node *b = add_state(&nodes, nodes.root, "b", "b", THERE);

    assert_ptr_not_equal(a, b);
    assert_true(b->number == a->number + 1);
    assert_string_equal(b->database, "b");
    assert_ptr_equal(add_state(&nodes, nodes.root, "a", "a", HERE), a);
    assert_ptr_equal(add_state(&nodes, nodes.root, "b", "b", THERE), b);
    assert_ptr_equal(nodes_get(&nodes, b->number), b);

    nodes_forget(&nodes, a->number, 2);
    const struct node *again = add_state(&nodes, nodes.root, "b", "b", THERE);
    assert_string_equal(again->database, "b");
    assert_string_equal(nodes_get(&nodes, b->number)->database, "b"); /* the kernel has not forgotten it */
    nodes_finish(&nodes);
}

static void stays_until_every_lookup_is_forgotten(void **state)
{
    struct nodes nodes;
    assert_int_equal(nodes_init(&nodes), 0);
    uint64_t number = add_state(&nodes, nodes.root, "x", "x", 7)->number;
    add_state(&nodes, nodes.root, "x", "x", 7);
    add_state(&nodes, nodes.root, "x", "x", 7);
    assert_int_equal(nodes.n_nodes, 1);
    assert_int_equal(atomic_load(&generation->references), 2);

    nodes_forget(&nodes, number, 2);
    assert_non_null(nodes_get(&nodes, number));
    nodes_forget(&nodes, number, 1);
    assert_null(nodes_get(&nodes, number));
    assert_int_equal(nodes.n_nodes, 0);
    assert_int_equal(atomic_load(&generation->references), 1); /* the state is gone with it */

    nodes_forget(&nodes, number, 1); /* of nothing */
    nodes_forget(&nodes, NODE_ROOT, 100);
    assert_ptr_equal(nodes_get(&nodes, NODE_ROOT), nodes.root);
    add_state(&nodes, nodes.root, "x", "x", 7);
    nodes_forget(&nodes, number, 100);
    assert_null(nodes_get(&nodes, number));
    nodes_finish(&nodes);
}

/* More nodes than chains: all are found, then all forgotten, in another order. */
static void finds_many(void **state)
{
    enum { MANY = 5000 };
    static uint64_t numbers[MANY];
    struct nodes nodes;
    char name[16];
    assert_int_equal(nodes_init(&nodes), 0);
    size_t chains = nodes.n_chains;

    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%zu", i);
        numbers[i] = add_folder(&nodes, nodes.root, name)->number;
    }
    assert_int_equal(nodes.n_nodes, MANY);
    assert_true(nodes.n_chains > chains && nodes.n_chains >= MANY);
    assert_int_equal(nodes.n_chains & (nodes.n_chains - 1), 0);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "%zu", i);
        assert_string_equal(nodes_get(&nodes, numbers[i])->path, name);
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t at = (i * 1999) % MANY;
        nodes_forget(&nodes, numbers[at], 1);
        assert_null(nodes_get(&nodes, numbers[at]));
    }
    assert_int_equal(nodes.n_nodes, 0);
    nodes_finish(&nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_equal_for_equal_things, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_differ_for_different_things, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_hashes_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stays_until_every_lookup_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
