/* litemount snapshots: Litestream v0.3's listing; of a v0.5 history its level-9 files, which are that. */
#include <inttypes.h>

#include "objects.h"
#include "verbs.h"

static void snapshots_add_row(struct output *output, const struct listed_object *object)
{
    output_add(output, "%s", object->replica);
    output_add(output, "%s", object->generation);
    if (object->max_txid)
        output_add(output, "%016" PRIx64, object->max_txid);
    else
        output_add(output, "%" PRIu32, object->index);
    output_add(output, "%" PRIu64, object->size);
    output_add_time(output, object->created);
}

static const struct column snapshots_columns[] = {{.name = "replica"},
                                                  {.name = "generation"},
                                                  {.name = "index"},
                                                  {.name = "size", .is_number = true},
                                                  {.name = "created"}};

static int snapshots_run(void *options, struct task *task)
{
    static const struct object_listing listing = {
        .kind = OBJECT_SNAPSHOT,
        .columns = snapshots_columns,
        .n_columns = sizeof snapshots_columns / sizeof *snapshots_columns,
        .add_row = snapshots_add_row,
    };
    return objects_list(&listing, options, task);
}

static const struct argument snapshots_rows[] = {
    COMMON_ROWS(objects_options),
    GENERATION_ROW(objects_options),
    JSON_ROW(objects_options),
    DATABASE_ROW(objects_options),
};

const struct verb verb_snapshots = {
    .name = "snapshots",
    .summary = "list the snapshots of a database",
    .arguments =
        {.program = "litemount snapshots",
         .about =
             "Lists the snapshots of a database. A v0.5 backup has the generation \"ltx\", and a snapshot's\n"
             "index is its last TXID.",
         ARGUMENT_ROWS(snapshots_rows)},
    .options_size = sizeof(struct objects_options),
    .run = snapshots_run,
};
