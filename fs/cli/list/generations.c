/* litemount generations: what time each generation covers, and how far it is behind the database. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/listed.h"
#include "output/duration.h"
#include "output/output.h"
#include "target.h"
#include "verbs.h"

struct generations_options {
    struct common_options common;
    const char *database;
    bool json;
};

static bool generations_find_mtime(const char *path, int64_t *ret_time)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return false;
    *ret_time = instant_of(&status.st_mtim);
    return true;
}

/* When the database was last written to; of one that is not known here, now. False: there is no such file. */
static bool generations_find_update(const char *path, int64_t *ret_time)
{
    _cleanup_free_ char *wal = NULL;
    int64_t wal_time;

    if (!path) {
        *ret_time = instant_now();
        return true;
    }
    if (!generations_find_mtime(path, ret_time))
        return false;
    if (asprintf(&wal, "%s-wal", path) < 0)
        wal = NULL;
    if (wal && generations_find_mtime(wal, &wal_time) && wal_time > *ret_time)
        *ret_time = wal_time;
    return true;
}

static void generations_add_lag(struct output *output, int64_t updated, int64_t end)
{
    char text[DURATION_TEXT_SIZE];
    int64_t lag;

    if (__builtin_sub_overflow(updated, end, &lag))
        lag = updated < end ? INT64_MIN : INT64_MAX;
    duration_format(lag, text);
    output_add(output, "%s", text);
}

static void generations_add_row(struct output *output, const struct listed_generation *generation,
                                const int64_t *updated)
{
    bool is_empty = generation->is_empty;

    output_add(output, "%s", generation->replica);
    output_add(output, "%s", generation->name);
    if (updated && !is_empty)
        generations_add_lag(output, *updated, generation->end);
    else
        output_add_nothing(output);
    if (is_empty) {
        output_add_nothing(output);
        output_add_nothing(output);
    } else {
        output_add_time(output, generation->start);
        output_add_time(output, generation->end);
    }
}

static int generations_run(void *context, struct task *task)
{
    static const struct column columns[] = {
        {.name = "name"}, {.name = "generation"}, {.name = "lag"}, {.name = "start"}, {.name = "end"}};
    const struct generations_options *options = context;
    _cleanup_(target_finish) struct target target;
    _cleanup_(listed_generations_finish) struct listed_generations generations = {0};
    _cleanup_(output_finish) struct output output;
    int64_t updated;
    int r = target_open(&options->common, options->database, task, &target);

    output_init(&output, columns, sizeof columns / sizeof *columns, options->json);
    if (r == 0)
        r = history_list_bounds(target.history, task, &generations);
    bool has_update = generations_find_update(target.path, &updated);
    for (size_t i = 0; i < generations.n && r == 0; i++)
        generations_add_row(&output, &generations.items[i], has_update ? &updated : NULL);
    if (r == 0)
        target_warn_of_nothing(&target, generations.n, task);
    return r < 0 ? r : output_print(&output, stdout);
}

static const struct argument generations_rows[] = {
    COMMON_ROWS(generations_options),
    JSON_ROW(generations_options),
    DATABASE_ROW(generations_options),
};

const struct verb verb_generations = {
    .name = "generations",
    .summary = "list the generations of a database, and what time each covers",
    .arguments =
        {.program = "litemount generations",
         .about =
             "Lists the generations of a database: the time that each covers, and how far its end is behind\n"
             "the database (\"-\": there is no database file here). A v0.5 backup is one generation, "
             "\"ltx\".",
         ARGUMENT_ROWS(generations_rows)},
    .options_size = sizeof(struct generations_options),
    .run = generations_run,
};
