/* litemount points: every restore point. On a terminal, when they are; else, or asked to, each of them. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/listed.h"
#include "litemount/log.h"
#include "output/output.h"
#include "output/progress.h"
#include "output/terminal.h"
#include "target.h"
#include "timeline.h"
#include "verbs.h"

struct points_command {
    struct common_flags common;
    const char *generation;
    bool json, table;
};

/* A program gets the point's very time, a person one that is easy to type and leads there. */
static void add_row(struct output *output, const struct listed_point *point)
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

static int print_rows(const struct listed_points *points, bool json)
{
    static const struct column columns[] = {{.name = "time"},
                                            {.name = "generation"},
                                            {.name = "position"},
                                            {.name = "size", .is_number = true},
                                            {.name = "gap", .is_extra = true}};
    _cleanup_(output_finish) struct output output;

    output_init(&output, columns, sizeof columns / sizeof *columns, json);
    for (size_t i = 0; i < points->n; i++)
        add_row(&output, &points->items[i]);
    return output_print(&output, stdout);
}

static int draw(const struct listed_points *points)
{
    _cleanup_free_ char *text = NULL;
    int r = timeline_draw(points, terminal_width(STDOUT_FILENO), &text);

    if (r == 0)
        fputs(text, stdout);
    fflush(stdout);
    return r;
}

/* JSON tells them with its points. */
static void warn_of_holes(const char *name, const struct listed_points *points)
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

static void show_progress(void *context, uint64_t done, uint64_t total)
{
    struct progress *progress = context;

    if (done < progress->done || total != progress->total)
        progress_begin(progress, progress->what, total);
    progress_add(progress, done - progress->done);
}

static int measure(const struct target *target, const char *generation, struct task *task,
                   struct listed_points *points)
{
    struct progress progress = {.what = target->name};
    const struct measuring measuring = {show_progress, &progress};
    int r = history_describe_points(target->history, generation, &measuring, task, points);

    progress_end(&progress);
    return r;
}

static int list(void *context, char **operands, int n_operands, struct task *task)
{
    struct points_command *command = context;
    _cleanup_(target_finish) struct target target;
    _cleanup_(listed_points_finish) struct listed_points points = {0};
    bool drawn = !command->json && !command->table && isatty(STDOUT_FILENO) == 1;
    command->generation = flag_given(command->generation);
    int r = target_open(&command->common, operands[0], task, &target);

    (void)n_operands;
    if (r == 0 && command->generation)
        r = target_check_generation(target.history, command->generation, task);
    if (r == 0)
        r = drawn ? history_describe_points(target.history, command->generation, NULL, task, &points)
                  : measure(&target, command->generation, task, &points);
    if (r == 0)
        target_warn_of_nothing(&target, points.n, task);
    if (r == 0)
        r = drawn ? draw(&points) : print_rows(&points, command->json);
    if (r == 0 && !command->json)
        warn_of_holes(target.name, &points);
    return r;
}

int verb_points(int argc, char **argv)
{
    struct points_command points = {0};
    const struct flag flags[] = {
        COMMON_FLAGS(&points.common),
        {"generation", NULL, &points.generation, "NAME", "only of that generation"},
        {"json", &points.json, NULL, NULL, "print JSON"},
        {"table", &points.table, NULL, NULL, "print the table on a terminal too"},
    };
    const struct command command = {
        .usage = "litemount points [-config FILE] [-generation NAME] [-json] [-table] DATABASE|URL",
        .about =
            "Lists every instant that a database can be brought back to, in order: time, generation, "
            "position,\n"
            "and the size of the database. On a terminal it draws when restore points, snapshots and holes\n"
            "are, as far as the objects' names and times tell: that reads nothing else.",
        .flags = flags,
        .n_flags = sizeof flags / sizeof *flags,
        .help = &points.common.help,
        .least = 1,
        .most = 1,
        .work = list,
        .context = &points,
    };

    return command_run(&command, argc, argv);
}
