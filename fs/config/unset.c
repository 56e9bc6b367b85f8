/* Variables that a configuration mentions and that are not set: the commonest reason why a key is empty.
 *
 * Only a value that begins with one is looked at: what stands within another text may be a part of a secret,
 * which must not come into a log. */
#include <stdbool.h>
#include <string.h>

#include "environment.h"
#include "litemount/log.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* The first dollar of a line, if a value of the line begins with it. */
static const char *unset_find_variable(const char *line, const char *end)
{
    const char *dollar = memchr(line, '$', (size_t)(end - line)), *before = dollar;

    if (!dollar || memchr(line, '#', (size_t)(dollar - line)))
        return NULL;
    if (before > line && (before[-1] == '"' || before[-1] == '\''))
        before--;
    return before - line >= 2 && before[-1] == ' ' && strchr(":-,[", before[-2]) ? dollar : NULL;
}

/* Its name's length, and where it begins; 0: this is none. `*ret_shell`: more stands in its braces, as a
 * shell has it (${NAME:-default}), which makes all of it a name that is never set. */
static size_t unset_take_name(const char *dollar, const char *end, const char **ret_name, bool *ret_shell)
{
    size_t braces = dollar + 1 < end && dollar[1] == '{', length = 0;
    const char *name = dollar + 1 + braces;

    while (name + length < end && name[length] && strchr(NAME_CHARACTERS, name[length]))
        length++;
    const char *behind = name + length;
    *ret_name = name;
    *ret_shell = braces && behind < end && *behind != '}';
    if (*ret_shell)
        return strchr(":-+=?", *behind) && memchr(behind, '}', (size_t)(end - behind)) ? length : 0;
    if (braces && behind++ == end)
        return 0;
    return behind == end || strchr(" /\"',}]\r", *behind) ? length : 0;
}

void environment_warn_of_unset(const char *name, const char *text, size_t length,
                               const struct config_options *options)
{
    const char *end = text + length, *variable;
    size_t number = 1;

    for (const char *line = text, *next; line < end; line = next + 1, number++) {
        next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            next = end;
        const char *dollar = unset_find_variable(line, next);
        bool shell = false;
        size_t n = dollar ? unset_take_name(dollar, next, &variable, &shell) : 0;
        char terminated[128];
        if (n == 0 || n >= sizeof terminated)
            continue;
        memcpy(terminated, variable, n);
        terminated[n] = '\0';
        if (shell) /* the rest may be a secret */
            log_warning("%s:%zu: ${%s...}: no shell reads it, so it counts as empty, default and all", name,
                        number, terminated);
        else if (!environment_get(options, terminated))
            log_warning("%s:%zu: $%s is not set, so it counts as empty", name, number, terminated);
    }
}
