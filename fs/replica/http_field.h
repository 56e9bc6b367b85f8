/* A name and its value, as a header or a query has them, and how they are written in a URL. Pure. Private to
 * fs/replica. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buffer;

/* The value is as it is meant, not encoded. */
struct http_field {
    const char *name, *value;
};

/* Appends `text` with everything but letters, digits and -._~ as %XX; `keep_slash` keeps '/' too: for a path.
 * No NUL. 0 or -ENOMEM. */
int http_encode(const char *text, bool keep_slash, struct buffer *encoded);

/* Appends the query, encoded, in the order of the encoded names and values: what signatures call its
 * canonical form. No NUL. 0 or -ENOMEM. */
int http_encode_query(const struct http_field *query, size_t n_query, struct buffer *encoded);
