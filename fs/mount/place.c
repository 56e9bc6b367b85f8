#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/history.h"
#include "litemount/instant.h"

void place_finish(struct place *place)
{
    free(place->name);
    free(place->generation);
    free(place->detail);
    *place = (struct place){0};
}

static int place_copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

static int place_copy(const struct place *place, struct place *ret_place)
{
    struct place copy = {.kind = place->kind};

    if (place_copy_text(place->name, &copy.name) < 0 ||
        place_copy_text(place->generation, &copy.generation) < 0 ||
        place_copy_text(place->detail, &copy.detail) < 0) {
        place_finish(&copy);
        return -ENOMEM;
    }
    *ret_place = copy;
    return 0;
}

int place_set_path(char **text, const char *path, const char *name)
{
    char *joined;

    if (asprintf(&joined, "%s%s%s", path, *path && name ? "/" : "", name ? name : "") < 0)
        return -ENOMEM;
    free(*text);
    *text = joined;
    return 0;
}

int place_database(const struct place *place, const char *name, char **ret_database)
{
    bool by_name = place->kind == PLACE_LATEST || place->kind == PLACE_AT_TIME;
    char *database = NULL;
    int r = place_set_path(&database, place->name, by_name ? name : NULL);

    if (r == 0)
        *ret_database = database;
    return r;
}

bool place_time(const struct place *place, int64_t *ret_time)
{
    return place->kind == PLACE_AT_TIME && !instant_is_relative(place->detail) &&
           instant_parse(place->detail, 0, ret_time) == 0;
}

void tree_entry_finish(struct tree_entry *entry)
{
    place_finish(&entry->place);
    state_unref(entry->state);
    free(entry->database);
    *entry = (struct tree_entry){0};
}

int tree_entry_set_folder(struct tree_entry *entry, enum place_kind kind, const struct place *parent)
{
    entry->kind = ENTRY_FOLDER;
    int r = place_copy(parent, &entry->place);
    entry->place.kind = kind;
    return r;
}

void tree_entry_set_state(struct tree_entry *entry, struct state *state)
{
    entry->kind = ENTRY_STATE;
    entry->state = state;
}
