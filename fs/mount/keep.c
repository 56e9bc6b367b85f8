#include "keep.h"

#include <string.h>

#include "folders.h"
#include "litemount/instant.h"

#define FILE_NAME_SIZE 256

/* What stands before .EXT in the name of a state's file, or of the -wal or -shm beside one. False if the name
 * can't be such a file's, whatever Litestream writes. */
static bool keep_read_name(const struct place *place, const char *name, char text[static FILE_NAME_SIZE])
{
    char file[FILE_NAME_SIZE];
    size_t length = strlen(name);

    if (length >= sizeof file)
        return false;
    memcpy(file, name, length + 1);
    if (length > 4 && (strcmp(file + length - 4, "-wal") == 0 || strcmp(file + length - 4, "-shm") == 0))
        file[length - 4] = '\0';
    return cut_extension(file, place->name, text, FILE_NAME_SIZE) ||
           cut_extension(name, place->name, text, FILE_NAME_SIZE);
}

static bool keep_is_instant(const char *text)
{
    int64_t time;
    return instant_parse(text, 0, &time) == 0;
}

/* at/ of a database or of a generation: every instant may be asked for. */
static enum keep keep_instant(const struct place *place, const char *name, const struct tree_entry *entry)
{
    char text[FILE_NAME_SIZE];
    if (!keep_read_name(place, name, text) || !keep_is_instant(text))
        return KEEP_ALWAYS;
    return entry && !instant_is_relative(text) ? KEEP_REFRESH : KEEP_MOMENT;
}

/* A database's or a generation's folder: latest.EXT, and folders that are always there. */
static enum keep keep_latest(const struct place *place, const char *name)
{
    char text[FILE_NAME_SIZE];
    bool is_latest = keep_read_name(place, name, text) && strcmp(text, "latest") == 0;
    return is_latest ? KEEP_MOMENT : KEEP_ALWAYS;
}

enum keep keep_name(const struct place *place, const char *name, const struct tree_entry *entry)
{
    switch (place->kind) {
    case PLACE_ROOT:
    case PLACE_OWN:
    case PLACE_AT:
        return KEEP_ALWAYS;
    case PLACE_LATEST:
        return KEEP_MOMENT;
    case PLACE_AT_TIME:
        return entry && !instant_is_relative(place->detail) ? KEEP_REFRESH : KEEP_MOMENT;
    case PLACE_DATABASES: /* one that is known stays known */
        return entry ? KEEP_ALWAYS : KEEP_MOMENT;
    case PLACE_DATABASE:
    case PLACE_GENERATION:
        return keep_latest(place, name);
    case PLACE_INSTANTS:
        return keep_instant(place, name, entry);
    default:
        return entry ? KEEP_REFRESH : KEEP_MOMENT;
    }
}
