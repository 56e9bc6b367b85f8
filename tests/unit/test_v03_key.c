#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data_files.h"
#include "v03/v03.h"
#include "v03/v03_key.h"

static void reads_the_names_of_segments(void **state)
{
    static const struct {
        const char *name;
        uint32_t index;
        uint64_t offset;
    } cases[] = {
        {"00000000_00000000.wal.lz4", 0, 0},
        {"0000002a_00001038.wal.lz4", 0x2a, 0x1038},
        {"ffffffff_ffffffff.wal.lz4", UINT32_MAX, UINT32_MAX},
        {"00000001_100000000.wal.lz4", 1, UINT64_C(1) << 32},
        {"00000001_ffffffffffffffff.wal.lz4", 1, UINT64_MAX},
        {"000000000000002a_0000000000001038.wal.lz4", 0x2a, 0x1038},
        {"00000000ffffffff_00000000.wal.lz4", UINT32_MAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t index = 77;
        uint64_t offset = 77;
        assert_true(v03_parse_segment(cases[i].name, &index, &offset));
        assert_int_equal(index, cases[i].index);
        assert_true(offset == cases[i].offset);
        assert_false(v03_parse_snapshot(cases[i].name, &index));
    }
}

static void reads_the_names_of_snapshots(void **state)
{
    static const struct {
        const char *name;
        uint32_t index;
    } cases[] = {
        {"00000000.snapshot.lz4", 0},
        {"0000002a.snapshot.lz4", 0x2a},
        {"ffffffff.snapshot.lz4", UINT32_MAX},
        {"000000000000002a.snapshot.lz4", 0x2a},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t index = 77;
        uint64_t offset;
        assert_true(v03_parse_snapshot(cases[i].name, &index));
        assert_int_equal(index, cases[i].index);
        assert_false(v03_parse_segment(cases[i].name, &index, &offset));
    }
}

static void tells_keys_of_a_backup(void **state)
{
    static const char *const keys[] = {
        "generations/0123456789abcdef/snapshots/00000000.snapshot.lz4",
        "generations/0123456789abcdef/wal/0000002a_00001038.wal.lz4",
    };
    static const char *const others[] = {
        "",
        "generations",
        "generations/readme.txt",
        "generations/app.db/generations/0123456789abcdef/wal/00000000_00000000.wal.lz4",
        "generations/0123456789abcdef",
        "generations/0123456789abcdef/readme.txt",
        "generations/0123456789abcdef/wal/readme.txt",
        "generations/0123456789abcdef/wal/00000000_00000000.wal.lz4/x",
        "generations/0123456789abcdef/snapshots/00000000_00000000.wal.lz4",
        "generations/0123456789ABCDEF/wal/00000000_00000000.wal.lz4",
        "generations/0123456789abcdef0/wal/00000000_00000000.wal.lz4",
        "app.db/generations/0123456789abcdef/wal/00000000_00000000.wal.lz4",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_true(v03_is_key(keys[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(v03_is_key(others[i]));
}

/* Each file holds one name, no newline. */
static void refuse_name(const char *file, const struct buffer *bytes)
{
    char name[256] = "";
    uint32_t index;
    uint64_t offset;

    assert_true(bytes->size < sizeof name);
    memcpy(name, bytes->data, bytes->size);
    assert_false(v03_parse_segment(name, &index, &offset));
    assert_false(v03_parse_snapshot(name, &index));
    assert_false(v03_is_generation(name));
}

static void refuses_everything_else(void **state)
{
    each_refused("v03_key", refuse_name);
}

static void knows_a_generation_by_its_sixteen_digits(void **state)
{
    static const char *const not_generations[] = {"",
                                                  "0123456789abcde",
                                                  "0123456789abcdef0",
                                                  "0123456789ABCDEF",
                                                  "0123456789abcdeg",
                                                  "0123456789abcde/"};
    assert_true(v03_is_generation("0123456789abcdef"));
    assert_true(v03_is_generation("0000000000000000"));
    for (size_t i = 0; i < sizeof not_generations / sizeof *not_generations; i++)
        assert_false(v03_is_generation(not_generations[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_names_of_segments),
        cmocka_unit_test(reads_the_names_of_snapshots),
        cmocka_unit_test(tells_keys_of_a_backup),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(knows_a_generation_by_its_sixteen_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
