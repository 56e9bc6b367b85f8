/* What the host of an s3:// URL, or an endpoint, says about where a bucket is served. */
#pragma once

#include <stdbool.h>

/* Owns its strings; zero-initialise it, finish it with s3_host_finish. */
struct s3_host {
    char *bucket;   /* NULL: the host names none */
    char *region;   /* NULL: not told by the host */
    char *endpoint; /* with its scheme; NULL: AWS */
    bool path_style;
};

/* Splits the host of an s3:// URL, which may have a port. 0 or -ENOMEM. */
int s3_host_parse(const char *host, struct s3_host *ret_host);
void s3_host_finish(struct s3_host *host);

/* Whether an endpoint, with or without a scheme, is on this machine or in a private network. */
bool endpoint_is_local(const char *endpoint);

/* The endpoint with its scheme, in lower case, else with `scheme` put in front; without a '/' at its end. The
 * caller frees it. 0 or -ENOMEM. */
int endpoint_with_scheme(const char *endpoint, const char *scheme, char **ret_endpoint);
