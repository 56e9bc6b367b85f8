#include "litemount/listed.h"

#include <stdlib.h>

#include "generation.h"
#include "litemount/array.h"

#define MEASURED_AT_ONCE 1024 /* objects that are read between two notes of how far that is */

void listed_generations_finish(struct listed_generations *generations)
{
    free(generations->items);
    *generations = (struct listed_generations){0};
}

void listed_objects_finish(struct listed_objects *objects)
{
    free(objects->items);
    *objects = (struct listed_objects){0};
}

int listed_objects_add(struct listed_objects *objects, const struct listed_object *object)
{
    int r = ARRAY_GROW(objects->items, objects->capacity, objects->n + 1);
    if (r == 0)
        objects->items[objects->n++] = *object;
    return r;
}

void listed_points_finish(struct listed_points *points)
{
    for (size_t i = 0; i < points->n; i++)
        free(points->items[i].gap);
    free(points->items);
    *points = (struct listed_points){0};
}

int listed_points_add(struct listed_points *points, const struct listed_point *point)
{
    int r = ARRAY_GROW(points->items, points->capacity, points->n + 1);
    if (r == 0)
        points->items[points->n++] = *point;
    return r;
}

int measure_in_parts(const struct measuring *measuring, const struct measured_objects *objects,
                     struct task *task)
{
    uint64_t total = objects->bytes_of_first(objects->context, objects->n);
    int r = 0;

    for (size_t begin = 0, end; begin < objects->n && r == 0; begin = end) {
        end = objects->n - begin > MEASURED_AT_ONCE ? begin + MEASURED_AT_ONCE : objects->n;
        measuring->note(measuring->context, objects->bytes_of_first(objects->context, begin), total);
        r = objects->read(objects->context, begin, end, task);
    }
    return r;
}
