/* The rules of Go's os.ExpandEnv, with which Litestream expands its configuration's text (Go's os/env.go):
 *
 *   $NAME      the longest run of letters, digits and underscores
 *   $1 $$ $*   the one character is the name (and in practice never set)
 *   ${NAME}    anything up to the next closing brace is the name
 *   ${}        and a `${` that is never closed: the two or three characters vanish
 *   $          before anything else, or at the end, stays
 *
 * A variable that is not set is empty. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"

const char *environment_get(const struct config_options *options, const char *name)
{
    const char *value = options->getenv ? options->getenv(name) : getenv(name);
    return value && *value ? value : NULL;
}

static int expand_append(struct buffer *buffer, const char *text, size_t length)
{
    if (length > CONFIG_SIZE_MAX - buffer->size)
        return -E2BIG;
    return buffer_append(buffer, text, length);
}

/* Not isalnum: that one asks the locale. */
static bool expand_is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool expand_is_special(char c)
{
    return c && strchr("*#$@!?-0123456789", c);
}

/* The name behind a `$` and how many characters it takes with its braces. An empty name that takes some is
 * bad syntax, one that takes none is no variable at all. */
static size_t expand_take_name(const char *text, size_t length, const char **ret_name,
                               size_t *ret_name_length)
{
    size_t n = 0;
    *ret_name = text;
    *ret_name_length = 0;
    if (text[0] == '{') {
        const char *brace = memchr(text, '}', length);
        *ret_name = text + 1;
        if (brace)
            *ret_name_length = (size_t)(brace - text) - 1;
        return brace ? (size_t)(brace - text) + 1 : 1;
    }
    if (expand_is_special(text[0]))
        n = 1;
    else
        while (n < length && expand_is_name_character(text[n]))
            n++;
    *ret_name_length = n;
    return n;
}

static int expand_append_variable(struct buffer *buffer, const char *name, size_t length,
                                  const struct config_options *options)
{
    _cleanup_free_ char *terminated = strndup(name, length);
    if (!terminated)
        return -ENOMEM;
    if (strlen(terminated) != length) /* a name with a NUL inside is never set */
        return 0;
    const char *value = environment_get(options, terminated);
    return value ? expand_append(buffer, value, strlen(value)) : 0;
}

int environment_expand(const char *text, size_t length, const struct config_options *options, char **ret_text,
                       size_t *ret_length)
{
    _cleanup_(buffer_wipe) struct buffer buffer = {0};
    /* Behind the last closing brace none needs to be looked for, again and again. */
    const char *last_brace = memrchr(text, '}', length);
    size_t braced = last_brace ? (size_t)(last_brace - text) + 1 : 0, i = 0;

    /* All of it at once: a buffer that grows leaves secrets behind. */
    int r = buffer_reserve(&buffer, CONFIG_SIZE_MAX + 1);
    while (r >= 0 && i < length) {
        const char *name, *dollar = memchr(text + i, '$', length - 1 - i); /* the last character stays */
        size_t name_length, before = dollar ? (size_t)(dollar - text) - i : length - i;
        r = expand_append(&buffer, text + i, before);
        i += before;
        if (r < 0 || !dollar)
            break;
        i++;
        size_t end = text[i] != '{' ? length : braced > i ? braced : i + 1;
        size_t taken = expand_take_name(text + i, end - i, &name, &name_length);
        if (taken == 0)
            r = expand_append(&buffer, "$", 1);
        else if (name_length > 0)
            r = expand_append_variable(&buffer, name, name_length, options);
        i += taken;
    }
    if (r >= 0)
        r = buffer_append(&buffer, "", 1);
    if (r < 0)
        return r;
    *ret_length = buffer.size - 1;
    *ret_text = (char *)buffer.data;
    buffer.data = NULL;
    return 0;
}
