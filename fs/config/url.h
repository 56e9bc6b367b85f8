/* Replica URLs, split as Litestream splits them: replica_url.go, and net/url of Go below it. */
#pragma once

#include <stdbool.h>

#include "document.h"

/* A URL's parts, decoded. Owns them; zero-initialise it, finish it with replica_url_finish. */
struct replica_url {
    char *scheme; /* in lower case */
    char *host;   /* with its port, without a user: "" for file; an access point's whole ARN */
    char *path;  /* file: the folder. Else as Litestream's replica path: cleaned, without the leading '/', "."
                    for a URL that ends with its host; for sftp and webdav as it stands. */
    char *query; /* behind the '?', still encoded */
};

/* Whether a text begins like a URL, with SCHEME://. */
bool is_url(const char *text);

/* Returns 0, -ENOMEM, or -EINVAL with a static text that says what is wrong with the URL. */
int replica_url_parse(const char *text, struct replica_url *ret_url, const char **ret_problem);
void replica_url_finish(struct replica_url *url);

/* The query's first value by that name, or by the `other` (NULL: none), decoded; NULL if there is none or it
 * is empty. The caller frees it. 0 or -ENOMEM. */
int replica_url_query(const struct replica_url *url, const char *name, const char *other, char **ret_value);

/* The same as a boolean: true, t, yes and 1 are, all others are not. 0 or -ENOMEM. */
int replica_url_query_bool(const struct replica_url *url, const char *name, const char *other,
                           struct optional_bool *ret_value);
