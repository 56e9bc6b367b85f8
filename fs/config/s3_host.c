/* The table of hosts is Litestream v0.3's (s3/replica_client.go, ParseHost), which v0.5 has in part. From
 * v0.5 come AWS's own host names and BUCKET.HOST:PORT for any other server. */
#include "s3_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/cleanup.h"

struct provider {
    const char *label;  /* in front of the region, or of the suffix: "s3" or "" */
    const char *suffix; /* behind the region */
    bool has_region;
    const char *scheme;
    const char *region; /* where the host never tells it, else NULL */
};

static const struct provider providers[] = {
    {"", "localhost", false, "http", "us-east-1"}, {"s3", ".backblazeb2.com", true, "https", NULL},
    {"s3", ".filebase.com", false, "https", NULL}, {"", ".digitaloceanspaces.com", true, "https", NULL},
    {"s3", ".scw.cloud", true, "https", NULL},     {"", ".linodeobjects.com", true, "https", NULL},
};

void s3_host_finish(struct s3_host *host)
{
    free(host->bucket);
    free(host->region);
    free(host->endpoint);
    *host = (struct s3_host){0};
}

/* Cuts `text` off the end of the first `*length` bytes of `host`. */
static bool s3_cut_suffix(const char *host, size_t *length, const char *text)
{
    size_t n = strlen(text);
    if (*length < n || memcmp(host + *length - n, text, n) != 0)
        return false;
    *length -= n;
    return true;
}

/* Cuts the last label off the first `*length` bytes of `host`. */
static bool s3_cut_label(const char *host, size_t *length, const char **ret_label, size_t *ret_size)
{
    const char *point = memrchr(host, '.', *length);
    const char *label = point ? point + 1 : host;
    *ret_label = label;
    *ret_size = (size_t)(host + *length - label);
    *length = (size_t)(label - host);
    return *ret_size > 0;
}

/* What stands in front of a provider's name: nothing, or a bucket and a point. */
static int s3_take_bucket(const char *host, size_t length, char **ret_bucket)
{
    if (length < 2)
        return 0;
    *ret_bucket = strndup(host, length - 1);
    return *ret_bucket ? 0 : -ENOMEM;
}

/* 1 if `host` (without its port) is one of the provider's, 0 if it is not, or -ENOMEM. */
static int s3_match_provider(const struct provider *provider, const char *host, const char *port,
                             struct s3_host *found)
{
    size_t length = strlen(host), region_size = 0;
    const char *region = "";

    if (!s3_cut_suffix(host, &length, provider->suffix) ||
        (provider->has_region && !s3_cut_label(host, &length, &region, &region_size)))
        return 0;
    if (*provider->label) {
        if (provider->has_region && !s3_cut_suffix(host, &length, "."))
            return 0;
        if (!s3_cut_suffix(host, &length, provider->label))
            return 0;
    }
    if (length == 1 || (length > 0 && host[length - 1] != '.'))
        return 0;
    if (asprintf(&found->endpoint, "%s://%s%s", provider->scheme, host + length, port) < 0) {
        found->endpoint = NULL;
        return -ENOMEM;
    }
    if (provider->has_region || provider->region) {
        found->region = provider->region ? strdup(provider->region) : strndup(region, region_size);
        if (!found->region)
            return -ENOMEM;
    }
    found->path_style = true;
    return s3_take_bucket(host, length, &found->bucket) < 0 ? -ENOMEM : 1;
}

/* 1 for BUCKET.s3.amazonaws.com and BUCKET.s3.REGION.amazonaws.com, which need no endpoint, 0 for others. */
static int s3_match_aws(const char *host, struct s3_host *found)
{
    size_t length = strlen(host), region_size = 0;
    const char *region;

    if (!s3_cut_suffix(host, &length, ".amazonaws.com"))
        return 0;
    size_t without_region = length;
    if (s3_cut_suffix(host, &without_region, ".s3") && without_region > 0) {
        length = without_region + 1;
    } else {
        if (!s3_cut_label(host, &length, &region, &region_size) || !s3_cut_suffix(host, &length, ".s3.") ||
            length == 0)
            return 0;
        length++;
        found->region = strndup(region, region_size);
        if (!found->region)
            return -ENOMEM;
    }
    return s3_take_bucket(host, length, &found->bucket) < 0 ? -ENOMEM : 1;
}

/* BUCKET.HOST:PORT of a server that nobody lists. An address has no room for a bucket. */
static int s3_take_own_server(const char *host, const char *port, struct s3_host *found)
{
    struct in_addr address;
    const char *point = strchr(host, '.');
    bool has_bucket = point && point > host && inet_pton(AF_INET, host, &address) != 1;

    found->path_style = true;
    found->region = strdup("us-east-1");
    if (!found->region)
        return -ENOMEM;
    if (asprintf(&found->endpoint, "http://%s%s", has_bucket ? point + 1 : host, port) < 0) {
        found->endpoint = NULL;
        return -ENOMEM;
    }
    return has_bucket ? s3_take_bucket(host, (size_t)(point + 1 - host), &found->bucket) : 0;
}

static int s3_host_parse_host(const char *host, const char *port, struct s3_host *found)
{
    int r = s3_match_aws(host, found);
    for (size_t i = 0; r == 0 && i < sizeof providers / sizeof *providers; i++)
        r = s3_match_provider(&providers[i], host, port, found);
    if (r != 0)
        return r < 0 ? r : 0;
    if (*port && !strstr(host, ".com"))
        return s3_take_own_server(host, port, found);
    return s3_take_bucket(host, strlen(host) + 1, &found->bucket);
}

int s3_host_parse(const char *host, struct s3_host *ret_host)
{
    _cleanup_(s3_host_finish) struct s3_host found = {0};
    size_t length = strcspn(host, ":");
    _cleanup_free_ char *name = strndup(host, length);

    int r = name ? s3_host_parse_host(name, host + length, &found) : -ENOMEM;
    if (r < 0)
        return r;
    *ret_host = found;
    found = (struct s3_host){0};
    return 0;
}
