#include "s3_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"

#define ARN_PARTS 6   /* "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME" */
#define LABEL_SIZE 64 /* bytes of a part of a host's name with its NUL: DNS's limit */

/* An access point, as its ARN names it. */
struct access_point {
    char region[S3_REGION_SIZE], account[LABEL_SIZE], name[LABEL_SIZE];
};

void s3_address_finish(struct s3_address *address)
{
    free(address->origin);
    free(address->path);
}

const char *s3_address_host(const char *origin)
{
    const char *host = strstr(origin, "://");
    return host ? host + strlen("://") : origin;
}

/* Letters, digits and hyphens: what a part of a host's name may hold. */
static bool s3_is_label(const char *text)
{
    return *text && strlen(text) < LABEL_SIZE &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

bool s3_region_is_valid(const char *region)
{
    return s3_is_label(region);
}

static bool s3_is_arn(const char *bucket)
{
    return strncmp(bucket, "arn:", 4) == 0;
}

static bool s3_address_parse_access_point(const char *arn, struct access_point *ret_point)
{
    const char *parts[ARN_PARTS] = {arn};
    struct access_point point;

    for (size_t i = 1; i < ARN_PARTS; i++) {
        const char *colon = strchr(parts[i - 1], ':');
        if (!colon)
            return false;
        parts[i] = colon + 1;
    }
    const char *resource = parts[5];
    if (strncmp(parts[2], "s3:", 3) != 0 || strncmp(resource, "accesspoint", 11) != 0 ||
        (resource[11] != '/' && resource[11] != ':'))
        return false;
    snprintf(point.region, sizeof point.region, "%.*s", (int)strcspn(parts[3], ":"), parts[3]);
    snprintf(point.account, sizeof point.account, "%.*s", (int)strcspn(parts[4], ":"), parts[4]);
    snprintf(point.name, sizeof point.name, "%s", resource + 12);
    if (!s3_is_label(point.region) || !s3_is_label(point.account) || !s3_is_label(point.name))
        return false;
    *ret_point = point;
    return true;
}

void s3_place_region(const struct s3_place *place, char region[static S3_REGION_SIZE])
{
    struct access_point point;
    bool known = s3_is_arn(place->bucket) && s3_address_parse_access_point(place->bucket, &point);
    snprintf(region, S3_REGION_SIZE, "%s", known ? point.region : "");
}

/* A bucket's name becomes a part of a host's name or of a path: it must be no more than that. */
static bool s3_is_bucket_name(const char *bucket)
{
    bool letters = false;
    for (const char *c = bucket; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c))
            return false;
        letters = letters || *c != '.';
    }
    return letters;
}

const char *s3_place_problem(const struct s3_place *place)
{
    struct access_point point;

    if (!place->bucket || !*place->bucket)
        return "a bucket is needed";
    if (s3_is_arn(place->bucket)) {
        if (!s3_address_parse_access_point(place->bucket, &point))
            return "only access points can be named by an ARN";
    } else if (!s3_is_bucket_name(place->bucket)) {
        return "this can't be a bucket's name";
    }
    if (!place->endpoint)
        return NULL;
    if (strncmp(place->endpoint, "https://", 8) != 0 && strncmp(place->endpoint, "http://", 7) != 0)
        return "an endpoint is https://HOST[:PORT] or http://HOST[:PORT]";
    const char *host = s3_address_host(place->endpoint);
    for (const char *c = host; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(".-_:[]", *c))
            return "an endpoint is a host and a port, without a path, a user or a query";
    return *host ? NULL : "the endpoint names no host";
}

/* A certificate for *.s3.REGION.amazonaws.com covers one more label, so a bucket with a dot can't be one. */
static bool s3_fits_host(const char *bucket)
{
    return s3_is_label(bucket);
}

static int s3_make_aws_origin(const struct s3_place *place, const char *region, bool *ret_in_path,
                              char **ret_origin)
{
    const char *domain = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
    struct access_point point;
    int n;

    *ret_in_path = false;
    if (s3_is_arn(place->bucket) && s3_address_parse_access_point(place->bucket, &point)) {
        n = asprintf(ret_origin, "https://%s-%s.s3-accesspoint.%s.%s", point.name, point.account, region,
                     domain);
    } else if (place->path_style || !s3_fits_host(place->bucket)) {
        *ret_in_path = true;
        n = asprintf(ret_origin, "https://s3.%s.%s", region, domain);
    } else {
        n = asprintf(ret_origin, "https://%s.s3.%s.%s", place->bucket, region, domain);
    }
    return n < 0 ? -ENOMEM : 0;
}

/* `host` may end in a port; IPv6 stands in brackets. */
static bool s3_is_ip_address(const char *host)
{
    bool bracketed = *host == '[';
    size_t length = strcspn(host + bracketed, bracketed ? "]" : ":");
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (length >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)length, host + bracketed);
    return inet_pton(bracketed ? AF_INET6 : AF_INET, text, &address) == 1;
}

/* Whether the bucket can stand before an endpoint's name, which an address has not. With TLS a certificate
 * must cover it: no dots. Source: aws-sdk-go-v2, which Litestream 0.5 uses: service/s3/endpoints.go (isIp),
 * internal/endpoints/awsrulesfn/host.go (IsVirtualHostableS3Bucket). */
static bool s3_fits_endpoint(const char *bucket, const char *endpoint)
{
    bool dots = strncmp(endpoint, "http://", strlen("http://")) == 0;

    if (s3_is_ip_address(s3_address_host(endpoint)) || s3_is_ip_address(bucket))
        return false;
    for (const char *label = bucket;; label++) {
        size_t length = strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (length < 3 || length >= LABEL_SIZE || (label[length] && (label[length] != '.' || !dots)))
            return false;
        label += length;
        if (!*label)
            return true;
    }
}

static int s3_make_endpoint_origin(const struct s3_place *place, bool *ret_in_path, char **ret_origin)
{
    const char *host = s3_address_host(place->endpoint);
    int n;

    *ret_in_path = place->path_style || !s3_fits_endpoint(place->bucket, place->endpoint);
    if (*ret_in_path)
        n = asprintf(ret_origin, "%s", place->endpoint);
    else
        n = asprintf(ret_origin, "%.*s%s.%s", (int)(host - place->endpoint), place->endpoint, place->bucket,
                     host);
    return n < 0 ? -ENOMEM : 0;
}

int s3_address_make(const struct s3_place *place, const char *region, const char *key,
                    struct s3_address *ret_address)
{
    struct s3_address address = {0};
    bool in_path; /* the bucket stands in the path, not in the host's name */
    int r = place->endpoint ? s3_make_endpoint_origin(place, &in_path, &address.origin)
                            : s3_make_aws_origin(place, region, &in_path, &address.origin);
    if (r < 0)
        return r;
    if (asprintf(&address.path, "/%s%s%s", in_path ? place->bucket : "", in_path ? "/" : "", key) < 0) {
        free(address.origin);
        return -ENOMEM;
    }
    *ret_address = address;
    return 0;
}
