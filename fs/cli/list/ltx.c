/* litemount ltx: the LTX files of a v0.5 backup, as Litestream lists them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "litemount/task.h"
#include "objects.h"
#include "verbs.h"

/* The command: the objects, and which of them. */
struct ltx {
    struct objects objects;
    const char *level_text;
    int level; /* -1: all */
};

static bool is_wanted(const struct objects *objects, const struct listed_object *object)
{
    const struct ltx *ltx = (const struct ltx *)objects;
    return ltx->level < 0 || object->level == (unsigned)ltx->level;
}

static void add_row(struct output *output, const struct listed_object *object)
{
    output_add(output, "%u", object->level);
    output_add(output, "%016" PRIx64, object->min_txid);
    output_add(output, "%016" PRIx64, object->max_txid);
    output_add(output, "%" PRIu64, object->size);
    output_add_time(output, object->created);
}

static int list(void *context, char **operands, int n_operands, struct task *task)
{
    struct ltx *ltx = context;
    const char *text = ltx->level_text;

    if (strcmp(text, "all") == 0)
        ltx->level = -1;
    else if (text[0] >= '0' && text[0] <= '9' && !text[1])
        ltx->level = text[0] - '0';
    else
        return task_fail(task, EINVAL, "-level %s: expected a level from 0 to 9, or all", text);
    return objects_list(&ltx->objects, operands, n_operands, task);
}

int verb_ltx(int argc, char **argv)
{
    static const struct column columns[] = {{.name = "level", .is_number = true},
                                            {.name = "min_txid"},
                                            {.name = "max_txid"},
                                            {.name = "size", .is_number = true},
                                            {.name = "created", .key = "timestamp"}};
    struct ltx ltx = {.objects = {.kind = OBJECT_LTX,
                                  .columns = columns,
                                  .n_columns = sizeof columns / sizeof *columns,
                                  .is_wanted = is_wanted,
                                  .add_row = add_row},
                      .level_text = "0"};
    const struct flag flags[] = {
        COMMON_FLAGS(&ltx.objects.common),
        {"level", NULL, &ltx.level_text, "LEVEL", "only files of that level, 0 to 9 (0), or all"},
        {"json", &ltx.objects.json, NULL, NULL, "print JSON"},
    };
    const struct command command = {
        .usage = "litemount ltx [-config FILE] [-level LEVEL] [-json] DATABASE|URL",
        .about = "Lists the LTX files of a database's v0.5 backup; see wal for v0.3.",
        .flags = flags,
        .n_flags = sizeof flags / sizeof *flags,
        .help = &ltx.objects.common.help,
        .least = 1,
        .most = 1,
        .work = list,
        .context = &ltx,
    };

    return command_run(&command, argc, argv);
}
