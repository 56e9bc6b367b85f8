/* When restore points, snapshots and holes are, as text: timeline_draw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "list/timeline.h"
#include "litemount/instant.h"

#define MOST_POINTS 8
#define LEGEND ": points  S snapshot  ! hole  (UTC)\n"

/* Points by the time as a person types it: "S" in front, a snapshot was made; "!" behind, a hole follows;
 * "+" in front of all, it is another generation's. */
struct timeline_case {
    const char *what;
    unsigned width;
    const char *points[MOST_POINTS];
    const char *text;
};

#define CELLS_10 ".........."

static const struct timeline_case cases[] = {
    {"nothing", 80, {NULL}, "no restore points\n"},
    {"one point",
     84,
     {"2024-11-08T15:00:00Z"},
     "2024-11-08 15h  :........." CELLS_10 CELLS_10 "  1 point\n" LEGEND},
    {"the finest cells, where they and the counts fit exactly",
     85,
     {"2024-11-08T15:00:00Z"},
     "2024-11-08 15h  :........." CELLS_10 CELLS_10 CELLS_10 CELLS_10 CELLS_10 "  1 point\n" LEGEND},
    {"the last nanosecond of an hour, the first of the next",
     67,
     {"S2024-11-08T15:59:59.999999999Z", "2024-11-08T16:00:00Z"},
     "2024-11-08 15h  " CELLS_10 CELLS_10 ".........S  1 point, 1 snapshot\n"
     "2024-11-08 16h  :........." CELLS_10 CELLS_10 "  1 point\n" LEGEND},
    {"counts that do not fit are left out in every line",
     48,
     {"S2024-11-08T15:31:00Z", "2024-11-08T16:00:00Z"},
     "2024-11-08 15h  ......S.....\n2024-11-08 16h  :...........\n" LEGEND},
    {"of what shares a cell, a snapshot counts more than a point, a hole most",
     60,
     {"S2024-11-08T15:00:00Z", "2024-11-08T15:00:01Z", "2024-11-08T15:10:00Z", "S2024-11-08T15:10:01Z!"},
     "2024-11-08 15h  S.!.........  4 points, 2 snapshots, 1 hole\n" LEGEND},
    {"a hole reaches to the next point, and takes no other mark's cell",
     50,
     {"2024-11-08T15:05:00Z!", "2024-11-08T15:30:00Z"},
     "2024-11-08 15h  .!!!!!:.....  2 points, 1 hole\n" LEGEND},
    {"but to that of its own generation",
     50,
     {"2024-11-08T15:05:00Z!", "+2024-11-08T15:20:00Z", "2024-11-08T15:30:00Z"},
     "2024-11-08 15h  .!!!:!:.....  3 points, 1 hole\n" LEGEND},
    {"over the end of the line",
     50,
     {"2024-11-08T15:45:00Z!", "2024-11-08T16:10:00Z"},
     "2024-11-08 15h  .........!!!  1 point, 1 hole\n2024-11-08 16h  !!:.........  1 point\n" LEGEND},
    {"over lines that are left out, and another generation's",
     50,
     {"2024-11-08T15:45:00Z!", "+2024-11-08T16:10:00Z", "2024-11-08T18:05:00Z"},
     "2024-11-08 15h  .........!!!  1 point, 1 hole\n2024-11-08 16h  !!:!!!!!!!!!  1 point\n"
     "                (1 hour without)\n2024-11-08 18h  !:..........  1 point\n" LEGEND},
    {"behind the last point it has no known end",
     60,
     {"2024-11-08T15:05:00Z!"},
     "2024-11-08 15h  .!..................  1 point, 1 hole\n" LEGEND},
    {"hours without a point are counted",
     60,
     {"2024-11-08T15:00:00Z", "2024-11-08T17:00:00Z", "2024-11-08T20:00:00Z"},
     "2024-11-08 15h  :........." CELLS_10 CELLS_10 "  1 point\n                (1 hour without)\n"
     "2024-11-08 17h  :........." CELLS_10 CELLS_10 "  1 point\n                (2 hours without)\n"
     "2024-11-08 20h  :........." CELLS_10 CELLS_10 "  1 point\n" LEGEND},
    {"three days are drawn by hour",
     60,
     {"2024-11-08T15:00:00Z", "2024-11-11T15:00:00Z"},
     "2024-11-08 15h  :........." CELLS_10 CELLS_10 "  1 point\n                (71 hours without)\n"
     "2024-11-11 15h  :........." CELLS_10 CELLS_10 "  1 point\n" LEGEND},
    {"more than three by day",
     81,
     {"S2024-02-28T23:59:00Z", "2024-02-29T12:00:00Z", "2024-03-02T12:00:00.001Z", "2024-03-04T00:00:00Z"},
     "2024-02-28  " CELLS_10 CELLS_10 CELLS_10 CELLS_10 ".......S  1 point, 1 snapshot\n"
     "2024-02-29  " CELLS_10 CELLS_10 "....:....." CELLS_10 "........  1 point\n"
     "            (1 day without)\n"
     "2024-03-02  " CELLS_10 CELLS_10 "....:....." CELLS_10 "........  1 point\n"
     "            (1 day without)\n"
     "2024-03-04  :........." CELLS_10 CELLS_10 CELLS_10 "........  1 point\n" LEGEND},
    {"days before 1970 begin at their midnight",
     50,
     {"1969-12-20T01:00:00Z", "1970-01-01T00:00:00Z"},
     "1969-12-20  .:......................  1 point\n            (11 days without)\n"
     "1970-01-01  :.......................  1 point\n" LEGEND},
    {"as long as instants reach",
     50,
     {"1680-01-01T00:00:00Z", "2262-01-01T00:00:00Z"},
     "1680-01-01  :.......................  1 point\n            (212570 days without)\n"
     "2262-01-01  :.......................  1 point\n" LEGEND},
};

/* The points that a case sketches. */
static void read_points(const struct timeline_case *wanted, struct listed_point *points, size_t *ret_n)
{
    static char gap[] = "a gap";
    size_t n = 0;

    for (; n < MOST_POINTS && wanted->points[n]; n++) {
        const char *text = wanted->points[n];
        char time[INSTANT_TEXT_SIZE];
        points[n] = (struct listed_point){.generation = "one"};
        if (*text == '+') {
            strcpy(points[n].generation, "other");
            text++;
        }
        points[n].is_snapshot = *text == 'S';
        text += *text == 'S';
        size_t length = strcspn(text, "!");
        points[n].gap = text[length] ? gap : NULL;
        memcpy(time, text, length);
        time[length] = '\0';
        assert_int_equal(instant_parse(time, 0, &points[n].time), 0);
    }
    *ret_n = n;
}

static void draws(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listed_point items[MOST_POINTS];
        struct listed_points points = {.items = items};
        char *text;
        print_message("%s\n", cases[i].what);
        read_points(&cases[i], items, &points.n);
        assert_int_equal(timeline_draw(&points, cases[i].width, &text), 0);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

/* Whatever the width, down to 40 columns. */
static void fits_into_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (unsigned width = 40; width < 120; width++) {
            struct listed_point items[MOST_POINTS];
            struct listed_points points = {.items = items};
            char *text;
            read_points(&cases[i], items, &points.n);
            assert_int_equal(timeline_draw(&points, width, &text), 0);
            for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
                assert_true(strcspn(line, "\n") <= width);
            free(text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(draws), cmocka_unit_test(fits_into_the_terminal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
