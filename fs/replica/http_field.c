#include "http_field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

static bool field_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~", c));
}

int http_encode(const char *text, bool keep_slash, struct buffer *encoded)
{
    int r = 0;
    for (; *text && r == 0; text++) {
        char escaped[4];
        if (field_is_unreserved(*text) || (keep_slash && *text == '/')) {
            r = buffer_append(encoded, text, 1);
        } else {
            snprintf(escaped, sizeof escaped, "%%%02X", (unsigned char)*text);
            r = buffer_append(encoded, escaped, strlen(escaped));
        }
    }
    return r;
}

/* A parameter as "name=value", encoded, with a NUL. */
static int field_encode(const struct http_field *parameter, struct buffer *encoded)
{
    if (http_encode(parameter->name, false, encoded) < 0 || buffer_append(encoded, "=", 1) < 0 ||
        http_encode(parameter->value, false, encoded) < 0)
        return -ENOMEM;
    return buffer_append(encoded, "", 1);
}

/* By name, then by value: '=' would sort after the characters that may follow a shorter name. */
static int field_compare(const void *a, const void *b)
{
    const char *x = (const char *)((const struct buffer *)a)->data;
    const char *y = (const char *)((const struct buffer *)b)->data;
    size_t m = strcspn(x, "="), n = strcspn(y, "=");
    int order = memcmp(x, y, m < n ? m : n);
    if (order == 0 && m != n)
        order = m < n ? -1 : 1;
    return order ? order : strcmp(x + m, y + n);
}

int http_encode_query(const struct http_field *query, size_t n_query, struct buffer *encoded)
{
    int r = 0;
    _cleanup_free_ struct buffer *parameters = calloc(n_query + 1, sizeof *parameters);
    if (!parameters)
        return -ENOMEM;
    for (size_t i = 0; i < n_query && r == 0; i++)
        r = field_encode(&query[i], &parameters[i]);
    if (r == 0)
        qsort(parameters, n_query, sizeof *parameters, field_compare);
    for (size_t i = 0; i < n_query && r == 0; i++) {
        if (i)
            r = buffer_append(encoded, "&", 1);
        if (r == 0)
            r = buffer_append(encoded, parameters[i].data, parameters[i].size - 1);
    }
    for (size_t i = 0; i < n_query; i++)
        buffer_finish(&parameters[i]);
    return r;
}
