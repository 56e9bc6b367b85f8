/* litemount snapshots: Litestream v0.3's listing; of a v0.5 history its level-9 files, which are that. */
#include <inttypes.h>

#include "command.h"
#include "objects.h"
#include "verbs.h"

static void add_row(struct output *output, const struct listed_object *object)
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

int verb_snapshots(int argc, char **argv)
{
    static const struct column columns[] = {{.name = "replica"},
                                            {.name = "generation"},
                                            {.name = "index"},
                                            {.name = "size", .is_number = true},
                                            {.name = "created"}};
    struct objects objects = {.kind = OBJECT_SNAPSHOT,
                              .columns = columns,
                              .n_columns = sizeof columns / sizeof *columns,
                              .add_row = add_row};
    const struct flag flags[] = {
        COMMON_FLAGS(&objects.common),
        {"generation", NULL, &objects.generation, "NAME", "only of that generation"},
        {"json", &objects.json, NULL, NULL, "print JSON"},
    };
    const struct command command = {
        .usage = "litemount snapshots [-config FILE] [-generation NAME] [-json] DATABASE|URL",
        .about =
            "Lists the snapshots of a database. A v0.5 backup has the generation \"ltx\", and a snapshot's\n"
            "index is its last TXID.",
        .flags = flags,
        .n_flags = sizeof flags / sizeof *flags,
        .help = &objects.common.help,
        .least = 1,
        .most = 1,
        .work = objects_list,
        .context = &objects,
    };

    return command_run(&command, argc, argv);
}
