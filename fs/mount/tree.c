#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "folders.h"
#include "litemount/cleanup.h"
#include "wal_file.h"

static const struct folder_kind *const kinds[PLACE_KINDS] = {
    [PLACE_ROOT] = &root_folder,
    [PLACE_OWN] = &own_folder,
    [PLACE_LATEST] = &latest_folder,
    [PLACE_AT] = &at_folder,
    [PLACE_AT_TIME] = &at_time_folder,
    [PLACE_DATABASES] = &databases_folder,
    [PLACE_DATABASE] = &database_folder,
    [PLACE_INSTANTS] = &instants_folder,
    [PLACE_GENERATIONS] = &generations_folder,
    [PLACE_GENERATION] = &generation_folder,
    [PLACE_POINTS] = &points_folder,
    [PLACE_POINTS_DAY] = &points_day_folder,
    [PLACE_POINTS_HOUR] = &points_hour_folder,
    [PLACE_POSITIONS] = &positions_folder,
};

/* The name of the database file that `name` stands beside, or NULL. The caller frees it. */
static char *tree_beside(const char *name)
{
    size_t length = strlen(name);
    if (length <= 4 || (strcmp(name + length - 4, "-wal") != 0 && strcmp(name + length - 4, "-shm") != 0))
        return NULL;
    return strndup(name, length - 4);
}

/* Turns what was found as FILE into the FILE-wal or FILE-shm of that `name` beside it. */
static int tree_turn_beside(const char *name, struct task *task, struct tree_entry *entry)
{
    uint32_t page_size = 0;
    int r = entry->kind == ENTRY_STATE ? 0 : -ENOENT;

    if (r == 0 && strcmp(name + strlen(name) - 4, "-wal") == 0)
        r = wal_file_page_size(entry->state, task, &page_size);
    tree_entry_finish(entry);
    entry->kind = page_size ? ENTRY_WAL_FILE : ENTRY_EMPTY_FILE;
    entry->page_size = page_size;
    return r;
}

int tree_lookup(struct catalog *catalog, const struct place *place, const char *name, struct task *task,
                struct tree_entry *ret_entry)
{
    _cleanup_(tree_entry_finish) struct tree_entry entry = {0};
    _cleanup_free_ char *file = NULL;
    int r = kinds[place->kind]->lookup(catalog, place, name, task, &entry);

    if (r == -ENOENT && (file = tree_beside(name))) {
        r = kinds[place->kind]->lookup(catalog, place, file, task, &entry);
        if (r == 0)
            r = tree_turn_beside(name, task, &entry);
    }
    if (r == 0 && entry.kind == ENTRY_STATE)
        r = place_database(place, name, &entry.database);
    if (r < 0)
        return r;
    *ret_entry = entry;
    entry = (struct tree_entry){0};
    return 0;
}

int tree_list(struct catalog *catalog, const struct place *place, struct task *task, struct names *names)
{
    int r = kinds[place->kind]->list(catalog, place, task, names);
    if (r == 0)
        names_sort(names);
    return r;
}
