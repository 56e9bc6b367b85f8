/* Sources as they may be shown. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"

char *config_shown_source(const char *source)
{
    const char *scheme = strstr(source, "://");
    if (!scheme)
        return strdup(source);
    const char *host = scheme + 3, *at = memrchr(host, '@', strcspn(host, "/?#"));
    const char *rest = at ? at + 1 : host;
    char *shown;

    if (asprintf(&shown, "%.*s%.*s", (int)(host - source), source, (int)strcspn(rest, "?#"), rest) < 0)
        return NULL;
    return shown;
}

/* Whether nothing but a host, a path or a word can stand there: no user, and no query of its own. */
static bool shown_is_plain_value(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool colon_or_slash = length - i > 2 && (strncasecmp(value + i, "%3A", 3) == 0 ||
                                                 strncasecmp(value + i, "%2F", 3) == 0);
        if (!colon_or_slash && !isalnum((unsigned char)value[i]) && !strchr(".:/-_[]", value[i]))
            return false;
        i += colon_or_slash ? 2 : 0;
    }
    return true;
}

/* Whether the query's keys are those that hold no secret, each with a value of theirs. */
static bool shown_is_plain_query(const char *query)
{
    static const char *const names[] = {"endpoint",         "region",     "forcePathStyle",
                                        "force-path-style", "skipVerify", "skip-verify"};

    for (size_t length; *query; query += length + (query[length] == '&')) {
        length = strcspn(query, "&");
        size_t n = strcspn(query, "=&"), i = 0, value = n < length ? n + 1 : length;
        while (i < sizeof names / sizeof *names && (strlen(names[i]) != n || memcmp(names[i], query, n) != 0))
            i++;
        if (i == sizeof names / sizeof *names || !shown_is_plain_value(query + value, length - value))
            return false;
    }
    return true;
}

char *config_filesystem_name(const char *source)
{
    _cleanup_free_ char *shown = config_shown_source(source);

    if (!shown)
        return NULL;
    size_t length = strlen(shown);
    bool as_typed = strncmp(source, shown, length) == 0 && source[length] == '?' &&
                    shown_is_plain_query(source + length + 1);
    return as_typed ? strdup(source) : steal_pointer(shown);
}
