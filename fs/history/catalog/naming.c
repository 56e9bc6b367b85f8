#include "naming.h"

#include <stdlib.h>
#include <string.h>

#include "litemount/catalog.h"
#include "litemount/config.h"

const char *catalog_extension(const char *name)
{
    const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name, *dot = strrchr(file, '.');
    return dot && dot != file && dot[1] ? dot + 1 : "db";
}

/* How much of its path is the folder that a database lies in; a folder of databases is that folder. */
static size_t naming_folder_length(const struct database_config *database)
{
    const char *slash = strrchr(database->path, '/');
    if (database->is_folder)
        return strlen(database->path);
    return slash ? (size_t)(slash - database->path) : 0;
}

/* The length of the deepest folder that the folders a[0..a_length) and b[0..b_length) share. */
static size_t naming_shared_by(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t shared = 0;
    for (size_t i = 0;; i++) {
        bool a_part = i == a_length || a[i] == '/', b_part = i == b_length || b[i] == '/';
        if (a_part && b_part)
            shared = i;
        if (i == a_length || i == b_length || a[i] != b[i])
            return shared;
    }
}

size_t naming_shared_folder(const struct config *config, const char **ret_path)
{
    const struct database_config *first = NULL;
    size_t shared = 0;

    for (size_t i = 0; i < config->n_databases; i++) {
        const struct database_config *database = &config->databases[i];
        if (database->has_no_path)
            continue;
        shared = first ? naming_shared_by(first->path, shared, database->path, naming_folder_length(database))
                       : naming_folder_length(database);
        first = first ? first : database;
    }
    *ret_path = first ? first->path : "";
    return shared;
}

const char *naming_below(const char *path, size_t shared)
{
    path += shared;
    return path + strspn(path, "/");
}

bool naming_is_usable(const char *name)
{
    for (const char *part = name;; part++) {
        size_t length = strcspn(part, "/");
        bool is_dots = (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
        if (length == 0 || length > 255 || is_dots)
            return false;
        part += length;
        if (*part == '\0')
            return true;
    }
}

char *naming_of_source(const char *url)
{
    bool is_file = strncmp(url, "file://", strlen("file://")) == 0; /* a folder's name may hold a '?' */
    const char *end = url + strcspn(url, is_file ? "" : "?"), *start;
    while (end > url && end[-1] == '/')
        end--;
    for (start = end; start > url && start[-1] != '/'; start--)
        ;
    return strndup(start, (size_t)(end - start));
}

char *naming_of_place(const char *place, const char *url)
{
    char *name = malloc(strlen(place) + 1), *end = name;

    if (!name)
        return NULL;
    for (size_t length; *place; place += length + (place[length] == '/')) {
        length = strcspn(place, "/");
        if (length == 0 || (length == 1 && *place == '.'))
            continue;
        if (end > name)
            *end++ = '/';
        memcpy(end, place, length);
        end += length;
    }
    *end = '\0';
    if (*name)
        return name;
    free(name);
    return naming_of_source(url);
}
