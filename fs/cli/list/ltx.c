/* litemount ltx: the LTX files of a v0.5 backup, as Litestream lists them. */
#include <inttypes.h>

#include "objects.h"
#include "verbs.h"

static const char *const ltx_levels[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "all", NULL};

#define ALL_LEVELS 10 /* its place among them */

static bool ltx_is_wanted(const struct objects_options *options, const struct listed_object *object)
{
    return options->level == ALL_LEVELS || object->level == options->level;
}

static void ltx_add_row(struct output *output, const struct listed_object *object)
{
    output_add(output, "%u", object->level);
    output_add(output, "%016" PRIx64, object->min_txid);
    output_add(output, "%016" PRIx64, object->max_txid);
    output_add(output, "%" PRIu64, object->size);
    output_add_time(output, object->created);
}

static const struct column ltx_columns[] = {{.name = "level", .is_number = true},
                                            {.name = "min_txid"},
                                            {.name = "max_txid"},
                                            {.name = "size", .is_number = true},
                                            {.name = "created", .key = "timestamp"}};

static int ltx_run(void *options, struct task *task)
{
    static const struct object_listing listing = {
        .kind = OBJECT_LTX,
        .columns = ltx_columns,
        .n_columns = sizeof ltx_columns / sizeof *ltx_columns,
        .is_wanted = ltx_is_wanted,
        .add_row = ltx_add_row,
    };
    return objects_list(&listing, options, task);
}

static const struct argument ltx_rows[] = {
    COMMON_ROWS(objects_options),
    {ARGUMENT_IS(ARGUMENT_CHOICE, objects_options, level, "level", "LEVEL",
                 "only files of that level, 0 to 9, or all"),
     .fallback = "0", .expected = "a level from 0 to 9, or all", .choices = ltx_levels},
    JSON_ROW(objects_options),
    DATABASE_ROW(objects_options),
};

const struct verb verb_ltx = {
    .name = "ltx",
    .summary = "list the LTX files of a v0.5 backup",
    .arguments = {.program = "litemount ltx",
                  .about = "Lists the LTX files of a database's v0.5 backup; see wal for v0.3.",
                  ARGUMENT_ROWS(ltx_rows)},
    .options_size = sizeof(struct objects_options),
    .run = ltx_run,
};
