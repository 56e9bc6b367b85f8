#include "tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folders.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "wal_file.h"

static const struct {
    folder_lookup *lookup;
    folder_list *list;
} kinds[PLACE_KINDS] = {
    [PLACE_ROOT] = {root_lookup, root_list},
    [PLACE_OWN] = {own_lookup, own_list},
    [PLACE_LATEST] = {latest_lookup, latest_list},
    [PLACE_AT] = {at_lookup, at_list},
    [PLACE_AT_TIME] = {at_time_lookup, at_time_list},
    [PLACE_DATABASES] = {databases_lookup, databases_list},
    [PLACE_DATABASE] = {database_lookup, database_list},
    [PLACE_INSTANTS] = {instants_lookup, instants_list},
    [PLACE_GENERATIONS] = {generations_lookup, generations_list},
    [PLACE_GENERATION] = {generation_lookup, generation_list},
    [PLACE_POINTS] = {points_lookup, points_list},
    [PLACE_POINTS_DAY] = {points_day_lookup, points_day_list},
    [PLACE_POINTS_HOUR] = {points_hour_lookup, points_hour_list},
    [PLACE_POSITIONS] = {positions_lookup, positions_list},
};

void place_finish(struct place *place)
{
    free(place->name);
    free(place->generation);
    free(place->detail);
    *place = (struct place){0};
}

static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

int place_copy(const struct place *place, struct place *ret_place)
{
    struct place copy = {.kind = place->kind};
    if (copy_text(place->name, &copy.name) < 0 || copy_text(place->generation, &copy.generation) < 0 ||
        copy_text(place->detail, &copy.detail) < 0) {
        place_finish(&copy);
        return -ENOMEM;
    }
    *ret_place = copy;
    return 0;
}

void found_finish(struct found *found)
{
    place_finish(&found->place);
    state_unref(found->state);
    free(found->database);
    *found = (struct found){0};
}

int set_text(char **text, const char *first, const char *more)
{
    char *joined;
    if (asprintf(&joined, "%s%s%s", first, *first && more ? "/" : "", more ? more : "") < 0)
        return -ENOMEM;
    free(*text);
    *text = joined;
    return 0;
}

int found_folder(struct found *found, enum place_kind kind, const struct place *parent)
{
    found->kind = FOUND_FOLDER;
    int r = place_copy(parent, &found->place);
    found->place.kind = kind;
    return r;
}

int found_state(struct found *found, struct state *state)
{
    found->kind = FOUND_STATE;
    found->state = state;
    return 0;
}

bool cut_extension(const char *name, const char *database, char *text, size_t size)
{
    const char *extension = catalog_extension(database);
    size_t length = strlen(name), tail = strlen(extension) + 1;

    if (length <= tail || name[length - tail] != '.' || strcmp(name + length - tail + 1, extension) != 0 ||
        length - tail >= size)
        return false;
    memcpy(text, name, length - tail);
    text[length - tail] = '\0';
    return true;
}

int add_file(struct names *names, const char *text, const char *database, uint64_t inode)
{
    _cleanup_free_ char *name = NULL;
    if (asprintf(&name, "%s.%s", text, catalog_extension(database)) < 0)
        return -ENOMEM;
    return names_add_state(names, name, inode);
}

int add_instants(struct history *history, const struct place *place, const struct instants *shown,
                 struct names *names)
{
    _cleanup_free_ uint64_t *inodes = calloc(shown->n + 1, sizeof *inodes);
    int r =
        inodes ? history_list_inodes(history, place->generation, shown->times, shown->n, inodes) : -ENOMEM;

    for (size_t i = 0; i < shown->n && r == 0; i++) {
        char text[INSTANT_TEXT_SIZE];
        instant_format(shown->times[i], text);
        r = add_file(names, text, place->name, inodes[i]);
    }
    return r;
}

/* The name of the database file that `name` stands beside, or NULL. The caller frees it. */
static char *beside(const char *name)
{
    size_t length = strlen(name);
    if (length <= 4 || (strcmp(name + length - 4, "-wal") != 0 && strcmp(name + length - 4, "-shm") != 0))
        return NULL;
    return strndup(name, length - 4);
}

int place_database(const struct place *place, const char *name, char **ret_database)
{
    bool by_name = place->kind == PLACE_LATEST || place->kind == PLACE_AT_TIME;
    char *database = NULL;
    int r = set_text(&database, place->name, by_name ? name : NULL);

    if (r == 0)
        *ret_database = database;
    return r;
}

/* Turns what was found as FILE into the FILE-wal or FILE-shm of that `name` beside it. */
static int found_beside(const char *name, struct task *task, struct found *found)
{
    uint32_t page_size = 0;
    int r = found->kind == FOUND_STATE ? 0 : -ENOENT;

    if (r == 0 && strcmp(name + strlen(name) - 4, "-wal") == 0)
        r = wal_file_page_size(found->state, task, &page_size);
    found_finish(found);
    found->kind = page_size ? FOUND_WAL_FILE : FOUND_EMPTY_FILE;
    found->page_size = page_size;
    return r;
}

int tree_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                struct found *ret_found)
{
    _cleanup_(found_finish) struct found found = {0};
    _cleanup_free_ char *file = NULL;
    int r = kinds[place->kind].lookup(catalog, place, name, task, &found);

    if (r == -ENOENT && (file = beside(name))) {
        r = kinds[place->kind].lookup(catalog, place, file, task, &found);
        if (r == 0)
            r = found_beside(name, task, &found);
    }
    if (r == 0 && found.kind == FOUND_STATE)
        r = place_database(place, name, &found.database);
    if (r < 0)
        return r;
    *ret_found = found;
    found = (struct found){0};
    return 0;
}

int tree_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    int r = kinds[place->kind].list(catalog, place, task, names);
    if (r == 0)
        names_sort(names);
    return r;
}

bool place_time(const struct place *place, int64_t *ret_time)
{
    return place->kind == PLACE_AT_TIME && !instant_is_relative(place->detail) &&
           instant_parse(place->detail, 0, ret_time) == 0;
}
