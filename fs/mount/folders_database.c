/* One database's folders: its latest state, any instant, its generations. */
#include <errno.h>
#include <string.h>

#include "folders.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"

static int find(struct catalog *catalog, const struct place *place, struct task *task,
                struct history **ret_history)
{
    return catalog_find(catalog, place->name, task, ret_history);
}

/* latest.EXT in a database's or a generation's folder. */
static int latest_file_lookup(struct catalog *catalog, const struct place *place, const char *name,
                              struct task *task, struct found *ret_found)
{
    char text[16];
    struct history *history;
    struct state *state;

    if (!cut_extension(name, place->name, text, sizeof text) || strcmp(text, "latest") != 0)
        return -ENOENT;
    int r = find(catalog, place, task, &history);
    if (r == 0)
        r = history_open_latest(history, place->generation, task, &state);
    return r < 0 ? r : found_state(ret_found, state);
}

/* Whether there is a latest state; a generation without a usable snapshot has none, and no files. */
static int add_latest_file(struct catalog *catalog, const struct place *place, struct task *task,
                           struct names *names)
{
    _cleanup_(instants_finish) struct instants landmarks = {0};
    static const int64_t latest = INSTANT_MAX;
    struct history *history;
    uint64_t inode;
    int r = find(catalog, place, task, &history);

    if (r == 0)
        r = history_list_landmarks(history, place->generation, task, &landmarks);
    if (r < 0 || landmarks.n == 0)
        return r;
    r = history_list_inodes(history, place->generation, &latest, 1, &inode);
    return r < 0 ? r : add_file(names, "latest", place->name, inode);
}

static int has_generation(struct catalog *catalog, const struct place *place, const char *name,
                          struct task *task)
{
    _cleanup_(names_finish) struct names generations = {0};
    struct history *history;
    int r = find(catalog, place, task, &history);

    if (r == 0)
        r = history_list_generations(history, task, &generations);
    return r < 0 ? r : names_have(&generations, name) ? 0 : -ENOENT;
}

int database_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                    struct found *ret_found)
{
    if (strcmp(name, "at") == 0)
        return found_folder(ret_found, PLACE_INSTANTS, place);
    if (strcmp(name, "generations") == 0)
        return found_folder(ret_found, PLACE_GENERATIONS, place);
    return latest_file_lookup(catalog, place, name, task, ret_found);
}

int database_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    int r = add_latest_file(catalog, place, task, names);
    if (r == 0)
        r = names_add(names, "at", true);
    return r < 0 ? r : names_add(names, "generations", true);
}

int instants_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                    struct found *ret_found)
{
    char text[INSTANT_TEXT_SIZE * 2];
    struct history *history;
    struct state *state;
    int64_t time;

    if (!cut_extension(name, place->name, text, sizeof text) || instant_parse(text, instant_now(), &time) < 0)
        return -ENOENT;
    int r = find(catalog, place, task, &history);
    if (r == 0)
        r = history_open_at(history, place->generation, time, task, &state);
    return r < 0 ? r : found_state(ret_found, state);
}

int instants_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    _cleanup_(instants_finish) struct instants landmarks = {0}, shown = {0};
    struct history *history;
    int r = find(catalog, place, task, &history);

    if (r == 0)
        r = history_list_landmarks(history, place->generation, task, &landmarks);
    for (size_t i = 0; i < landmarks.n && r == 0; i++)
        r = instants_add(&shown, shown_instant(&landmarks, i));
    return r < 0 ? r : add_instants(history, place, &shown, names);
}

int generations_lookup(struct catalog *catalog, const struct place *place, const char *name,
                       struct task *task, struct found *ret_found)
{
    int r = has_generation(catalog, place, name, task);
    if (r == 0)
        r = found_folder(ret_found, PLACE_GENERATION, place);
    return r < 0 ? r : set_text(&ret_found->place.generation, name, NULL);
}

int generations_list(struct catalog *catalog, const struct place *place, struct task *task,
                     struct names *names)
{
    struct history *history;
    int r = find(catalog, place, task, &history);
    return r < 0 ? r : history_list_generations(history, task, names);
}

static const struct {
    const char *name;
    enum place_kind kind;
} parts[] = {{"at", PLACE_INSTANTS}, {"points", PLACE_POINTS}, {"positions", PLACE_POSITIONS}};

int generation_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                      struct found *ret_found)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(name, parts[i].name) == 0)
            return found_folder(ret_found, parts[i].kind, place);
    return latest_file_lookup(catalog, place, name, task, ret_found);
}

int generation_list(struct catalog *catalog, const struct place *place, struct task *task,
                    struct names *names)
{
    int r = add_latest_file(catalog, place, task, names);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && r == 0; i++)
        r = names_add(names, parts[i].name, true);
    return r;
}
