#include "litemount/listed.h"

#include <stdlib.h>

#include "litemount/array.h"

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
