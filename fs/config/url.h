/* Replica URLs, split as Litestream splits them: replica_url.go, and net/url of Go below it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "document.h"

/* A URL's parts, decoded. Owns them; zero-initialise it, finish it with replica_url_finish. */
struct replica_url {
    char *scheme;          /* in lower case */
    char *user, *password; /* NULL: none, or the kind's URLs have no use for one */
    char *host;            /* with its port, without a user: "" for file; an access point's whole ARN */
    char *path;  /* file: the folder. Else as Litestream's replica path: cleaned, without the leading '/', "."
                    for a URL that ends with its host; as it stands for PATH_VERBATIM. */
    char *query; /* behind the '?', still encoded */
};

/* Whether a text begins like a URL, with SCHEME://. */
bool is_url(const char *text);

/* Returns 0, -ENOMEM, or -EINVAL with a static text that says what is wrong with the URL. */
int replica_url_parse(const char *text, struct replica_url *ret_url, const char **ret_problem);
void replica_url_finish(struct replica_url *url);

/* The query's first value by the first of the names (up to a NULL) that has one, decoded; NULL if none has,
 * or it is empty. The caller wipes and frees it. 0 or -ENOMEM. */
int replica_url_query(const struct replica_url *url, const char *const *names, char **ret_value);

/* The same as a boolean: true, t, yes and 1 are, all others are not. 0 or -ENOMEM. */
int replica_url_query_bool(const struct replica_url *url, const char *const *names,
                           struct optional_bool *ret_value);

/* A character of Go's identifiers and of most names in URLs; not isalnum, which asks the locale. */
bool is_word_character(char c);

/* Decodes `length` bytes of %XX, and of '+' as a space where `is_query`. The caller frees it. 0, -EINVAL,
 * -ENOMEM. */
int percent_decode(const char *text, size_t length, bool is_query, char **ret_text);
