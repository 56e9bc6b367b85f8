/* S3: its row, and what Litestream's NewS3ReplicaClientFromConfig (cmd/litestream/main.go) makes of a URL's
 * host and of endpoints. There a key wins over the same thing in the URL, and a query parameter over what the
 * URL's host says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "endpoint.h"
#include "environment.h"
#include "litemount/cleanup.h"
#include "path.h"
#include "s3_host.h"
#include "s3_login.h"
#include "secret.h"
#include "settings.h"

enum {
    S3_BUCKET,
    S3_REGION,
    S3_ENDPOINT,
    S3_PATH_STYLE,
    S3_SKIP_VERIFY,
    S3_ACCESS_KEY_ID,
    S3_SECRET_ACCESS_KEY,
    S3_SESSION_TOKEN,
    S3_SSE_KEY,
    S3_SSE_KEY_PATH,
    S3_SSE_ALGORITHM,
};

/* Once resolved: `endpoint` has its scheme, and is not set for AWS; the bucket is a name or an access point's
 * ARN; without a region it is to be learnt from the store; `force-path-style` and `skip-verify` are set in
 * any case; no access key means anonymous requests; `sse-customer-key` is 32 bytes in base64, of AES256.
 *
 * AWS_* is set from LITESTREAM_* where it is not set; the other two names are the AWS library's. A session's
 * token is no key of Litestream: there it comes from the environment only. */
static const struct setting s3_settings[] = {
    [S3_BUCKET] = {.name = "bucket", .flags = SETTING_REQUIRED | SETTING_URL_SAYS},
    [S3_REGION] = {.name = "region", .query = {"region"}},
    [S3_ENDPOINT] = {.name = "endpoint",
                     .flags = SETTING_RESOLVED,
                     .environment = {"LITESTREAM_S3_ENDPOINT"},
                     .query = {"endpoint"}},
    [S3_PATH_STYLE] = {.name = "force-path-style",
                       .flags = SETTING_BOOLEAN | SETTING_RESOLVED,
                       .query = {"forcePathStyle", "force-path-style"}},
    [S3_SKIP_VERIFY] = {.name = "skip-verify",
                        .flags = SETTING_BOOLEAN | SETTING_RESOLVED,
                        .query = {"skipVerify", "skip-verify"}},
    [S3_ACCESS_KEY_ID] = {.name = "access-key-id",
                          .flags = SETTING_LOGIN,
                          .environment = {"AWS_ACCESS_KEY_ID", "LITESTREAM_ACCESS_KEY_ID", "AWS_ACCESS_KEY"}},
    [S3_SECRET_ACCESS_KEY] = {.name = "secret-access-key",
                              .flags = SETTING_LOGIN | SETTING_SECRET,
                              .environment = {"AWS_SECRET_ACCESS_KEY", "LITESTREAM_SECRET_ACCESS_KEY",
                                              "AWS_SECRET_KEY"}},
    [S3_SESSION_TOKEN] = {.name = "session-token",
                          .flags = SETTING_WITH_LOGIN | SETTING_SECRET,
                          .environment = {"AWS_SESSION_TOKEN"}},
    [S3_SSE_KEY] = {.name = "sse-customer-key", .flags = SETTING_SECRET},
    [S3_SSE_KEY_PATH] = {.name = "sse-customer-key-path"},
    [S3_SSE_ALGORITHM] = {.name = "sse-customer-algorithm"},
};

/* Litestream hands an access point's whole ARN on as the bucket; the key behind it is not decoded. */
static int s3_parse_access_point(const char *rest, size_t length, struct replica_url *url,
                                 const char **ret_problem)
{
    static const char marker[] = ":accesspoint/";
    _cleanup_free_ char *text = strndup(rest, length), *key = NULL;

    if (!text)
        return -ENOMEM;
    const char *name = strcasestr(text, marker);
    name = name ? name + strlen(marker) : "";
    if (!*name || *name == '/') {
        *ret_problem = "an access point is written s3://arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/PATH";
        return -EINVAL;
    }
    size_t host_length = (size_t)(name - text) + strcspn(name, "/");
    if (asprintf(&key, "/%s", text + host_length) < 0) {
        key = NULL;
        return -ENOMEM;
    }
    _cleanup_free_ char *clean = path_clean(key);
    url->host = strndup(text, host_length);
    url->path = clean ? strdup(clean + 1) : NULL;
    return url->host && url->path ? 0 : -ENOMEM;
}

/* The host, or the access point: its ARN stands for the bucket and names the region. */
static int s3_parse_host(const char *host, struct s3_host *ret_host)
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
static int s3_find_url_endpoint(const struct settings *settings, const struct s3_host *host,
                                char **ret_endpoint)
{
    int r = setting_from_query(settings, &s3_settings[S3_ENDPOINT], ret_endpoint);
    if (r < 0 || *ret_endpoint || host->endpoint || settings->own->node)
        return r;
    return setting_from_environment(settings, &s3_settings[S3_ENDPOINT], ret_endpoint);
}

/* What the URL says about where the bucket is served: its host, or its query parameters in place of that. */
static int s3_read_url(const struct settings *settings, struct s3_host *host)
{
    _cleanup_free_ char *endpoint = NULL, *path_style = NULL;

    int r = s3_parse_host(settings->url->host, host);
    if (r >= 0)
        r = s3_find_url_endpoint(settings, host, &endpoint);
    if (r >= 0)
        r = setting_from_query(settings, &s3_settings[S3_PATH_STYLE], &path_style);
    if (r >= 0 && endpoint) {
        free(host->endpoint);
        host->endpoint = NULL;
        host->path_style = true;
        r = endpoint_with_scheme(endpoint, endpoint_is_local(endpoint) ? "http" : "https", &host->endpoint);
    }
    if (path_style)
        host->path_style = strcmp(path_style, "true") == 0;
    return r;
}

static int s3_set_missing(struct replica_config *replica, const char *name, const char *value)
{
    return replica_setting(replica, name) ? 0 : replica_set(replica, name, value);
}

/* An endpoint's key without a scheme means https, whatever its host: so it is in the AWS library, and v0.5.
 */
static int s3_set_endpoint(const struct settings *settings, const struct s3_host *host,
                           struct replica_config *replica)
{
    _cleanup_free_ char *key = NULL, *endpoint = NULL, *path_style = NULL;

    int r = setting_from_keys(settings, &s3_settings[S3_ENDPOINT], &key);
    if (r >= 0)
        r = setting_from_keys(settings, &s3_settings[S3_PATH_STYLE], &path_style);
    if (r >= 0 && key)
        r = endpoint_with_scheme(key, "https", &endpoint);
    if (r >= 0)
        r = replica_set(replica, "endpoint", endpoint ? endpoint : host->endpoint);
    if (r < 0)
        return r;
    bool is_forced = path_style ? strcmp(path_style, "true") == 0 : key != NULL;
    return replica_set(replica, "force-path-style", is_forced || host->path_style ? "true" : "false");
}

/* Here the query has precedence, and then either of the replica's and the root's key is enough. */
static int s3_set_skip_verify(const struct settings *settings, struct replica_config *replica)
{
    struct optional_bool own, root;
    _cleanup_free_ char *query = NULL;

    int r = mapping_bool(settings->own, "skip-verify", &own);
    if (r >= 0)
        r = mapping_bool(settings->root, "skip-verify", &root);
    if (r >= 0)
        r = setting_from_query(settings, &s3_settings[S3_SKIP_VERIFY], &query);
    if (r < 0)
        return r;
    return replica_set(replica, "skip-verify", query ? query : own.value || root.value ? "true" : "false");
}

/* The base64 text of 32 bytes. */
static bool s3_is_sse_key(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    return length == 43 && strcmp(text + length, "=") == 0;
}

/* The customer's key out of the file that `sse-customer-key-path` names, without white space around it. */
static int s3_read_key_file(const struct settings *settings, const char *path, char **ret_key)
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

/* Leaves of the customer's three settings the key, which the file has in place of `sse-customer-key`. */
static int s3_set_encryption(const struct settings *settings, struct replica_config *replica)
{
    const char *path = replica_setting(replica, "sse-customer-key-path");
    const char *algorithm = replica_setting(replica, "sse-customer-algorithm");
    const char *name = path ? "sse-customer-key-path" : "sse-customer-key";
    _cleanup_secret_ char *text = NULL;

    int r = path ? s3_read_key_file(settings, path, &text) : 0;
    if (r >= 0 && path)
        r = replica_set(replica, "sse-customer-key", text);
    if (r < 0)
        return r;
    const char *key = replica_setting(replica, "sse-customer-key"),
               *endpoint = replica_setting(replica, "endpoint");
    if (key && !s3_is_sse_key(key))
        return mapping_fail(settings->own, name, EINVAL, "must be 32 bytes in base64");
    if (key && endpoint && strncmp(endpoint, "http://", 7) == 0 && !endpoint_is_local(endpoint))
        return mapping_fail(settings->own, name, EINVAL, "needs an https endpoint: the key is sent along");
    if (key && algorithm && strcmp(algorithm, "AES256") != 0)
        return mapping_fail(settings->own, "sse-customer-algorithm", EINVAL, "must be AES256");
    replica_set(replica, "sse-customer-key-path", NULL);
    return replica_set(replica, "sse-customer-algorithm", NULL);
}

static int s3_resolve(const struct settings *settings, struct replica_config *replica)
{
    _cleanup_(s3_host_finish) struct s3_host host = {0};

    int r = settings->url ? s3_read_url(settings, &host) : 0;
    if (r >= 0)
        r = s3_set_missing(replica, "bucket", host.bucket);
    if (r >= 0)
        r = s3_set_missing(replica, "region", host.region);
    if (r >= 0)
        r = s3_set_endpoint(settings, &host, replica);
    if (r >= 0)
        r = s3_set_skip_verify(settings, replica);
    if (r >= 0)
        r = s3_set_encryption(settings, replica);
    return r < 0 || settings_have_login(settings, replica) ? r : s3_login_find(settings->options, replica);
}

const struct replica_kind s3_kind = {
    .types = {"s3"},
    .schemes = {"s3"},
    .settings = s3_settings,
    .n_settings = sizeof s3_settings / sizeof *s3_settings,
    .path = PATH_RAW_PREFIX,
    .special = "arn:",
    .parse_special = s3_parse_access_point,
    .resolve = s3_resolve,
};
