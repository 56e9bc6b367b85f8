#include "survey.h"

#include <stdlib.h>

#include "generation/contents.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"
#include "v03/v03_generation.h"
#include "v05/v05_generation.h"

/* So many objects are listed again whole at every look: one short answer in place of several. */
#define FEW_OBJECTS 250
#define PARALLEL_LISTINGS 8

/* The formats that a replica may hold, side by side. */
static const struct {
    int (*list)(const struct contents *contents, struct task *task, struct names *names);
    int (*open)(const char *name, struct replica *replica, const struct history_options *options,
                struct generation **ret_generation);
    const char *only; /* the one generation that there can be, or NULL */
} formats[] = {
    {v03_list_generations, v03_generation_open, NULL},
    {v05_list_generations, v05_generation_open, V05_GENERATION},
};

#define N_FORMATS (sizeof formats / sizeof *formats)

/* A survey under way. */
struct surveying {
    const struct contents *contents;
    const struct generations *known;
    const struct history_options *options;
    bool whole;
    struct generations found[N_FORMATS]; /* by format, each its own thread's */
};

/* What is known need not be looked for, until everything is looked at again. */
static int find_names(const struct surveying *surveying, size_t format, struct task *task,
                      struct names *names)
{
    const char *only = formats[format].only;
    if (only && !surveying->whole && generations_find(surveying->known, only))
        return names_add(names, only, true);
    return formats[format].list(surveying->contents, task, names);
}

static int find_generations(struct surveying *surveying, size_t format, struct task *task)
{
    _cleanup_(names_finish) struct names names = {0};
    int r = find_names(surveying, format, task, &names);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        const char *name = names.items[i].text;
        struct generation *generation = generations_find(surveying->known, name);
        if (generation)
            generation_ref(generation);
        else
            r = formats[format].open(name, surveying->contents->replica, surveying->options, &generation);
        if (r == 0)
            r = generations_add(&surveying->found[format], generation);
    }
    return r;
}

/* The generations of one format that are to be listed. */
struct refreshing {
    const struct surveying *surveying;
    const struct generations *generations;
};

static int refresh_item(void *context, size_t item, struct task *task)
{
    struct refreshing *refreshing = context;
    const struct surveying *surveying = refreshing->surveying;
    struct generation *generation = refreshing->generations->items[item];
    return generation->ops->refresh(generation, surveying->contents, surveying->whole, task);
}

static int survey_format(void *context, size_t format, struct task *task)
{
    struct surveying *surveying = context;
    struct refreshing refreshing = {surveying, &surveying->found[format]};
    int r = find_generations(surveying, format, task);
    return r < 0
               ? r
               : parallel_each(refreshing.generations->n, PARALLEL_LISTINGS, refresh_item, &refreshing, task);
}

/* Whether it only seemed to be there: a folder of a level's name may hold something else. */
static bool is_mistaken(size_t format, struct generation *generation)
{
    int64_t earliest, latest;
    return formats[format].only && !generation->ops->bounds(generation, &earliest, &latest);
}

/* Brings the formats' generations together. */
static int collect(const struct surveying *surveying, struct survey *survey)
{
    int r = 0;
    for (size_t format = 0; format < N_FORMATS; format++)
        for (size_t i = 0; i < surveying->found[format].n && r == 0; i++) {
            struct generation *generation = surveying->found[format].items[i];
            if (!is_mistaken(format, generation))
                r = generations_add(&survey->found, generation_ref(generation));
        }
    return r;
}

int survey_make(struct replica *replica, const struct generations *known,
                const struct history_options *options, bool whole, bool recall, struct task *task,
                struct survey *ret_survey)
{
    _Atomic int64_t as_of = instant_now();
    _cleanup_(contents_finish) struct contents contents = {
        .replica = replica, .cache = options->cache, .recall = recall && known->n == 0, .as_of = &as_of};
    struct surveying surveying = {&contents, known, options, whole, {{0}}};
    struct survey survey = {0};
    int r = whole || known->n == 0 ? contents_look(&contents, task) : 0;

    if (r == 0)
        r = parallel_each(N_FORMATS, N_FORMATS, survey_format, &surveying, task);
    if (r == 0)
        r = collect(&surveying, &survey);
    for (size_t format = 0; format < N_FORMATS; format++)
        generations_finish(&surveying.found[format]);
    if (r < 0) {
        generations_finish(&survey.found);
        return r;
    }
    survey.as_of = as_of;
    survey.is_small = contents.complete && contents.all.n_objects <= FEW_OBJECTS;
    *ret_survey = survey;
    return 0;
}

bool survey_has_points(const struct survey *survey)
{
    for (size_t i = 0; i < survey->found.n; i++)
        if (survey->found.items[i]->ops->has_points(survey->found.items[i]))
            return true;
    return false;
}
