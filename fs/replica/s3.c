/* The S3 store: its row, and its settings.
 *
 * Source: Amazon S3 User Guide, "Using server-side encryption with customer-provided keys". */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/task.h"

#define ENCRYPTION_KEY_SIZE 32   /* bytes of an SSE-C key */
#define ENCRYPTION_KEY_LENGTH 44 /* characters of it in base64 */
#define MD5_SIZE 16              /* bytes */
#define MD5_TEXT_SIZE 25         /* bytes of it in base64, with a NUL */

static const struct http_kind s3_kind = {
    .protocol = "S3",
    .metadata_prefix = "x-amz-meta-",
    .version_header = "ETag",
    .login_help = "no credentials are configured; set access-key-id and secret-access-key",
    .place_help = "check the endpoint and the bucket",
    .page_bytes = 16u << 20, /* several times what 1000 of the longest keys take */
    .sums = {"x-amz-checksum-", s3_etag_is_md5},
    .meanings = s3_meanings,
    .prepare = s3_prepare,
    .parse_page = s3_parse_page,
    .parse_error = s3_parse_error,
    .learn = s3_learn_region,
    .explain = s3_explain,
    .tells_secret = s3_tells_secret,
};

static void s3_close(struct store *store)
{
    struct s3_store *s3 = (struct s3_store *)store;
    free(s3->http.where);
    free(s3->sse_key_md5);
    pthread_mutex_destroy(&s3->lock);
    free(s3);
}

static void s3_close_pointer(struct s3_store **s3)
{
    if (*s3)
        s3_close(&(*s3)->http.store);
}

/* "" is as good as unset. */
static const char *s3_setting(const struct replica_config *config, const char *name)
{
    const char *text = replica_setting(config, name);
    return text && *text ? text : NULL;
}

static int s3_take_settings(const struct replica_config *config, struct s3_store *s3)
{
    s3->bucket = s3_setting(config, "bucket");
    s3->endpoint = s3_setting(config, "endpoint");
    s3->configured_region = s3_setting(config, "region");
    s3->path_style = replica_setting_is_on(config, "force-path-style");
    s3->access_key_id = s3_setting(config, "access-key-id");
    s3->secret_access_key = s3_setting(config, "secret-access-key");
    s3->session_token = s3_setting(config, "session-token");
    s3->sse_key = s3_setting(config, "sse-customer-key");
    s3->http.name = s3->bucket;
    s3->http.skip_verify = replica_setting_is_on(config, "skip-verify");
    s3->http.anonymous = !s3->access_key_id;
    if (asprintf(&s3->http.where, "s3://%s%s%s", s3->bucket ? s3->bucket : "", s3->endpoint ? " at " : "",
                 s3->endpoint ? s3->endpoint : "") < 0) {
        s3->http.where = NULL;
        return -ENOMEM;
    }
    return 0;
}

/* A setting that is sent as a header must be one line. */
static bool s3_fits_header(const char *text)
{
    return !text || key_is_printable(text);
}

static int s3_check_settings(const struct s3_store *s3, struct task *task)
{
    struct s3_place place = s3_place(s3);
    const char *problem = s3_place_problem(&place);

    if (!problem && s3->configured_region && !s3_region_is_valid(s3->configured_region))
        problem = "this can't be a region's name";
    if (!problem && !s3->access_key_id != !s3->secret_access_key)
        problem = "access-key-id and secret-access-key go together: set both, or none for a public bucket";
    if (!problem && (!s3_fits_header(s3->access_key_id) || !s3_fits_header(s3->session_token)))
        problem = "access-key-id and session-token are one line each";
    return problem ? task_fail(task, EINVAL, "s3://%s: %s", s3->bucket ? s3->bucket : "", problem) : 0;
}

/* Settles what SSE-C needs beside the key: the MD5 that guards it on its way. Whoever made the settings has
 * seen to it that the way is safe. */
static int s3_prepare_encryption_key(struct s3_store *s3, struct task *task)
{
    uint8_t key[ENCRYPTION_KEY_SIZE + 1], md5[MD5_SIZE]; /* one more: decoding fills groups of three */
    uint8_t text[MD5_TEXT_SIZE];

    if (!s3->sse_key)
        return 0;
    if (strlen(s3->sse_key) != ENCRYPTION_KEY_LENGTH || s3->sse_key[ENCRYPTION_KEY_LENGTH - 1] != '=' ||
        EVP_DecodeBlock(key, (const uint8_t *)s3->sse_key, ENCRYPTION_KEY_LENGTH) != sizeof key)
        return task_fail(task, EINVAL, "s3://%s: sse-customer-key is not 32 bytes in base64", s3->bucket);
    int hashed = EVP_Digest(key, ENCRYPTION_KEY_SIZE, md5, NULL, EVP_md5(), NULL);
    explicit_bzero(key, sizeof key);
    if (!hashed)
        return task_fail(task, EINVAL, "s3://%s: sse-customer-key needs MD5, which is switched off here",
                         s3->bucket);
    EVP_EncodeBlock(text, md5, sizeof md5);
    s3->sse_key_md5 = strdup((const char *)text);
    return s3->sse_key_md5 ? 0 : -ENOMEM;
}

/* An AWS bucket may be anywhere, so its region starts unknown; other stores rarely look at it. */
static void s3_choose_region(struct s3_store *s3)
{
    struct s3_place place = s3_place(s3);
    if (s3->configured_region)
        snprintf(s3->region, sizeof s3->region, "%s", s3->configured_region);
    else
        s3_place_region(&place, s3->region);
}

static int s3_open(const struct replica_config *config, struct task *task, struct store **ret_store)
{
    _cleanup_(s3_close_pointer) struct s3_store *s3 = calloc(1, sizeof *s3);
    if (!s3)
        return -ENOMEM;
    pthread_mutex_init(&s3->lock, NULL);
    s3->http.kind = &s3_kind;
    int r = s3_take_settings(config, s3);
    if (r == 0)
        r = s3_check_settings(s3, task);
    if (r == 0)
        r = s3_prepare_encryption_key(s3, task);
    if (r < 0)
        return r;
    s3_choose_region(s3);
    *ret_store = &steal_pointer(s3)->http.store;
    return 0;
}

static const char *s3_root(const struct replica_config *config)
{
    return config->path ? config->path : "";
}

/* A key as it stands in a URL that can be given again: what would end it there is escaped. */
static char *s3_escape_key(const char *key, size_t length)
{
    char *escaped = malloc(3 * length + 1), *end = escaped;

    for (size_t i = 0; escaped && i < length; i++)
        end += sprintf(end, strchr("%?#", key[i]) ? "%%%02X" : "%c", key[i]);
    if (escaped)
        *end = '\0';
    return escaped;
}

static char *s3_url(const struct store *store, const char *root)
{
    const struct s3_store *s3 = (const struct s3_store *)store;
    size_t length = strlen(root);
    _cleanup_free_ char *path = s3_escape_key(root, length ? length - 1 : 0); /* without the '/' at its end */
    char *url;
    int n = path ? asprintf(&url, "s3://%s%s%s%s%s", s3->bucket, length ? "/" : "", path,
                            s3->endpoint ? "?endpoint=" : "", s3->endpoint ? s3->endpoint : "")
                 : -1;
    return n < 0 ? NULL : url;
}

const struct store_ops s3_store_ops = {
    .type = REPLICA_S3,
    .open = s3_open,
    .close = s3_close,
    .root = s3_root,
    .url = s3_url,
    .lists_in_pages = true,
    .list = http_store_list,
    .read = http_store_read,
    .metadata = http_store_metadata,
};
