/* litemount points: every restore point. On a terminal, when they are; else, or asked to, each of them. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/listed.h"
#include "litemount/log.h"
#include "objects.h"
#include "output/output.h"
#include "output/progress.h"
#include "output/terminal.h"
#include "target.h"
#include "timeline.h"
#include "verbs.h"

struct points_options {
    struct common_options common;
    const char *database, *generation; /* NULL: of all generations */
    bool json, table;
};

/* A program gets the point's very time, a person one that is easy to type and leads there. */
static void points_add_row(struct output *output, const struct listed_point *point)
{
    char time[INSTANT_TEXT_SIZE];

    instant_format(output->json ? point->time : point->shown, time);
    output_add(output, "%s", time);
    output_add(output, "%s", point->generation);
    output_add(output, "%s", point->position);
    output_add(output, "%" PRIu64, point->size);
    if (point->gap)
        output_add(output, "%s", point->gap);
    else
        output_add_nothing(output);
}

static int points_print(const struct listed_points *points, bool json)
{
    static const struct column columns[] = {{.name = "time"},
                                            {.name = "generation"},
                                            {.name = "position"},
                                            {.name = "size", .is_number = true},
                                            {.name = "gap", .is_extra = true}};
    _cleanup_(output_finish) struct output output;

    output_init(&output, columns, sizeof columns / sizeof *columns, json);
    for (size_t i = 0; i < points->n; i++)
        points_add_row(&output, &points->items[i]);
    return output_print(&output, stdout);
}

static int points_draw(const struct listed_points *points)
{
    _cleanup_free_ char *text = NULL;
    int r = timeline_draw(points, terminal_width(STDOUT_FILENO), &text);

    if (r == 0)
        fputs(text, stdout);
    return r;
}

/* JSON tells them with its points. */
static void points_warn_of_holes(const char *name, const struct listed_points *points)
{
    for (size_t i = 0; i < points->n; i++) {
        const struct listed_point *point = &points->items[i];
        char time[INSTANT_TEXT_SIZE];
        instant_format(point->shown, time);
        if (point->gap)
            log_warning("%s: a hole after %s in generation %s: %s", name, time, point->generation,
                        point->gap);
    }
}

static void points_show_progress(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;

    if (done < progress->done || total != progress->total)
        progress_begin(progress, progress->what, total);
    progress_add(progress, done - progress->done);
}

static int points_measure(const struct target *target, const char *generation, struct task *task,
                          struct listed_points *points)
{
    struct progress progress = {.what = target->name};
    const struct measuring measuring = {points_show_progress, &progress};
    int r = history_describe_points(target->history, generation, &measuring, task, points);

    progress_end(&progress);
    return r;
}

static int points_run(void *context, struct task *task)
{
    const struct points_options *options = context;
    _cleanup_(target_finish) struct target target;
    _cleanup_(listed_points_finish) struct listed_points points = {0};
    bool drawn = !options->json && !options->table && isatty(STDOUT_FILENO) == 1;
    int r = target_open(&options->common, options->database, task, &target);

    if (r == 0 && options->generation)
        r = target_check_generation(target.history, options->generation, task);
    if (r == 0)
        r = drawn ? history_describe_points(target.history, options->generation, NULL, task, &points)
                  : points_measure(&target, options->generation, task, &points);
    if (r == 0)
        target_warn_of_nothing(&target, points.n, task);
    if (r == 0)
        r = drawn ? points_draw(&points) : points_print(&points, options->json);
    if (r < 0 || options->json || output_flush(stdout) < 0)
        return r;
    points_warn_of_holes(target.name, &points);
    return 0;
}

static const struct argument points_rows[] = {
    COMMON_ROWS(points_options),
    GENERATION_ROW(points_options),
    JSON_ROW(points_options),
    {ARGUMENT_IS_SWITCH(points_options, table, "table", "print the table on a terminal too")},
    DATABASE_ROW(points_options),
};

const struct verb verb_points = {
    .name = "points",
    .summary = "list every instant that a database can be brought back to",
    .arguments =
        {.program = "litemount points",
         .about =
             "Lists every instant that a database can be brought back to, in order: time, generation, "
             "position,\n"
             "and the size of the database. On a terminal it draws when restore points, snapshots and holes\n"
             "are, as far as the objects' names and times tell: that reads nothing else.",
         ARGUMENT_ROWS(points_rows)},
    .options_size = sizeof(struct points_options),
    .run = points_run,
};
