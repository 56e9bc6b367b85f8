/* The progress bar's line. That it shows on terminals only is for tests/cli. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/instant.h"
#include "output/progress.h"

#define MB UINT64_C(1000000)

static const struct {
    uint64_t done, total;
    int64_t elapsed; /* nanoseconds */
    unsigned width;
    const char *line;
} lines[] = {
    {0, 100 * MB, 0, 80, "a.db  [................]    0 %    0.0 of 100.0 MB     0.0 MB/s  -              "},
    {50 * MB, 100 * MB, 2 * INSTANT_SECOND, 80,
     "a.db  [########........]   50 %   50.0 of 100.0 MB    25.0 MB/s  2 s left       "},
    {MB, 100 * MB, INSTANT_SECOND, 80,
     "a.db  [................]    1 %    1.0 of 100.0 MB     1.0 MB/s  1:39 min left  "},
    {100 * MB, 100 * MB, INSTANT_SECOND, 200,
     "a.db  [########################################]  100 %  100.0 of 100.0 MB   100.0 MB/s  0 s left      "
     " "},
    {0, 0, 0, 70, "a.db  [##########]  100 %  0.0 of 0.0 MB     0.0 MB/s  -              "},
    {50 * MB, 100 * MB, 2 * INSTANT_SECOND, 40, " 50 %   50.0 of 100.0 MB    25.0 MB/s  "},
    {50 * MB, 100 * MB, 2 * INSTANT_SECOND, 10, " 50 %   5"},
    {50 * MB, 100 * MB, 2 * INSTANT_SECOND, 1, ""},
};

static void tells_what_is_done(void **state)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct progress progress = {.what = "a.db", .done = lines[i].done, .total = lines[i].total};
        char line[512];
        progress_format(&progress, lines[i].elapsed, lines[i].width, line, sizeof line);
        assert_string_equal(line, lines[i].line);
        assert_true(strlen(line) <= lines[i].width);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells_what_is_done)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
