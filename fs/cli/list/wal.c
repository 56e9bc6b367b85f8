/* litemount wal: the WAL segments of a v0.3 backup, as Litestream lists them. */
#include <inttypes.h>

#include "command.h"
#include "objects.h"
#include "verbs.h"

static void add_row(struct output *output, const struct listed_object *object)
{
    output_add(output, "%s", object->replica);
    output_add(output, "%s", object->generation);
    output_add(output, "%" PRIu32, object->index);
    output_add(output, "%" PRIu64, object->offset);
    output_add(output, "%" PRIu64, object->size);
    output_add_time(output, object->created);
}

int verb_wal(int argc, char **argv)
{
    static const struct column columns[] = {{.name = "replica"},
                                            {.name = "generation"},
                                            {.name = "index", .is_number = true},
                                            {.name = "offset", .is_number = true},
                                            {.name = "size", .is_number = true},
                                            {.name = "created"}};
    struct objects objects = {.kind = OBJECT_WAL,
                              .columns = columns,
                              .n_columns = sizeof columns / sizeof *columns,
                              .add_row = add_row};
    const struct flag flags[] = {
        COMMON_FLAGS(&objects.common),
        {"generation", NULL, &objects.generation, "NAME", "only of that generation"},
        {"json", &objects.json, NULL, NULL, "print JSON"},
    };
    const struct command command = {
        .usage = "litemount wal [-config FILE] [-generation NAME] [-json] DATABASE|URL",
        .about = "Lists the WAL segments of a database's v0.3 backup; see ltx for v0.5.",
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
