/* litemount wal: the WAL segments of a v0.3 backup, as Litestream lists them. */
#include <inttypes.h>

#include "objects.h"
#include "verbs.h"

static void wal_add_row(struct output *output, const struct listed_object *object)
{
    output_add(output, "%s", object->replica);
    output_add(output, "%s", object->generation);
    output_add(output, "%" PRIu32, object->index);
    output_add(output, "%" PRIu64, object->offset);
    output_add(output, "%" PRIu64, object->size);
    output_add_time(output, object->created);
}

static const struct column wal_columns[] = {{.name = "replica"},
                                            {.name = "generation"},
                                            {.name = "index", .is_number = true},
                                            {.name = "offset", .is_number = true},
                                            {.name = "size", .is_number = true},
                                            {.name = "created"}};

static int wal_run(void *options, struct task *task)
{
    static const struct object_listing listing = {
        .kind = OBJECT_WAL,
        .columns = wal_columns,
        .n_columns = sizeof wal_columns / sizeof *wal_columns,
        .add_row = wal_add_row,
    };
    return objects_list(&listing, options, task);
}

static const struct argument wal_rows[] = {
    COMMON_ROWS(objects_options),
    GENERATION_ROW(objects_options),
    JSON_ROW(objects_options),
    DATABASE_ROW(objects_options),
};

const struct verb verb_wal = {
    .name = "wal",
    .summary = "list the WAL segments of a v0.3 backup",
    .arguments = {.program = "litemount wal",
                  .about = "Lists the WAL segments of a database's v0.3 backup; see ltx for v0.5.",
                  ARGUMENT_ROWS(wal_rows)},
    .options_size = sizeof(struct objects_options),
    .run = wal_run,
};
