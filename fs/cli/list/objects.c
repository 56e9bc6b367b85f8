#include "objects.h"

#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

static bool objects_is_wanted(const struct object_listing *listing, const struct objects_options *options,
                              const struct listed_object *object)
{
    if (options->generation && strcmp(options->generation, object->generation) != 0)
        return false;
    return !listing->is_wanted || listing->is_wanted(options, object);
}

int objects_list(const struct object_listing *listing, const struct objects_options *options,
                 struct task *task)
{
    _cleanup_(target_finish) struct target target;
    _cleanup_(listed_objects_finish) struct listed_objects objects = {0};
    _cleanup_(output_finish) struct output output;
    int r = target_open(&options->common, options->database, task, &target);

    output_init(&output, listing->columns, listing->n_columns, options->json);
    if (r == 0 && options->generation)
        r = target_check_generation(target.history, options->generation, task);
    if (r == 0)
        r = history_list_objects(target.history, listing->kind, task, &objects);
    for (size_t i = 0; i < objects.n && r == 0; i++)
        if (objects_is_wanted(listing, options, &objects.items[i]))
            listing->add_row(&output, &objects.items[i]);
    if (r == 0)
        target_warn_of_nothing(&target, objects.n, task);
    return r < 0 ? r : output_print(&output, stdout);
}
