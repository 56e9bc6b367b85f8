#include "survey.h"

#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"
#include "v03/v03_generation.h"
#include "v05/v05_generation.h"

#define PARALLEL_LISTINGS 8

/* The formats that a replica may hold, side by side. */
static const struct {
    int (*list)(struct replica *replica, struct task *task, struct names *names);
    int (*open)(const char *name, struct replica *replica, const struct history_options *options,
                struct generation **ret_generation);
} formats[] = {
    {v03_list_generations, v03_generation_open},
    {v05_list_generations, v05_generation_open},
};

static int find_generations(size_t format, struct replica *replica, const struct generations *known,
                            const struct history_options *options, struct task *task,
                            struct generations *found)
{
    _cleanup_(names_finish) struct names names = {0};
    int r = formats[format].list(replica, task, &names);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        struct generation *generation = generations_find(known, names.items[i].text);
        if (generation)
            generation_ref(generation);
        else
            r = formats[format].open(names.items[i].text, replica, options, &generation);
        if (r == 0)
            r = generations_add(found, generation);
    }
    return r;
}

static int refresh_item(void *context, size_t item, struct task *task)
{
    struct survey *survey = context;
    struct generation *generation = survey->found.items[item];
    return generation->ops->refresh(generation, survey->whole, task);
}

int survey_make(struct replica *replica, const struct generations *known,
                const struct history_options *options, bool whole, struct task *task,
                struct survey *ret_survey)
{
    struct survey survey = {.whole = whole};
    int r = 0;

    for (size_t i = 0; i < sizeof formats / sizeof *formats && r == 0; i++)
        r = find_generations(i, replica, known, options, task, &survey.found);
    if (r == 0)
        r = parallel_each(survey.found.n, PARALLEL_LISTINGS, refresh_item, &survey, task);
    if (r < 0) {
        generations_finish(&survey.found);
        return r;
    }
    *ret_survey = survey;
    return 0;
}

bool survey_has_points(const struct survey *survey)
{
    int64_t point;
    for (size_t i = 0; i < survey->found.n; i++) {
        struct generation *generation = survey->found.items[i];
        if (generation->ops->point_at(generation, INSTANT_MAX, &point))
            return true;
    }
    return false;
}
