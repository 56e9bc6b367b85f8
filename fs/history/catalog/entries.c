#include "entries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

void entries_finish(struct entries *entries)
{
    for (size_t i = 0; i < entries->n; i++) {
        history_close(entries->items[i].history);
        free(entries->items[i].name);
    }
    free(entries->items);
    *entries = (struct entries){0};
}

static int entries_rank(char c)
{
    if (c == '\0')
        return 0;
    return c == '/' ? 1 : (unsigned char)c + 2;
}

/* Orders names as paths: '/' before every other character, so that a folder's content stands together and
 * right behind its own name. */
static int entries_compare_paths(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return entries_rank(*a) - entries_rank(*b);
}

/* The first entry whose name is not before `name`. */
static size_t entries_lower_bound(const struct entries *entries, const char *name)
{
    return ARRAY_LOWER_BOUND(entries->n, i, entries_compare_paths(entries->items[i].name, name) < 0);
}

size_t entries_number(const struct entries *entries, const char *name)
{
    return entries_lower_bound(entries, name);
}

static bool entries_is_below(const char *name, const char *folder)
{
    size_t length = strlen(folder);
    return length == 0 || (strncmp(name, folder, length) == 0 && name[length] == '/');
}

bool entries_have_folder(const struct entries *entries, const char *folder)
{
    size_t at = entries_lower_bound(entries, folder);
    while (at < entries->n && strcmp(entries->items[at].name, folder) == 0)
        at++;
    return !*folder || (at < entries->n && entries_is_below(entries->items[at].name, folder));
}

static const struct entry *entries_find_entry(const struct entries *entries, const char *name)
{
    size_t at = entries_lower_bound(entries, name);
    return at < entries->n && strcmp(entries->items[at].name, name) == 0 ? &entries->items[at] : NULL;
}

struct history *entries_find(const struct entries *entries, const char *name)
{
    const struct entry *entry = entries_find_entry(entries, name);
    return entry ? entry->history : NULL;
}

const struct database_config *entry_folder(const struct entries *entries, const char *name)
{
    const struct entry *entry = entries_find_entry(entries, name);
    return entry ? entry->folder : NULL;
}

size_t entries_above(const struct entries *entries, const char *name)
{
    for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
        _cleanup_free_ char *folder = strndup(name, (size_t)(slash - name));
        if (folder && entries_find(entries, folder))
            return (size_t)(slash - name);
    }
    return 0;
}

bool entries_can_add(const struct entries *entries, const char *name)
{
    return !entries_find(entries, name) && !entries_have_folder(entries, name) &&
           !entries_above(entries, name);
}

int entries_add(struct entries *entries, const char *name, struct history *history,
                const struct database_config *folder)
{
    if (!entries_can_add(entries, name))
        return -EEXIST;
    _cleanup_free_ char *copy = strdup(name);
    int r = copy ? ARRAY_GROW(entries->items, entries->capacity, entries->n + 1) : -ENOMEM;
    if (r < 0)
        return r;
    size_t at = entries_lower_bound(entries, name);
    memmove(&entries->items[at + 1], &entries->items[at], (entries->n - at) * sizeof *entries->items);
    entries->items[at] = (struct entry){steal_pointer(copy), history, folder};
    entries->n++;
    return 0;
}

int entries_list(const struct entries *entries, const char *folder, struct names *names)
{
    size_t skip = *folder ? strlen(folder) + 1 : 0;
    int r = 0;

    for (size_t i = entries_lower_bound(entries, folder); i < entries->n && r == 0; i++) {
        const char *name = entries->items[i].name;
        if (strcmp(name, folder) == 0)
            continue;
        if (!entries_is_below(name, folder))
            break;
        size_t length = strcspn(name + skip, "/");
        _cleanup_free_ char *part = strndup(name + skip, length);
        r = part ? names_add(names, part, name[skip + length] == '/') : -ENOMEM;
    }
    return r;
}
