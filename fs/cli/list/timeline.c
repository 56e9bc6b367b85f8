/* A line is cut into cells of equal length, and each shows the most remarkable that happened in it:
 *
 *     2024-11-08 15h  ..:..S::!!!!  12 points, 1 snapshot, 1 hole
 */
#include "timeline.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/instant.h"

#define MINUTE (60 * INSTANT_SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MOST_HOURS (3 * DAY) /* more than that is drawn by day */
#define MOST_CELLS 60
#define COUNTS_SIZE 112 /* bytes: three numbers of any length, and what they count */

#define NOTHING '.'
#define POINTS ':'
#define SNAPSHOT 'S'
#define HOLE '!'

/* How time is cut. */
struct scale {
    const char *name;    /* of a line's length, for many */
    int64_t line;        /* nanoseconds */
    int64_t cells[5];    /* how long a cell may be, the finest first: nanoseconds; 0: no more */
    size_t label_length; /* of the line's beginning in RFC 3339 */
    const char *unit;    /* behind the label */
};

static const struct scale by_hour = {"hours", HOUR, {MINUTE, 2 * MINUTE, 3 * MINUTE, 5 * MINUTE, 0}, 13, "h"};
static const struct scale by_day = {"days", DAY, {HOUR / 2, HOUR, 2 * HOUR, 0}, 10, ""};

/* How it is drawn. */
struct drawing {
    const struct listed_points *points;
    const struct scale *scale;
    int64_t cell; /* nanoseconds */
    size_t n_cells;
    bool has_counts;
    FILE *file;
};

/* What one line shows. */
struct line {
    int64_t begin;
    char cells[MOST_CELLS + 1];
    size_t n_points, n_snapshots, n_holes;
};

static int64_t timeline_round_down(int64_t time, int64_t unit)
{
    int64_t over = time % unit, down;
    return __builtin_sub_overflow(time, over < 0 ? over + unit : over, &down) ? INT64_MIN : down;
}

/* The first point after number `i` of its generation; the end of the array if it is the last. */
static size_t timeline_find_next(const struct listed_points *points, size_t i)
{
    size_t next = i + 1;
    while (next < points->n && strcmp(points->items[next].generation, points->items[i].generation) != 0)
        next++;
    return next;
}

static bool timeline_is_in_line(const struct drawing *drawing, const struct line *line, int64_t time)
{
    return timeline_round_down(time, drawing->scale->line) == line->begin;
}

/* Where in the line an instant of it lies. */
static size_t timeline_cell_of(const struct drawing *drawing, const struct line *line, int64_t time)
{
    return (size_t)((time - line->begin) / drawing->cell);
}

static void timeline_mark(struct line *line, size_t cell, char mark)
{
    static const char ranks[] = {NOTHING, POINTS, SNAPSHOT, HOLE};
    if (memchr(ranks, mark, sizeof ranks) > memchr(ranks, line->cells[cell], sizeof ranks))
        line->cells[cell] = mark;
}

/* A hole reaches from its point, in this line or one before it, to the next one, where nothing else was;
 * behind the last one nothing is known. */
static void timeline_extend_hole(const struct drawing *drawing, size_t i, struct line *line)
{
    const struct listed_points *points = drawing->points;
    size_t next = timeline_find_next(points, i), first = 0, end = drawing->n_cells;

    if (next == points->n || points->items[next].time < line->begin)
        return;
    if (timeline_is_in_line(drawing, line, points->items[i].time))
        first = timeline_cell_of(drawing, line, points->items[i].time) + 1;
    if (timeline_is_in_line(drawing, line, points->items[next].time))
        end = timeline_cell_of(drawing, line, points->items[next].time);
    for (size_t cell = first; cell < end; cell++)
        if (line->cells[cell] == NOTHING)
            line->cells[cell] = HOLE;
}

/* Makes the line that point number `first` lies in. Returns the number of the first point behind it. */
static size_t timeline_make_line(const struct drawing *drawing, size_t first, struct line *ret_line)
{
    const struct listed_points *points = drawing->points;
    struct line line = {.begin = timeline_round_down(points->items[first].time, drawing->scale->line)};
    size_t i = first;

    memset(line.cells, NOTHING, drawing->n_cells);
    for (; i < points->n && timeline_is_in_line(drawing, &line, points->items[i].time); i++) {
        const struct listed_point *point = &points->items[i];
        timeline_mark(&line, timeline_cell_of(drawing, &line, point->time),
                      point->is_snapshot ? SNAPSHOT : POINTS);
        if (point->gap)
            timeline_mark(&line, timeline_cell_of(drawing, &line, point->time), HOLE);
        line.n_points++;
        line.n_snapshots += point->is_snapshot;
        line.n_holes += point->gap != NULL;
    }
    for (size_t hole = 0; hole < i; hole++)
        if (points->items[hole].gap)
            timeline_extend_hole(drawing, hole, &line);
    *ret_line = line;
    return i;
}

static int timeline_format_count(char *text, size_t size, const char *before, size_t n, const char *what)
{
    return n ? snprintf(text, size, "%s%zu %s%s", before, n, what, n == 1 ? "" : "s") : 0;
}

static size_t timeline_format_counts(const struct line *line, char text[static COUNTS_SIZE])
{
    int n = timeline_format_count(text, COUNTS_SIZE, "  ", line->n_points, "point");
    n += timeline_format_count(text + n, COUNTS_SIZE - (size_t)n, ", ", line->n_snapshots, "snapshot");
    n += timeline_format_count(text + n, COUNTS_SIZE - (size_t)n, ", ", line->n_holes, "hole");
    return (size_t)n;
}

static size_t timeline_label_width(const struct scale *scale)
{
    return scale->label_length + strlen(scale->unit);
}

/* The finest cells that fit into lines of that width, and the counts if they do; the coarsest if none do. */
static void timeline_fit(struct drawing *drawing, size_t counts_width, unsigned width)
{
    const struct scale *scale = drawing->scale;

    for (size_t i = 0; scale->cells[i]; i++) {
        drawing->cell = scale->cells[i];
        drawing->n_cells = (size_t)(scale->line / drawing->cell);
        size_t bare = timeline_label_width(scale) + 2 + drawing->n_cells;
        drawing->has_counts = bare + counts_width <= width;
        if (drawing->has_counts)
            return;
    }
}

static void timeline_choose_scale(struct drawing *drawing, unsigned width)
{
    const struct listed_points *points = drawing->points;
    int64_t first = points->items[0].time, last = points->items[points->n - 1].time, span;
    size_t counts_width = 0;
    char counts[COUNTS_SIZE];
    struct line line;

    bool is_long = __builtin_sub_overflow(last, first, &span) || span > MOST_HOURS;
    drawing->scale = is_long ? &by_day : &by_hour;
    timeline_fit(drawing, 0, UINT_MAX);
    for (size_t i = 0; i < points->n;) {
        i = timeline_make_line(drawing, i, &line);
        size_t length = timeline_format_counts(&line, counts);
        counts_width = length > counts_width ? length : counts_width;
    }
    timeline_fit(drawing, counts_width, width);
}

static void timeline_print_line(const struct drawing *drawing, const struct line *line)
{
    const struct scale *scale = drawing->scale;
    char label[INSTANT_TEXT_SIZE], counts[COUNTS_SIZE] = "";

    instant_format(line->begin, label);
    label[strlen("YYYY-MM-DD")] = ' '; /* RFC 3339's "T" */
    if (drawing->has_counts)
        timeline_format_counts(line, counts);
    fprintf(drawing->file, "%.*s%s  %s%s\n", (int)scale->label_length, label, scale->unit, line->cells,
            counts);
}

/* Lines without a point, between two that have some, are left out, and counted. */
static void timeline_print_pause(const struct drawing *drawing, int64_t before, int64_t begin)
{
    const struct scale *scale = drawing->scale;
    int64_t n = begin / scale->line - before / scale->line - 1;
    if (n > 0)
        fprintf(drawing->file, "%*s  (%lld %.*s without)\n", (int)timeline_label_width(scale), "",
                (long long)n, (int)strlen(scale->name) - (n == 1), scale->name);
}

static void timeline_print_lines(const struct drawing *drawing)
{
    struct line line;
    int64_t before = 0;

    for (size_t i = 0; i < drawing->points->n;) {
        size_t next = timeline_make_line(drawing, i, &line);
        if (i > 0)
            timeline_print_pause(drawing, before, line.begin);
        timeline_print_line(drawing, &line);
        before = line.begin;
        i = next;
    }
    fprintf(drawing->file, "%c points  %c snapshot  %c hole  (UTC)\n", POINTS, SNAPSHOT, HOLE);
}

int timeline_draw(const struct listed_points *points, unsigned width, char **ret_text)
{
    struct drawing drawing = {.points = points};
    char *text = NULL;
    size_t size;

    if (!(drawing.file = open_memstream(&text, &size)))
        return -ENOMEM;
    if (points->n) {
        timeline_choose_scale(&drawing, width);
        timeline_print_lines(&drawing);
    } else {
        fputs("no restore points\n", drawing.file);
    }
    if (fclose(drawing.file) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    return 0;
}
