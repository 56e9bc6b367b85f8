#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/history.h"

void instants_finish(struct instants *instants)
{
    free(instants->times);
    *instants = (struct instants){0};
}

int instants_add(struct instants *instants, int64_t time)
{
    int r = ARRAY_GROW(instants->times, instants->capacity, instants->n + 1);
    if (r == 0)
        instants->times[instants->n++] = time;
    return r;
}

static int lists_compare_times(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static bool lists_is_ascending(const struct instants *instants)
{
    for (size_t i = 1; i < instants->n; i++)
        if (instants->times[i - 1] > instants->times[i])
            return false;
    return true;
}

/* They come in order nearly always, so looking is cheaper than sorting. */
void instants_sort(struct instants *instants)
{
    size_t kept = 0;
    if (!lists_is_ascending(instants))
        qsort(instants->times, instants->n, sizeof *instants->times, lists_compare_times);
    for (size_t i = 0; i < instants->n; i++)
        if (kept == 0 || instants->times[kept - 1] != instants->times[i])
            instants->times[kept++] = instants->times[i];
    instants->n = kept;
}

void names_cut(struct names *names, size_t n)
{
    while (names->n > n)
        free(names->items[--names->n].text);
}

size_t instants_until(const struct instants *instants, int64_t time)
{
    return ARRAY_LOWER_BOUND(instants->n, i, instants->times[i] <= time);
}

void names_finish(struct names *names)
{
    names_cut(names, 0);
    free(names->items);
    *names = (struct names){0};
}

int names_add(struct names *names, const char *text, bool is_folder)
{
    _cleanup_free_ char *copy = strdup(text);
    int r = copy ? ARRAY_GROW(names->items, names->capacity, names->n + 1) : -1;
    if (r < 0)
        return -ENOMEM;
    names->items[names->n++] = (struct name){.text = steal_pointer(copy), .is_folder = is_folder};
    return 0;
}

int names_add_state(struct names *names, const char *text, uint64_t inode)
{
    int r = names_add(names, text, false);
    if (r == 0)
        names->items[names->n - 1].inode = inode;
    return r;
}

int names_add_text(struct names *names, const char *format, va_list arguments)
{
    _cleanup_free_ char *text = NULL;

    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return names_add(names, text, false);
}

static int lists_compare_names(const void *left, const void *right)
{
    return strcmp(((const struct name *)left)->text, ((const struct name *)right)->text);
}

static bool lists_names_are_sorted(const struct names *names)
{
    for (size_t i = 1; i < names->n; i++)
        if (strcmp(names->items[i - 1].text, names->items[i].text) > 0)
            return false;
    return true;
}

bool names_have(const struct names *names, const char *text)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->items[i].text, text) == 0)
            return true;
    return false;
}

void names_join(const struct names *names, char *text, size_t size)
{
    size_t length = 0;

    *text = '\0';
    for (size_t i = 0; i < names->n && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", i ? ", " : "", names->items[i].text);
}

/* The first of two of the same name stays; of which of them the inode is nobody knows. */
static void lists_drop_double(struct name *kept, struct name *other)
{
    if (kept->inode != other->inode)
        kept->inode = 0;
    free(other->text);
}

void names_sort(struct names *names)
{
    size_t kept = 0;
    if (!lists_names_are_sorted(names))
        qsort(names->items, names->n, sizeof *names->items, lists_compare_names);
    for (size_t i = 0; i < names->n; i++) {
        if (kept && strcmp(names->items[kept - 1].text, names->items[i].text) == 0)
            lists_drop_double(&names->items[kept - 1], &names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->n = kept;
}
