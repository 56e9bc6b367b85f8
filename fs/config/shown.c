/* Sources as they may be shown. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "kind.h"
#include "litemount/cleanup.h"

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

/* Whether one of the kind's settings that hold no secret has the name in a query. */
static bool shown_is_known(const struct replica_kind *kind, const char *name, size_t length)
{
    for (size_t i = 0; i < kind->n_settings; i++) {
        const struct setting *setting = &kind->settings[i];
        for (const char *const *known = setting->query; *known && !(setting->flags & SETTING_SECRET); known++)
            if (strlen(*known) == length && memcmp(*known, name, length) == 0)
                return true;
    }
    return false;
}

/* Whether the query's keys are those that hold no secret, each with a value of theirs. */
static bool shown_is_plain_query(const struct replica_kind *kind, const char *query)
{
    for (size_t length; *query; query += length + (query[length] == '&')) {
        length = strcspn(query, "&");
        size_t n = strcspn(query, "=&"), value = n < length ? n + 1 : length;
        if (!shown_is_known(kind, query, n) || !shown_is_plain_value(query + value, length - value))
            return false;
    }
    return true;
}

/* NULL: the source is no URL of a known kind. */
static const struct replica_kind *shown_kind(const char *source)
{
    char scheme[16];
    size_t length = strcspn(source, ":");

    if (length >= sizeof scheme)
        return NULL;
    for (size_t i = 0; i < length; i++)
        scheme[i] = (char)tolower((unsigned char)source[i]);
    scheme[length] = '\0';
    return kind_of_scheme(scheme);
}

char *config_filesystem_name(const char *source)
{
    _cleanup_free_ char *shown = config_shown_source(source);

    if (!shown)
        return NULL;
    const struct replica_kind *kind = shown_kind(source);
    size_t length = strlen(shown);
    bool as_typed = kind && strncmp(source, shown, length) == 0 && source[length] == '?' &&
                    shown_is_plain_query(kind, source + length + 1);
    return as_typed ? strdup(source) : steal_pointer(shown);
}
