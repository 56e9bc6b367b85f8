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

static int folders_root_lookup(struct catalog *catalog, const struct place *place, const char *name,
                               struct task *task, struct tree_entry *ret_entry)
{
    if (strcmp(name, ".litemount") == 0)
        return tree_entry_set_folder(ret_entry, PLACE_OWN, place);
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
        if (strcmp(name, tops[i].name) != 0)
            continue;
        int r = tree_entry_set_folder(ret_entry, tops[i].kind, place);
        return r < 0 ? r : place_set_path(&ret_entry->place.name, "", NULL);
    }
    return -ENOENT;
}

static int folders_root_list(struct catalog *catalog, const struct place *place, struct task *task,
                             struct names *names)
{
    int r = 0;
    for (size_t i = 0; i < sizeof tops / sizeof *tops && r == 0; i++)
        r = names_add(names, tops[i].name, true);
    return r;
}

static int folders_own_lookup(struct catalog *catalog, const struct place *place, const char *name,
                              struct task *task, struct tree_entry *ret_entry)
{
    if (strcmp(name, "stats") != 0)
        return -ENOENT;
    ret_entry->kind = ENTRY_STATS;
    return 0;
}

static int folders_own_list(struct catalog *catalog, const struct place *place, struct task *task,
                            struct names *names)
{
    return names_add(names, "stats", false);
}

/* The database of that full name, or the folder deeper within names. `*ret_history` is NULL for a folder. */
static int top_find(struct catalog *catalog, const struct place *place, const char *full, struct task *task,
                    struct history **ret_history, struct tree_entry *entry)
{
    *ret_history = NULL;
    int r = catalog_find(catalog, full, task, ret_history);
    if (r != -ENOENT)
        return r;
    if ((r = catalog_find_folder(catalog, full, task)) < 0)
        return r;
    if ((r = tree_entry_set_folder(entry, place->kind, place)) < 0)
        return r;
    return place_set_path(&entry->place.name, full, NULL);
}

static int top_open_state(struct catalog *catalog, const struct place *place, const char *name, int64_t time,
                          struct task *task, struct tree_entry *ret_entry)
{
    _cleanup_free_ char *full = NULL;
    struct history *history;
    struct state *state;
    int r = place_set_path(&full, place->name, name);

    if (r == 0)
        r = top_find(catalog, place, full, task, &history, ret_entry);
    if (r < 0 || !history)
        return r;
    catalog_open_ahead(catalog, full, time, task);
    r = time == INSTANT_MAX ? history_open_latest(history, NULL, task, &state)
                            : history_open_at(history, NULL, time, task, &state);
    if (r == 0)
        tree_entry_set_state(ret_entry, state);
    return r;
}

/* Which of the databases below a folder have something to show at that time. */
struct database_listing {
    struct catalog *catalog;
    const struct place *place;
    struct names *all;
    bool *shown;
    int64_t time;
};

/* Notes which state is shown, if that is known: of a database that nobody was asked for it may not be. */
static int folders_listing_note_inode(struct history *history, int64_t time, struct name *name)
{
    if (time == INSTANT_MAX && !history_is_current(history))
        return 0;
    return history_list_inodes(history, NULL, &time, 1, &name->inode);
}

/* Whether the database has something to show at that time; a folder always has. Of one that was found by
 * listing the store something is there, so nobody needs to be asked for the latest. */
static int folders_listing_visit(void *context, size_t item, struct task *task)
{
    const struct database_listing *listing = context;
    struct name *name = &listing->all->items[item];
    bool *shown = &listing->shown[item];
    _cleanup_free_ char *full = NULL;
    struct history *history;
    int r = place_set_path(&full, listing->place->name, name->text);

    *shown = name->is_folder;
    if (r < 0 || *shown)
        return r;
    if ((r = catalog_find(listing->catalog, full, task, &history)) < 0)
        return r;
    *shown = listing->time == INSTANT_MAX && catalog_folder(listing->catalog, full);
    if (*shown)
        return folders_listing_note_inode(history, listing->time, name);
    r = history_has_point(history, listing->time, task);
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    /* One database that can't be asked must not hide the others: it is shown, and a look at it says what is
     * wrong. */
    *shown = r != 0;
    return r > 0 ? folders_listing_note_inode(history, listing->time, name) : 0;
}

/* Who has to be asked of it; a folder has nobody. */
static const void *folders_listing_holder(void *context, size_t item)
{
    const struct database_listing *listing = context;
    const struct name *name = &listing->all->items[item];
    _cleanup_free_ char *full = NULL;

    if (name->is_folder || place_set_path(&full, listing->place->name, name->text) < 0)
        return NULL;
    return catalog_store(listing->catalog, full);
}

static int folders_listing_make(struct catalog *catalog, const struct place *place, int64_t time,
                                struct task *task, struct names *names)
{
    _cleanup_(names_finish) struct names all = {0};
    int r = catalog_list(catalog, place->name, task, &all);
    _cleanup_free_ bool *shown = calloc(all.n + 1, sizeof *shown);
    struct database_listing listing = {catalog, place, &all, shown, time};

    if (r < 0 || !shown)
        return r < 0 ? r : -ENOMEM;
    r = parallel_each_holder(all.n, PARALLEL_DATABASES, folders_listing_holder, folders_listing_visit,
                             &listing, task);
    for (size_t i = 0; i < all.n && r == 0; i++)
        if (shown[i])
            r = all.items[i].is_folder ? names_add(names, all.items[i].text, true)
                                       : names_add_state(names, all.items[i].text, all.items[i].inode);
    return r;
}

static int folders_latest_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                 struct task *task, struct tree_entry *ret_entry)
{
    return top_open_state(catalog, place, name, INSTANT_MAX, task, ret_entry);
}

static int folders_latest_list(struct catalog *catalog, const struct place *place, struct task *task,
                               struct names *names)
{
    return folders_listing_make(catalog, place, INSTANT_MAX, task, names);
}

static int folders_at_lookup(struct catalog *catalog, const struct place *place, const char *name,
                             struct task *task, struct tree_entry *ret_entry)
{
    int64_t time;
    if (instant_parse(name, instant_now(), &time) < 0)
        return -ENOENT;
    int r = tree_entry_set_folder(ret_entry, PLACE_AT_TIME, place);
    return r < 0 ? r : place_set_path(&ret_entry->place.detail, name, NULL);
}

/* The landmarks of all databases, collected by many threads. */
struct landmark_collection {
    struct catalog *catalog;
    struct names *databases; /* full names */
    pthread_mutex_t lock;    /* guards what is below */
    struct instants *landmarks;
    size_t answered;
    int failure; /* of the first that did not answer */
};

/* One database that can't be asked must not hide the others' landmarks. */
static int folders_landmarks_visit(void *context, size_t item, struct task *task)
{
    struct landmark_collection *collected = context;
    const char *name = collected->databases->items[item].text;
    _cleanup_(instants_finish) struct instants own = {0};
    struct history *history;
    int r = catalog_find(collected->catalog, name, task, &history);

    if (r == 0)
        r = history_list_landmarks(history, NULL, task, &own);
    pthread_mutex_lock(&collected->lock);
    for (size_t i = 0; i < own.n && r == 0; i++)
        r = instants_add(collected->landmarks, own.times[i]);
    collected->answered += r == 0;
    if (collected->failure == 0)
        collected->failure = r;
    pthread_mutex_unlock(&collected->lock);
    if (r == 0 || r == -ECANCELED || r == -ENOMEM)
        return r;
    log_error("list at: %s: %s", name, task_reason(task, r));
    return 0;
}

static const void *folders_landmarks_holder(void *context, size_t item)
{
    const struct landmark_collection *collected = context;
    return catalog_store(collected->catalog, collected->databases->items[item].text);
}

static int folders_landmarks_collect(struct catalog *catalog, struct task *task, struct instants *landmarks)
{
    _cleanup_(names_finish) struct names databases = {0};
    struct landmark_collection collected = {
        .catalog = catalog, .databases = &databases, .landmarks = landmarks};
    int r = catalog_list_all(catalog, task, &databases);

    pthread_mutex_init(&collected.lock, NULL);
    if (r == 0)
        r = parallel_each_holder(databases.n, PARALLEL_DATABASES, folders_landmarks_holder,
                                 folders_landmarks_visit, &collected, task);
    pthread_mutex_destroy(&collected.lock);
    instants_sort(landmarks);
    if (r == 0 && collected.failure < 0 && collected.answered == 0)
        r = task_fail(task, -collected.failure, "no database answers; the lines before this one say why");
    return r;
}

static int folders_at_list(struct catalog *catalog, const struct place *place, struct task *task,
                           struct names *names)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    int r = folders_landmarks_collect(catalog, task, &landmarks);

    for (size_t i = 0; i < landmarks.n && r == 0; i++) {
        char text[INSTANT_TEXT_SIZE];
        instant_format(shown_instant(&landmarks, i), text);
        r = names_add(names, text, true);
    }
    return r;
}

static int folders_at_time_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                  struct task *task, struct tree_entry *ret_entry)
{
    int64_t time;
    if (instant_parse(place->detail, instant_now(), &time) < 0)
        return -ENOENT;
    return top_open_state(catalog, place, name, time, task, ret_entry);
}

static int folders_at_time_list(struct catalog *catalog, const struct place *place, struct task *task,
                                struct names *names)
{
    int64_t time;
    if (instant_parse(place->detail, instant_now(), &time) < 0)
        return -ENOENT;
    return folders_listing_make(catalog, place, time, task, names);
}

static int folders_databases_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                    struct task *task, struct tree_entry *ret_entry)
{
    _cleanup_free_ char *full = NULL;
    struct history *history;
    int r = place_set_path(&full, place->name, name);

    if (r == 0)
        r = top_find(catalog, place, full, task, &history, ret_entry);
    if (r < 0 || !history)
        return r;
    if ((r = tree_entry_set_folder(ret_entry, PLACE_DATABASE, place)) < 0)
        return r;
    return place_set_path(&ret_entry->place.name, place->name, name);
}

static int folders_databases_list(struct catalog *catalog, const struct place *place, struct task *task,
                                  struct names *names)
{
    _cleanup_(names_finish) struct names all = {0};
    int r = catalog_list(catalog, place->name, task, &all);
    for (size_t i = 0; i < all.n && r == 0; i++)
        r = names_add(names, all.items[i].text, true);
    return r;
}

const struct folder_kind root_folder = {folders_root_lookup, folders_root_list};
const struct folder_kind own_folder = {folders_own_lookup, folders_own_list};
const struct folder_kind latest_folder = {folders_latest_lookup, folders_latest_list};
const struct folder_kind at_folder = {folders_at_lookup, folders_at_list};
const struct folder_kind at_time_folder = {folders_at_time_lookup, folders_at_time_list};
const struct folder_kind databases_folder = {folders_databases_lookup, folders_databases_list};
