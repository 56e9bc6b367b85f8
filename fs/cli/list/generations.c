/* litemount generations: what time each generation covers, and how far it is behind the database. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "command.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/listed.h"
#include "output/duration.h"
#include "output/output.h"
#include "target.h"
#include "verbs.h"

struct generations_command {
    struct common_flags common;
    bool json;
};

static bool find_mtime(const char *path, int64_t *ret_time)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return false;
    *ret_time = instant_of(&status.st_mtim);
    return true;
}

/* When the database was last written to; of one that is not known here, now. False: there is no such file. */
static bool find_update(const char *path, int64_t *ret_time)
{
    _cleanup_free_ char *wal = NULL;
    int64_t wal_time;

    if (!path) {
        *ret_time = instant_now();
        return true;
    }
    if (!find_mtime(path, ret_time))
        return false;
    if (asprintf(&wal, "%s-wal", path) < 0)
        wal = NULL;
    if (wal && find_mtime(wal, &wal_time) && wal_time > *ret_time)
        *ret_time = wal_time;
    return true;
}

static void add_lag(struct output *output, int64_t updated, int64_t end)
{
    char text[DURATION_TEXT_SIZE];
    int64_t lag;

    if (__builtin_sub_overflow(updated, end, &lag))
        lag = updated < end ? INT64_MIN : INT64_MAX;
    duration_format(lag, text);
    output_add(output, "%s", text);
}

static void add_row(struct output *output, const struct listed_generation *generation, const int64_t *updated)
{
    bool is_empty = generation->is_empty;

    output_add(output, "%s", generation->replica);
    output_add(output, "%s", generation->name);
    if (updated && !is_empty)
        add_lag(output, *updated, generation->end);
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

static int list(void *context, char **operands, int n_operands, struct task *task)
{
    static const struct column columns[] = {
        {.name = "name"}, {.name = "generation"}, {.name = "lag"}, {.name = "start"}, {.name = "end"}};
    const struct generations_command *command = context;
    _cleanup_(target_finish) struct target target;
    _cleanup_(listed_generations_finish) struct listed_generations found = {0};
    _cleanup_(output_finish) struct output output;
    int64_t updated;
    int r = target_open(&command->common, operands[0], task, &target);

    (void)n_operands;
    output_init(&output, columns, sizeof columns / sizeof *columns, command->json);
    if (r == 0)
        r = history_list_bounds(target.history, task, &found);
    bool has_update = find_update(target.path, &updated);
    for (size_t i = 0; i < found.n && r == 0; i++)
        add_row(&output, &found.items[i], has_update ? &updated : NULL);
    if (r == 0)
        target_warn_of_nothing(&target, found.n, task);
    return r < 0 ? r : output_print(&output, stdout);
}

int verb_generations(int argc, char **argv)
{
    struct generations_command generations = {0};
    const struct flag flags[] = {
        COMMON_FLAGS(&generations.common),
        {"json", &generations.json, NULL, NULL, "print JSON"},
    };
    const struct command command = {
        .usage = "litemount generations [-config FILE] [-json] DATABASE|URL",
        .about =
            "Lists the generations of a database: the time that each covers, and how far its end is behind\n"
            "the database (\"-\": there is no database file here). A v0.5 backup is one generation, \"ltx\".",
        .flags = flags,
        .n_flags = sizeof flags / sizeof *flags,
        .help = &generations.common.help,
        .least = 1,
        .most = 1,
        .work = list,
        .context = &generations,
    };

    return command_run(&command, argc, argv);
}
