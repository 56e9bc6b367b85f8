/* The root, and what stands in it: every database by its name, as of one instant or with all its history. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "folders.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/parallel.h"
#include "litemount/shown.h"
#include "litemount/task.h"

#define PARALLEL_DATABASES 64

static const struct {
    const char *name;
    enum place_kind kind;
} tops[] = {{"latest", PLACE_LATEST}, {"at", PLACE_AT}, {"databases", PLACE_DATABASES}};

int root_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                struct found *ret_found)
{
    if (strcmp(name, ".litemount") == 0)
        return found_folder(ret_found, PLACE_OWN, place);
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        if (strcmp(name, tops[i].name) != 0)
            continue;
        int r = found_folder(ret_found, tops[i].kind, place);
        return r < 0 ? r : set_text(&ret_found->place.name, "", NULL);
    }
    return -ENOENT;
}

int root_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    int r = 0;
    for (size_t i = 0; i < sizeof tops / sizeof *tops && r == 0; i++)
        r = names_add(names, tops[i].name, true);
    return r;
}

int own_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
               struct found *ret_found)
{
    if (strcmp(name, "stats") != 0)
        return -ENOENT;
    ret_found->kind = FOUND_STATS;
    return 0;
}

int own_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    return names_add(names, "stats", false);
}

/* The database of that full name, or the folder deeper within names. `*ret_history` is NULL for a folder. */
static int find_name(struct catalog *catalog, const struct place *place, const char *full, struct task *task,
                     struct history **ret_history, struct found *found)
{
    *ret_history = NULL;
    int r = catalog_find(catalog, full, task, ret_history);
    if (r != -ENOENT)
        return r;
    if ((r = catalog_find_folder(catalog, full, task)) < 0)
        return r;
    if ((r = found_folder(found, place->kind, place)) < 0)
        return r;
    return set_text(&found->place.name, full, NULL);
}

static int find_state(struct catalog *catalog, const struct place *place, const char *name, int64_t time,
                      struct task *task, struct found *ret_found)
{
    _cleanup_free_ char *full = NULL;
    struct history *history;
    struct state *state;
    int r = set_text(&full, place->name, name);

    if (r == 0)
        r = find_name(catalog, place, full, task, &history, ret_found);
    if (r < 0 || !history)
        return r;
    catalog_open_ahead(catalog, full, time, task);
    r = time == INSTANT_MAX ? history_open_latest(history, NULL, task, &state)
                            : history_open_at(history, NULL, time, task, &state);
    return r < 0 ? r : found_state(ret_found, state);
}

/* A listing of databases that have something to show. */
struct census {
    struct catalog *catalog;
    const struct place *place;
    struct names *all;
    bool *shown;
    int64_t time;
};

/* Notes which state is shown, if that is known: of a database that nobody was asked for it may not be. */
static int note_inode(struct history *history, int64_t time, struct name *name)
{
    if (time == INSTANT_MAX && !history_is_current(history))
        return 0;
    return history_list_inodes(history, NULL, &time, 1, &name->inode);
}

/* Whether the database has something to show at that time; a folder always has. Of one that was found by
 * listing the store something is there, so nobody needs to be asked for the latest. */
static int count_database(void *context, size_t item, struct task *task)
{
    struct census *census = context;
    _cleanup_free_ char *full = NULL;
    struct history *history;
    int r = set_text(&full, census->place->name, census->all->items[item].text);

    census->shown[item] = census->all->items[item].is_folder;
    if (r < 0 || census->shown[item])
        return r;
    if ((r = catalog_find(census->catalog, full, task, &history)) < 0)
        return r;
    census->shown[item] = census->time == INSTANT_MAX && catalog_folder(census->catalog, full);
    if (census->shown[item])
        return note_inode(history, census->time, &census->all->items[item]);
    r = history_has_point(history, census->time, task);
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    /* One database that can't be asked must not hide the others: it is shown, and a look at it says what is
     * wrong. */
    census->shown[item] = r != 0;
    return r > 0 ? note_inode(history, census->time, &census->all->items[item]) : 0;
}

static int list_databases(struct catalog *catalog, const struct place *place, int64_t time, struct task *task,
                          struct names *names)
{
    _cleanup_(names_finish) struct names all = {0};
    int r = catalog_list(catalog, place->name, task, &all);
    _cleanup_free_ bool *shown = calloc(all.n + 1, sizeof *shown);
    struct census census = {catalog, place, &all, shown, time};

    if (r < 0 || !shown)
        return r < 0 ? r : -ENOMEM;
    r = parallel_each(all.n, PARALLEL_DATABASES, count_database, &census, task);
    for (size_t i = 0; i < all.n && r == 0; i++)
        if (shown[i])
            r = all.items[i].is_folder ? names_add(names, all.items[i].text, true)
                                       : names_add_state(names, all.items[i].text, all.items[i].inode);
    return r;
}

int latest_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                  struct found *ret_found)
{
    return find_state(catalog, place, name, INSTANT_MAX, task, ret_found);
}

int latest_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    return list_databases(catalog, place, INSTANT_MAX, task, names);
}

int at_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
              struct found *ret_found)
{
    int64_t time;
    if (instant_parse(name, instant_now(), &time) < 0)
        return -ENOENT;
    int r = found_folder(ret_found, PLACE_AT_TIME, place);
    return r < 0 ? r : set_text(&ret_found->place.detail, name, NULL);
}

/* The landmarks of all databases. */
struct survey {
    struct catalog *catalog;
    struct names *databases; /* full names */
    pthread_mutex_t lock;    /* guards what is below */
    struct instants *landmarks;
    size_t answered;
    int failure; /* of the first that did not answer */
};

/* One database that can't be asked must not hide the others' landmarks. */
static int add_landmarks(void *context, size_t item, struct task *task)
{
    struct survey *survey = context;
    const char *name = survey->databases->items[item].text;
    _cleanup_(instants_finish) struct instants own = {0};
    struct history *history;
    int r = catalog_find(survey->catalog, name, task, &history);

    if (r == 0)
        r = history_list_landmarks(history, NULL, task, &own);
    pthread_mutex_lock(&survey->lock);
    for (size_t i = 0; i < own.n && r == 0; i++)
        r = instants_add(survey->landmarks, own.times[i]);
    survey->answered += r == 0;
    if (survey->failure == 0)
        survey->failure = r;
    pthread_mutex_unlock(&survey->lock);
    if (r == 0 || r == -ECANCELED || r == -ENOMEM)
        return r;
    log_error("list at: %s: %s", name, task_reason(task, r));
    return 0;
}

static int all_landmarks(struct catalog *catalog, struct task *task, struct instants *landmarks)
{
    _cleanup_(names_finish) struct names databases = {0};
    struct survey survey = {.catalog = catalog, .databases = &databases, .landmarks = landmarks};
    int r = catalog_list_all(catalog, task, &databases);

    pthread_mutex_init(&survey.lock, NULL);
    if (r == 0)
        r = parallel_each(databases.n, PARALLEL_DATABASES, add_landmarks, &survey, task);
    pthread_mutex_destroy(&survey.lock);
    instants_sort(landmarks);
    if (r == 0 && survey.failure < 0 && survey.answered == 0)
        r = task_fail(task, -survey.failure, "no database answers");
    return r;
}

int at_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    int r = all_landmarks(catalog, task, &landmarks);

    for (size_t i = 0; i < landmarks.n && r == 0; i++) {
        char text[INSTANT_TEXT_SIZE];
        instant_format(shown_instant(&landmarks, i), text);
        r = names_add(names, text, true);
    }
    return r;
}

int at_time_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                   struct found *ret_found)
{
    int64_t time;
    if (instant_parse(place->detail, instant_now(), &time) < 0)
        return -ENOENT;
    return find_state(catalog, place, name, time, task, ret_found);
}

int at_time_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    int64_t time;
    if (instant_parse(place->detail, instant_now(), &time) < 0)
        return -ENOENT;
    return list_databases(catalog, place, time, task, names);
}

int databases_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                     struct found *ret_found)
{
    _cleanup_free_ char *full = NULL;
    struct history *history;
    int r = set_text(&full, place->name, name);

    if (r == 0)
        r = find_name(catalog, place, full, task, &history, ret_found);
    if (r < 0 || !history)
        return r;
    if ((r = found_folder(ret_found, PLACE_DATABASE, place)) < 0)
        return r;
    return set_text(&ret_found->place.name, place->name, name);
}

int databases_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    _cleanup_(names_finish) struct names all = {0};
    int r = catalog_list(catalog, place->name, task, &all);
    for (size_t i = 0; i < all.n && r == 0; i++)
        r = names_add(names, all.items[i].text, true);
    return r;
}
