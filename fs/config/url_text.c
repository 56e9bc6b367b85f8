/* What texts in URLs have in common: escapes and the query. */
#include "url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "litemount/cleanup.h"
#include "secret.h"

bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void replica_url_finish(struct replica_url *url)
{
    free(url->scheme);
    free(url->user);
    secret_free(url->password);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct replica_url){0};
}

static int url_hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return found ? (int)(found - digits) : -1;
}

int percent_decode(const char *text, size_t length, bool is_query, char **ret_text)
{
    _cleanup_free_ char *decoded = malloc(length + 1);
    size_t n = 0;

    if (!decoded)
        return -ENOMEM;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '+' && is_query)
            c = ' ';
        if (c == '%') {
            int high = length - i > 2 ? url_hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? url_hex_digit(text[i + 2]) : -1;
            if (low < 0 || high * 16 + low == 0)
                return -EINVAL;
            c = (char)(high * 16 + low);
            i += 2;
        }
        decoded[n++] = c;
    }
    decoded[n] = '\0';
    *ret_text = steal_pointer(decoded);
    return 0;
}

/* The first non-empty value of one name. */
static int url_find_query(const char *query, const char *name, char **ret_value)
{
    while (*query) {
        size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
        _cleanup_secret_ char *key = NULL, *value = NULL;
        size_t value_at = name_length < length ? name_length + 1 : length;
        /* As in net/url a pair with a bad escape or a semicolon does not count. */
        int r = memchr(query, ';', length) ? -EINVAL : percent_decode(query, name_length, true, &key);
        if (r >= 0)
            r = percent_decode(query + value_at, length - value_at, true, &value);
        if (r == -ENOMEM)
            return r;
        if (r >= 0 && *value && strcmp(key, name) == 0) {
            *ret_value = steal_pointer(value);
            return 0;
        }
        query += length + (query[length] == '&');
    }
    *ret_value = NULL;
    return 0;
}

int replica_url_query(const struct replica_url *url, const char *const *names, char **ret_value)
{
    int r = 0;
    for (*ret_value = NULL; r >= 0 && *names && !*ret_value; names++)
        r = url_find_query(url->query, *names, ret_value);
    return r;
}

int replica_url_query_bool(const struct replica_url *url, const char *const *names,
                           struct optional_bool *ret_value)
{
    static const char *const yes[] = {"true", "1", "t", "yes"};
    _cleanup_secret_ char *text = NULL;

    int r = replica_url_query(url, names, &text);
    if (r < 0)
        return r;
    *ret_value = (struct optional_bool){.set = text};
    for (size_t i = 0; text && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(text, yes[i]) == 0)
            ret_value->value = true;
    return 0;
}
