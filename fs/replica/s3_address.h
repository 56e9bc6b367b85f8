/* Where a bucket is reached: the host to talk to and the path there. Pure. Private to fs/replica.
 *
 * Source: Amazon S3 User Guide, "Virtual hosting of buckets" and "Access points". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define S3_REGION_SIZE 64 /* bytes of a region's name with its NUL */
#define S3_REGION_DEFAULT "us-east-1"

struct s3_place {
    const char *endpoint; /* "https://HOST[:PORT]"; NULL: AWS */
    const char *bucket;   /* its name, or an access point's ARN */
    bool path_style;
};

struct s3_address {
    char *origin; /* "https://HOST[:PORT]" */
    char *path;   /* begins with '/'; not encoded */
};

void s3_address_finish(struct s3_address *address);

/* The host of an origin, with its port. Part of `origin`. */
const char *s3_address_host(const char *origin);

/* The address of `key` ("": of the bucket). 0 or -ENOMEM. The caller finishes it. */
int s3_address_make(const struct s3_place *place, const char *region, const char *key,
                    struct s3_address *ret_address);

/* Whether the name can be a region's. Regions come from answers too, and become part of a host's name. */
bool s3_region_is_valid(const char *region);

/* NULL, or what is wrong with the place. */
const char *s3_place_problem(const struct s3_place *place);

/* The region that an access point's ARN names, "" for everything else. */
void s3_place_region(const struct s3_place *place, char region[static S3_REGION_SIZE]);
