/* A generation's restore points by day and hour, and its committed transactions by position. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "folders.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"

#define DAY_LENGTH strlen("YYYY-MM-DD")
#define HOUR_LENGTH strlen("HH")

/* YYYY-MM-DD/HH of an instant. */
static void write_hour(int64_t time, char text[static INSTANT_TEXT_SIZE])
{
    instant_format(time, text);
    text[DAY_LENGTH] = '/';
    text[DAY_LENGTH + 1 + HOUR_LENGTH] = '\0';
}

static int find_points(struct catalog *catalog, const struct place *place, struct task *task,
                       struct instants *points)
{
    struct history *history;
    int r = catalog_find(catalog, place->name, task, &history);
    return r < 0 ? r : history_list_points(history, place->generation, task, points);
}

/* The names below points/, at the depth of `place`, that lead to some point: `visit` gets each, perhaps
 * repeatedly, and the point's shown instant. */
typedef int visit_point(void *context, const char *name, int64_t shown);

static int each_point(struct catalog *catalog, const struct place *place, struct task *task,
                      visit_point *visit, void *context)
{
    _cleanup_(instants_finish) struct instants points = {0};
    const char *folder = place->detail ? place->detail : "";
    size_t skip = *folder ? strlen(folder) + 1 : 0;
    int r = find_points(catalog, place, task, &points);

    for (size_t i = 0; i < points.n && r == 0; i++) {
        char hour[INSTANT_TEXT_SIZE];
        int64_t shown = shown_instant(&points, i);
        write_hour(shown, hour);
        if (strncmp(hour, folder, strlen(folder)) != 0)
            continue;
        if (skip < strlen(hour))
            hour[skip + strcspn(hour + skip, "/")] = '\0';
        r = visit(context, skip < strlen(hour) ? hour + skip : "", shown);
    }
    return r;
}

/* Adds a folder's name, unless it is the one that was added last. */
static int add_folder_name(void *context, const char *name, int64_t shown)
{
    struct names *names = context;
    if (names->n && strcmp(names->items[names->n - 1].text, name) == 0)
        return 0;
    return names_add(names, name, true);
}

static int lookup_folder(struct catalog *catalog, const struct place *place, enum place_kind kind,
                         const char *name, struct task *task, struct found *ret_found)
{
    _cleanup_(names_finish) struct names names = {0};
    int r = each_point(catalog, place, task, add_folder_name, &names);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        if (strcmp(names.items[i].text, name) != 0)
            continue;
        r = found_folder(ret_found, kind, place);
        return r < 0 ? r : set_text(&ret_found->place.detail, place->detail ? place->detail : "", name);
    }
    return r < 0 ? r : -ENOENT;
}

int points_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                  struct found *ret_found)
{
    return lookup_folder(catalog, place, PLACE_POINTS_DAY, name, task, ret_found);
}

int points_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    return each_point(catalog, place, task, add_folder_name, names);
}

int points_day_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                      struct found *ret_found)
{
    return lookup_folder(catalog, place, PLACE_POINTS_HOUR, name, task, ret_found);
}

int points_day_list(struct catalog *catalog, const struct place *place, struct task *task,
                    struct names *names)
{
    return each_point(catalog, place, task, add_folder_name, names);
}

int points_hour_lookup(struct catalog *catalog, const struct place *place, const char *name,
                       struct task *task, struct found *ret_found)
{
    char text[INSTANT_TEXT_SIZE], shown[INSTANT_TEXT_SIZE], hour[INSTANT_TEXT_SIZE];
    struct history *history;
    struct state *state;
    int64_t time;

    if (!cut_extension(name, place->name, text, sizeof text) || instant_parse(text, 0, &time) < 0)
        return -ENOENT;
    instant_format(time, shown);
    write_hour(time, hour);
    if (strcmp(shown, text) != 0 || strcmp(hour, place->detail) != 0)
        return -ENOENT;
    int r = catalog_find(catalog, place->name, task, &history);
    if (r == 0)
        r = history_open_at(history, place->generation, time, task, &state);
    if (r < 0)
        return r;
    if (is_shown_as(state_time(state), time))
        return found_state(ret_found, state);
    state_unref(state);
    return -ENOENT;
}

struct file_list {
    struct names *names;
    const char *database;
};

static int add_point_file(void *context, const char *name, int64_t shown)
{
    struct file_list *list = context;
    char text[INSTANT_TEXT_SIZE];
    instant_format(shown, text);
    return add_file(list->names, text, list->database);
}

int points_hour_list(struct catalog *catalog, const struct place *place, struct task *task,
                     struct names *names)
{
    struct file_list list = {names, place->name};
    return each_point(catalog, place, task, add_point_file, &list);
}

/* A name in positions/ is a folder, or (with EXT) a state. */
int positions_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                     struct found *ret_found)
{
    _cleanup_(names_finish) struct names entries = {0};
    _cleanup_free_ char *position = NULL;
    struct history *history;
    struct state *state;
    char text[64];
    int r = catalog_find(catalog, place->name, task, &history);

    if (r < 0)
        return r;
    if (cut_extension(name, place->name, text, sizeof text)) {
        if ((r = set_text(&position, place->detail ? place->detail : "", text)) == 0)
            r = history_open_position(history, place->generation, position, task, &state);
        return r < 0 ? r : found_state(ret_found, state);
    }
    r = history_list_positions(history, place->generation, place->detail, task, &entries);
    for (size_t i = 0; i < entries.n && r == 0; i++)
        if (entries.items[i].is_folder && strcmp(entries.items[i].text, name) == 0) {
            r = found_folder(ret_found, PLACE_POSITIONS, place);
            return r < 0 ? r : set_text(&ret_found->place.detail, place->detail ? place->detail : "", name);
        }
    return r < 0 ? r : -ENOENT;
}

int positions_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    _cleanup_(names_finish) struct names entries = {0};
    struct history *history;
    int r = catalog_find(catalog, place->name, task, &history);

    if (r == 0)
        r = history_list_positions(history, place->generation, place->detail, task, &entries);
    for (size_t i = 0; i < entries.n && r == 0; i++) {
        const struct name *entry = &entries.items[i];
        r = entry->is_folder ? names_add(names, entry->text, true)
                             : add_file(names, entry->text, place->name);
    }
    return r;
}
