#include "replica_listing.h"

#include <stdlib.h>

#include "formats.h"
#include "generation/contents.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"

/* So many objects are listed again whole every time: one short answer in place of several. */
#define FEW_OBJECTS 250
#define PARALLEL_LISTINGS 8

/* A replica that is being listed. */
struct listing_of_formats {
    const struct contents *contents;
    const struct generations *known;
    const struct history_options *options;
    bool whole;
    struct generations found[N_FORMATS]; /* by format, each its own thread's */
};

/* What is known need not be looked for, until everything is listed again. */
static int replica_find_names(const struct listing_of_formats *listing, size_t format, struct task *task,
                              struct names *names)
{
    const char *only = formats[format]->only_generation;
    if (only && !listing->whole && generations_find(listing->known, only))
        return names_add(names, only, true);
    return formats[format]->list_generations(listing->contents, task, names);
}

static int replica_find_generations(struct listing_of_formats *listing, size_t format, struct task *task)
{
    _cleanup_(names_finish) struct names names = {0};
    int r = replica_find_names(listing, format, task, &names);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        const char *name = names.items[i].text;
        struct generation *generation = generations_find(listing->known, name);
        if (generation)
            generation_ref(generation);
        else
            r = formats[format]->open(name, listing->contents->replica, listing->options, &generation);
        if (r == 0)
            r = generations_add(&listing->found[format], generation);
    }
    return r;
}

/* The generations of one format that are to be listed. */
struct listing_of_generations {
    const struct listing_of_formats *all;
    const struct generations *generations;
};

static int replica_list_generation(void *context, size_t item, struct task *task)
{
    const struct listing_of_generations *listing = context;
    struct generation *generation = listing->generations->items[item];
    return generation_refresh(generation, listing->all->contents, listing->all->whole, task);
}

static int replica_list_format(void *context, size_t format, struct task *task)
{
    struct listing_of_formats *all = context;
    struct listing_of_generations listing = {all, &all->found[format]};
    int r = replica_find_generations(all, format, task);
    return r < 0 ? r
                 : parallel_each(listing.generations->n, PARALLEL_LISTINGS, replica_list_generation, &listing,
                                 task);
}

/* Whether it only seemed to be there: a folder of a level's name may hold something else. */
static bool replica_is_mistaken(size_t format, struct generation *generation)
{
    int64_t earliest, latest;
    return formats[format]->only_generation && !generation_bounds(generation, &earliest, &latest);
}

/* Brings the formats' generations together. */
static int replica_collect(const struct listing_of_formats *listing, struct generations *generations)
{
    int r = 0;
    for (size_t format = 0; format < N_FORMATS; format++)
        for (size_t i = 0; i < listing->found[format].n && r == 0; i++) {
            struct generation *generation = listing->found[format].items[i];
            if (!replica_is_mistaken(format, generation))
                r = generations_add(generations, generation_ref(generation));
        }
    return r;
}

int replica_listing_make(struct replica *replica, const struct generations *known,
                         const struct history_options *options, bool whole, bool recall, struct task *task,
                         struct replica_listing *ret_listing)
{
    _Atomic int64_t as_of = instant_now();
    _cleanup_(contents_finish) struct contents contents = {
        .replica = replica, .cache = options->cache, .recall = recall && known->n == 0, .as_of = &as_of};
    struct listing_of_formats listing = {&contents, known, options, whole, {{0}}};
    _cleanup_(generations_finish) struct generations generations = {0};
    int r = whole || known->n == 0 ? contents_look(&contents, task) : 0;

    if (r == 0)
        r = parallel_each(N_FORMATS, N_FORMATS, replica_list_format, &listing, task);
    if (r == 0)
        r = replica_collect(&listing, &generations);
    for (size_t format = 0; format < N_FORMATS; format++)
        generations_finish(&listing.found[format]);
    if (r < 0)
        return r;
    *ret_listing = (struct replica_listing){
        .generations = generations,
        .as_of = as_of,
        .is_small = contents.complete && contents.all.n_objects <= FEW_OBJECTS,
    };
    generations = (struct generations){0};
    return 0;
}

bool replica_listing_has_points(const struct replica_listing *listing)
{
    for (size_t i = 0; i < listing->generations.n; i++) {
        struct generation *generation = listing->generations.items[i];
        if (generation_has_points(generation))
            return true;
    }
    return false;
}
