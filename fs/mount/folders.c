#include "folders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"

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

int folder_add_file(struct names *names, const char *text, const char *database, uint64_t inode)
{
    _cleanup_free_ char *name = NULL;
    if (asprintf(&name, "%s.%s", text, catalog_extension(database)) < 0)
        return -ENOMEM;
    return names_add_state(names, name, inode);
}

int folder_add_instants(struct history *history, const struct place *place, const struct instants *shown,
                        struct names *names)
{
    _cleanup_free_ uint64_t *inodes = calloc(shown->n + 1, sizeof *inodes);
    int r =
        inodes ? history_list_inodes(history, place->generation, shown->times, shown->n, inodes) : -ENOMEM;

    for (size_t i = 0; i < shown->n && r == 0; i++) {
        char text[INSTANT_TEXT_SIZE];
        instant_format(shown->times[i], text);
        r = folder_add_file(names, text, place->name, inodes[i]);
    }
    return r;
}
