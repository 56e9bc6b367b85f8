#include "generations.h"

#include <errno.h>
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

static int64_t generations_end_of(struct generation *generation)
{
    int64_t earliest, latest;
    return generation_bounds(generation, &earliest, &latest) ? latest : INT64_MIN;
}

/* Moves the last one to its place among those before it; of equal ends the first stays first. */
static void generations_sort_last(struct generations *generations)
{
    for (size_t i = generations->n - 1; i > 0; i--) {
        struct generation **items = &generations->items[i - 1], *after = items[1];
        if (generations_end_of(items[0]) >= generations_end_of(after))
            return;
        items[1] = items[0];
        items[0] = after;
    }
}

int generations_select(const struct generations *generations, const char *name, struct generations *ret_same)
{
    struct generations same = {0};
    int r = 0;

    for (size_t i = 0; i < generations->n && r == 0; i++) {
        if (strcmp(generations->items[i]->name, name) != 0)
            continue;
        r = generations_add(&same, generation_ref(generations->items[i]));
        if (r == 0)
            generations_sort_last(&same);
    }
    if (r < 0 || same.n == 0) {
        generations_finish(&same);
        return r < 0 ? r : -ENOENT;
    }
    *ret_same = same;
    return 0;
}
