#include "generations.h"

#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"

void generations_finish(struct generations *generations)
{
    for (size_t i = 0; i < generations->n; i++)
        generation_unref(generations->items[i]);
    free(generations->items);
    *generations = (struct generations){0};
}

int generations_add(struct generations *generations, struct generation *generation)
{
    int r = ARRAY_GROW(generations->items, generations->capacity, generations->n + 1);
    if (r < 0) {
        generation_unref(generation);
        return r;
    }
    generations->items[generations->n++] = generation;
    return 0;
}

int generations_copy(const struct generations *generations, struct generations *ret_copy)
{
    struct generations copy = {0};
    for (size_t i = 0; i < generations->n; i++) {
        int r = generations_add(&copy, generation_ref(generations->items[i]));
        if (r < 0) {
            generations_finish(&copy);
            return r;
        }
    }
    *ret_copy = copy;
    return 0;
}

struct generation *generations_find(const struct generations *generations, const char *name)
{
    for (size_t i = 0; i < generations->n; i++)
        if (strcmp(generations->items[i]->name, name) == 0)
            return generations->items[i];
    return NULL;
}
