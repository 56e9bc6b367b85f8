/* One database's folders: its latest state, any instant, its generations. */
#include <errno.h>
#include <string.h>

#include "folders.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"

/* latest.EXT in a database's or a generation's folder. */
static int folders_latest_file_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                      struct task *task, struct tree_entry *ret_entry)
{
    char text[16];
    struct history *history;
    struct state *state;

    if (!cut_extension(name, place->name, text, sizeof text) || strcmp(text, "latest") != 0)
        return -ENOENT;
    int r = catalog_find(catalog, place->name, task, &history);
    if (r == 0)
        r = history_open_latest(history, place->generation, task, &state);
    if (r == 0)
        tree_entry_set_state(ret_entry, state);
    return r;
}

/* Whether there is a latest state; a generation without a usable snapshot has none, and no files. */
static int folders_latest_file_list(struct catalog *catalog, const struct place *place, struct task *task,
                                    struct names *names)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    static const int64_t latest = INSTANT_MAX;
    struct history *history;
    uint64_t inode;
    int r = catalog_find(catalog, place->name, task, &history);

    if (r == 0)
        r = history_list_landmarks(history, place->generation, task, &landmarks);
    if (r < 0 || landmarks.n == 0)
        return r;
    r = history_list_inodes(history, place->generation, &latest, 1, &inode);
    return r < 0 ? r : folder_add_file(names, "latest", place->name, inode);
}

static int folders_generations_have(struct catalog *catalog, const struct place *place, const char *name,
                                    struct task *task)
{
    _cleanup_(names_finish) struct names generations = {0};
    struct history *history;
    int r = catalog_find(catalog, place->name, task, &history);

    if (r == 0)
        r = history_list_generations(history, task, &generations);
    return r < 0 ? r : names_have(&generations, name) ? 0 : -ENOENT;
}

static int database_lookup(struct catalog *catalog, const struct place *place, const char *name,
                           struct task *task, struct tree_entry *ret_entry)
{
    if (strcmp(name, "at") == 0)
        return tree_entry_set_folder(ret_entry, PLACE_INSTANTS, place);
    if (strcmp(name, "generations") == 0)
        return tree_entry_set_folder(ret_entry, PLACE_GENERATIONS, place);
    return folders_latest_file_lookup(catalog, place, name, task, ret_entry);
}

static int database_list(struct catalog *catalog, const struct place *place, struct task *task,
                         struct names *names)
{
    int r = folders_latest_file_list(catalog, place, task, names);
    if (r == 0)
        r = names_add(names, "at", true);
    return r < 0 ? r : names_add(names, "generations", true);
}

static int folders_instants_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                   struct task *task, struct tree_entry *ret_entry)
{
    char text[INSTANT_TEXT_SIZE * 2];
    struct history *history;
    struct state *state;
    int64_t time;

    if (!cut_extension(name, place->name, text, sizeof text) || instant_parse(text, instant_now(), &time) < 0)
        return -ENOENT;
    int r = catalog_find(catalog, place->name, task, &history);
    if (r == 0)
        r = history_open_at(history, place->generation, time, task, &state);
    if (r == 0)
        tree_entry_set_state(ret_entry, state);
    return r;
}

static int folders_instants_list(struct catalog *catalog, const struct place *place, struct task *task,
                                 struct names *names)
{
    _cleanup_(instants_finish) struct instants landmarks = {0}, shown = {0};
    struct history *history;
    int r = catalog_find(catalog, place->name, task, &history);

    if (r == 0)
        r = history_list_landmarks(history, place->generation, task, &landmarks);
    for (size_t i = 0; i < landmarks.n && r == 0; i++)
        r = instants_add(&shown, shown_instant(&landmarks, i));
    return r < 0 ? r : folder_add_instants(history, place, &shown, names);
}

static int folders_generations_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                      struct task *task, struct tree_entry *ret_entry)
{
    int r = folders_generations_have(catalog, place, name, task);
    if (r == 0)
        r = tree_entry_set_folder(ret_entry, PLACE_GENERATION, place);
    return r < 0 ? r : place_set_path(&ret_entry->place.generation, name, NULL);
}

static int folders_generations_list(struct catalog *catalog, const struct place *place, struct task *task,
                                    struct names *names)
{
    struct history *history;
    int r = catalog_find(catalog, place->name, task, &history);
    return r < 0 ? r : history_list_generations(history, task, names);
}

static const struct {
    const char *name;
    enum place_kind kind;
} parts[] = {{"at", PLACE_INSTANTS}, {"points", PLACE_POINTS}, {"positions", PLACE_POSITIONS}};

static int folders_generation_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                     struct task *task, struct tree_entry *ret_entry)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name, parts[i].name) == 0)
            return tree_entry_set_folder(ret_entry, parts[i].kind, place);
    return folders_latest_file_lookup(catalog, place, name, task, ret_entry);
}

static int folders_generation_list(struct catalog *catalog, const struct place *place, struct task *task,
                                   struct names *names)
{
    int r = folders_latest_file_list(catalog, place, task, names);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && r == 0; i++)
        r = names_add(names, parts[i].name, true);
    return r;
}

const struct folder_kind database_folder = {database_lookup, database_list};
const struct folder_kind instants_folder = {folders_instants_lookup, folders_instants_list};
const struct folder_kind generations_folder = {folders_generations_lookup, folders_generations_list};
const struct folder_kind generation_folder = {folders_generation_lookup, folders_generation_list};
