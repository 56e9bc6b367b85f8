/* What the host of an s3:// URL says about where a bucket is served. */
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
