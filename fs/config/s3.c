/* Follows Litestream's NewS3ReplicaClientFromConfig (cmd/litestream/main.go), which lets a key win over the
 * same thing in the URL, and a query parameter over what the URL's host says. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "endpoint.h"
#include "litemount/cleanup.h"
#include "path.h"
#include "secret.h"
#include "settings.h"

/* The settings while they are resolved. Owns its strings. */
struct s3_settings {
    char *bucket, *region, *endpoint, *sse_key;
    bool path_style, skip_verify;
};

static void s3_settings_finish(struct s3_settings *s3)
{
    free(s3->bucket);
    free(s3->region);
    free(s3->endpoint);
    secret_free(s3->sse_key);
}

/* The base64 text of 32 bytes. */
static bool is_sse_key(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    return length == 43 && strcmp(text + length, "=") == 0;
}

/* The customer's key out of the file that `sse-customer-key-path` names, without white space around it. */
static int read_key_file(const struct settings *settings, const char *path, char **ret_key)
{
    static const char key[] = "sse-customer-key-path";
    _cleanup_secret_ char *text = NULL;
    _cleanup_free_ char *absolute = NULL;
    size_t length;

    int r = path_expand(path, settings->options, &absolute);
    if (r >= 0)
        r = file_read(absolute, 4096, &text, &length);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return mapping_fail(settings->own, key, EINVAL, "can't read %s: %s", path, strerror(-r));
    char *start = text + strspn(text, " \t\r\n");
    *ret_key = strndup(start, strcspn(start, " \t\r\n"));
    return *ret_key ? 0 : -ENOMEM;
}

static int read_encryption(const struct settings *settings, struct s3_settings *s3)
{
    _cleanup_free_ char *path = NULL, *algorithm = NULL;

    int r = settings_string(settings, "sse-customer-key-path", &path);
    if (r < 0)
        return r;
    r = path ? read_key_file(settings, path, &s3->sse_key)
             : settings_string(settings, "sse-customer-key", &s3->sse_key);
    if (r < 0 || !s3->sse_key)
        return r;
    const char *key = path ? "sse-customer-key-path" : "sse-customer-key";
    if (!is_sse_key(s3->sse_key))
        return mapping_fail(settings->own, key, EINVAL, "must be 32 bytes in base64");
    if (s3->endpoint && strncmp(s3->endpoint, "http://", 7) == 0 && !endpoint_is_local(s3->endpoint))
        return mapping_fail(settings->own, key, EINVAL, "needs an https endpoint: the key is sent along");
    r = settings_string(settings, "sse-customer-algorithm", &algorithm);
    if (r < 0)
        return r;
    if (algorithm && strcmp(algorithm, "AES256") != 0)
        return mapping_fail(settings->own, "sse-customer-algorithm", EINVAL, "must be AES256");
    return 0;
}

/* The key prefix: the written path without the slashes and dots that v0.3's path.Join takes away. */
static int set_path(struct replica_config *replica)
{
    _cleanup_free_ char *clean = path_clean(replica->raw_path);
    if (!clean)
        return -ENOMEM;
    replica->path = strdup(strcmp(clean, ".") == 0 ? "" : clean + strspn(clean, "/"));
    return replica->path ? 0 : -ENOMEM;
}

/* Moves what the URL says to where the keys have left room. */
static void fill(char **setting, char **from_url)
{
    if (!*setting)
        *setting = steal_pointer(*from_url);
}

/* The host, or the access point: its ARN stands for the bucket and names the region. */
static int parse_url_host(const char *host, struct s3_host *ret_host)
{
    if (strncasecmp(host, "arn:", 4) != 0)
        return s3_host_parse(host, ret_host);
    const char *region = host;
    for (int colons = 0; colons < 3 && region;
         colons++) { /* arn:PARTITION:s3:REGION:ACCOUNT:accesspoint/NAME */
        region = strchr(region, ':');
        region = region ? region + 1 : NULL;
    }
    ret_host->bucket = strdup(host);
    if (!ret_host->bucket)
        return -ENOMEM;
    if (!region || *region == ':')
        return 0;
    ret_host->region = strndup(region, strcspn(region, ":"));
    return ret_host->region ? 0 : -ENOMEM;
}

/* The query's endpoint; for a URL on the command line that has none, v0.5 asks the environment. */
static int find_url_endpoint(const struct settings *settings, const struct replica_url *url,
                             const struct s3_host *host, char **ret_endpoint)
{
    int r = replica_url_query(url, "endpoint", NULL, ret_endpoint);
    if (r < 0 || *ret_endpoint || host->endpoint || settings->own->node)
        return r;
    const char *endpoint = environment_get(settings->options, "LITESTREAM_S3_ENDPOINT");
    if (!endpoint)
        return 0;
    *ret_endpoint = strdup(endpoint);
    return *ret_endpoint ? 0 : -ENOMEM;
}

/* Replaces what the URL's host says by its query parameters. */
static int apply_query(const struct settings *settings, const struct replica_url *url, struct s3_host *host,
                       struct optional_bool *skip_verify)
{
    _cleanup_free_ char *endpoint = NULL, *region = NULL;
    struct optional_bool path_style = {0};

    int r = find_url_endpoint(settings, url, host, &endpoint);
    if (r >= 0)
        r = replica_url_query(url, "region", NULL, &region);
    if (r >= 0)
        r = replica_url_query_bool(url, "forcePathStyle", "force-path-style", &path_style);
    if (r >= 0)
        r = replica_url_query_bool(url, "skipVerify", "skip-verify", skip_verify);
    if (r < 0)
        return r;
    if (region) {
        free(host->region);
        host->region = steal_pointer(region);
    }
    if (endpoint) {
        free(host->endpoint);
        host->endpoint = NULL;
        host->path_style = true;
        r = endpoint_with_scheme(endpoint, endpoint_is_local(endpoint) ? "http" : "https", &host->endpoint);
    }
    if (path_style.set)
        host->path_style = path_style.value;
    return r;
}

static int apply_url(const struct settings *settings, const struct replica_url *url, struct s3_settings *s3)
{
    _cleanup_(s3_host_finish) struct s3_host host = {0};
    struct optional_bool skip_verify = {0};

    int r = parse_url_host(url->host, &host);
    if (r >= 0)
        r = apply_query(settings, url, &host, &skip_verify);
    if (r < 0)
        return r;
    fill(&s3->bucket, &host.bucket);
    fill(&s3->region, &host.region);
    fill(&s3->endpoint, &host.endpoint);
    s3->path_style = s3->path_style || host.path_style;
    if (skip_verify.set)
        s3->skip_verify = skip_verify.value;
    return 0;
}

/* An endpoint's key without a scheme means https, whatever its host: so it is in the AWS library, and v0.5.
 */
static int read_endpoint(const struct settings *settings, struct s3_settings *s3)
{
    _cleanup_free_ char *endpoint = NULL;
    struct optional_bool path_style, skip_verify, skip_everywhere;

    int r = settings_string(settings, "endpoint", &endpoint);
    if (r >= 0)
        r = mapping_bool(settings->own, "force-path-style", &path_style);
    if (r >= 0 && !path_style.set)
        r = mapping_bool(settings->root, "force-path-style", &path_style);
    if (r >= 0)
        r = mapping_bool(settings->own, "skip-verify", &skip_verify);
    if (r >= 0)
        r = mapping_bool(settings->root, "skip-verify", &skip_everywhere);
    if (r < 0)
        return r;
    s3->path_style = path_style.set ? path_style.value : endpoint != NULL;
    s3->skip_verify = skip_verify.value || skip_everywhere.value;
    return endpoint ? endpoint_with_scheme(endpoint, "https", &s3->endpoint) : 0;
}

static int read_bucket(const struct settings *settings, const struct replica_url *url, struct s3_settings *s3)
{
    /* The root's bucket is for replicas without a URL: with one it would contradict it. */
    int r = url ? 0 : settings_string(settings, "bucket", &s3->bucket);
    if (r >= 0)
        r = settings_string(settings, "region", &s3->region);
    if (r >= 0)
        r = read_endpoint(settings, s3);
    if (r >= 0 && url)
        r = apply_url(settings, url, s3);
    if (r < 0 || s3->bucket)
        return r;
    return mapping_fail(settings->own, url ? "url" : "bucket", EINVAL, "an s3 replica needs a bucket");
}

static int read_path(const struct settings *settings, const struct replica_url *url,
                     struct replica_config *replica)
{
    int r = url ? 0 : settings_path(settings, &replica->raw_path);
    if (r >= 0 && !replica->raw_path) {
        replica->raw_path = strdup(url ? url->path : "");
        r = replica->raw_path ? 0 : -ENOMEM;
    }
    return r < 0 ? r : set_path(replica);
}

static int hand_over(const struct s3_settings *s3, struct replica_config *replica)
{
    int r = replica_set(replica, "bucket", s3->bucket);
    if (r >= 0)
        r = replica_set(replica, "region", s3->region);
    if (r >= 0)
        r = replica_set(replica, "endpoint", s3->endpoint);
    if (r >= 0)
        r = replica_set(replica, "force-path-style", s3->path_style ? "true" : "false");
    if (r >= 0)
        r = replica_set(replica, "skip-verify", s3->skip_verify ? "true" : "false");
    return r < 0 ? r : replica_set(replica, "sse-customer-key", s3->sse_key);
}

int s3_config_read(const struct settings *settings, const struct replica_url *url,
                   struct replica_config *replica)
{
    _cleanup_(s3_settings_finish) struct s3_settings s3 = {0};
    int r = read_bucket(settings, url, &s3);
    if (r >= 0)
        r = read_path(settings, url, replica);
    if (r >= 0)
        r = read_encryption(settings, &s3);
    if (r >= 0)
        r = hand_over(&s3, replica);
    if (r >= 0)
        r = credentials_find(settings, replica);
    return r;
}
