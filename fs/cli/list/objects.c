#include "objects.h"

#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

static bool is_wanted(const struct objects *objects, const struct listed_object *object)
{
    if (objects->generation && strcmp(objects->generation, object->generation) != 0)
        return false;
    return !objects->is_wanted || objects->is_wanted(objects, object);
}

int objects_list(void *context, char **operands, int n_operands, struct task *task)
{
    struct objects *objects = context;
    _cleanup_(target_finish) struct target target;
    _cleanup_(listed_objects_finish) struct listed_objects found = {0};
    _cleanup_(output_finish) struct output output;
    objects->generation = flag_given(objects->generation);
    int r = target_open(&objects->common, operands[0], task, &target);

    (void)n_operands;
    output_init(&output, objects->columns, objects->n_columns, objects->json);
    if (r == 0 && objects->generation)
        r = target_check_generation(target.history, objects->generation, task);
    if (r == 0)
        r = history_list_objects(target.history, objects->kind, task, &found);
    for (size_t i = 0; i < found.n && r == 0; i++)
        if (is_wanted(objects, &found.items[i]))
            objects->add_row(&output, &found.items[i]);
    if (r == 0)
        target_warn_of_nothing(&target, found.n, task);
    return r < 0 ? r : output_print(&output, stdout);
}
