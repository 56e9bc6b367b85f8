/* The S3 store: settings, ranged GETs of one version of an object, and its metadata.
 *
 * Keys are taken as they are: Litestream v0.5 writes some with "//" and with "./" at their beginning. Source:
 * Amazon S3 API Reference, GetObject and HeadObject, and its "Using server-side encryption with
 * customer-provided keys". */
#include "s3.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/instant.h"
#include "litemount/task.h"

#define ENCRYPTION_KEY_SIZE 32   /* bytes of an SSE-C key */
#define ENCRYPTION_KEY_LENGTH 44 /* characters of it in base64 */
#define MD5_SIZE 16              /* bytes */
#define MD5_TEXT_SIZE 25         /* bytes of it in base64, with a NUL */
#define HTTP_DATE_SIZE 40        /* bytes of "Fri, 24 May 2013 00:00:00 GMT", with a NUL and some room */

struct s3_place s3_place(const struct s3_store *s3)
{
    return (struct s3_place){s3->endpoint, s3->bucket, s3->path_style};
}

/* --- reading --- */

/* What a read asks for, to hold the answer against. */
struct s3_range {
    const struct object *object;
    uint64_t first, last; /* bytes, both included */
    bool whole;           /* it is the whole object: asked for without a range */
    char *metadata;       /* what the answer told of the metadata that is wanted too */
};

/* Reads "bytes FIRST-LAST/SIZE", where SIZE may be "*". */
static bool range_fits(const struct s3_range *range, const char *content_range)
{
    uint64_t first, last, size;
    int length = 0;

    if (sscanf(content_range, "bytes %" SCNu64 "-%" SCNu64 "/%n", &first, &last, &length) != 2 || !length)
        return false;
    if (first != range->first || last != range->last)
        return false;
    const char *rest = content_range + length;
    return strcmp(rest, "*") == 0 || (sscanf(rest, "%" SCNu64, &size) == 1 && size == range->object->size);
}

/* Whether an ETag is the version that was listed. Quotes are not always there, and a proxy may weaken it. */
static bool etag_fits(const struct object *object, const char *etag)
{
    size_t length;
    if (object->version[0] != '"' || !*etag)
        return true;
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    etag += *etag == '"';
    length = strcspn(etag, "\"");
    return strlen(object->version) == length + 2 && strncmp(object->version + 1, etag, length) == 0;
}

static int copy_header(const struct http_answer *answer, char **ret_value)
{
    *ret_value = answer->wanted_header ? strdup(answer->wanted_header) : NULL;
    return answer->wanted_header && !*ret_value ? -ENOMEM : 0;
}

static int check_range(void *context, const struct http_answer *answer, const char **ret_problem)
{
    struct s3_range *range = context;

    if (!etag_fits(range->object, answer->etag)) {
        *ret_problem = "another version stands in its place";
        return -ESTALE;
    }
    if (!range->whole && !range_fits(range, answer->content_range)) {
        *ret_problem = "the answer's range is not the one that was asked for";
        return -EREMOTEIO;
    }
    if (answer->received != range->last - range->first + 1) {
        *ret_problem = "the answer is shorter than what was asked for";
        return -EBADMSG;
    }
    return copy_header(answer, &range->metadata);
}

/* The condition that the object is still the listed one: its ETag, or where the store has none its time. */
static struct sigv4_pair version_condition(const struct object *object, char date[static HTTP_DATE_SIZE])
{
    time_t seconds = object->modified / INSTANT_SECOND;
    struct tm tm;

    if (object->version[0] == '"')
        return (struct sigv4_pair){"if-match", object->version};
    gmtime_r(&seconds, &tm);
    strftime(date, HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return (struct sigv4_pair){"if-unmodified-since", date};
}

/* The name of the header that tells the user metadata `name`: to be freed, NULL: out of memory. */
static char *metadata_header(const char *name)
{
    char *header;
    return asprintf(&header, "x-amz-meta-%s", name) < 0 ? NULL : header;
}

static int s3_read(struct store *store, const struct read_request *request, struct task *task,
                   char **ret_value)
{
    const struct object *object = request->object;
    struct s3_range range = {
        .object = object,
        .first = request->offset,
        .last = request->offset + request->length - 1,
        .whole = request->offset == 0 && request->length == object->size,
    };
    _cleanup_free_ char *header = request->metadata ? metadata_header(request->metadata) : NULL;
    char date[HTTP_DATE_SIZE], range_text[64];

    if (request->metadata && !header)
        return -ENOMEM;
    snprintf(range_text, sizeof range_text, "bytes=%" PRIu64 "-%" PRIu64, range.first, range.last);
    const struct sigv4_pair headers[] = {version_condition(object, date), {"range", range_text}};
    const struct s3_call call = {
        .anew = request->anew,
        .wanted_header = header,
        .doing = "reading",
        .subject = request->key,
        .key = request->key,
        .headers = headers,
        .n_headers = range.whole ? 1 : 2,
        .with_encryption_key = true,
        .expected_status = range.whole ? 200 : 206,
        .body = request->bytes,
        .capacity = request->length,
        .check = check_range,
        .context = &range,
    };
    int r = s3_exchange((struct s3_store *)store, &call, task);
    *ret_value = range.metadata;
    return r;
}

/* --- metadata --- */

struct s3_metadata {
    const struct object *object;
    char *value; /* NULL: the object has none of that name */
};

static int take_metadata(void *context, const struct http_answer *answer, const char **ret_problem)
{
    struct s3_metadata *metadata = context;

    if (!etag_fits(metadata->object, answer->etag)) {
        *ret_problem = "another version stands in its place";
        return -ESTALE;
    }
    return copy_header(answer, &metadata->value);
}

static int s3_metadata(struct store *store, const char *key, const struct object *object, const char *name,
                       struct task *task, char **ret_value)
{
    struct s3_metadata metadata = {.object = object};
    char date[HTTP_DATE_SIZE];
    const struct sigv4_pair condition = version_condition(object, date);
    _cleanup_free_ char *header = metadata_header(name);

    if (!header)
        return -ENOMEM;
    const struct s3_call call = {
        .head = true,
        .wanted_header = header,
        .doing = "reading the metadata of",
        .subject = key,
        .key = key,
        .headers = &condition,
        .n_headers = 1,
        .with_encryption_key = true,
        .expected_status = 200,
        .check = take_metadata,
        .context = &metadata,
    };
    int r = s3_exchange((struct s3_store *)store, &call, task);
    if (r < 0)
        return r;
    *ret_value = metadata.value;
    return metadata.value ? 0 : -ENODATA;
}

/* --- settings --- */

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void s3_close(struct store *store)
{
    struct s3_store *s3 = (struct s3_store *)store;
    free(s3->bucket);
    free(s3->endpoint);
    free(s3->configured_region);
    free(s3->access_key_id);
    wipe(s3->secret_access_key);
    wipe(s3->session_token);
    wipe(s3->sse_key);
    free(s3->sse_key_md5);
    pthread_mutex_destroy(&s3->lock);
    free(s3);
}

static void close_pointer(struct s3_store **s3)
{
    if (*s3)
        s3_close(&(*s3)->store);
}

/* "" is as good as unset. */
static int copy_setting(const char *text, char **ret_copy)
{
    if (!text || !*text)
        return 0;
    *ret_copy = strdup(text);
    return *ret_copy ? 0 : -ENOMEM;
}

static int copy_settings(const struct replica_config *config, struct s3_store *s3)
{
    const struct {
        const char *text;
        char **copy;
    } settings[] = {
        {config->bucket, &s3->bucket},
        {config->endpoint, &s3->endpoint},
        {config->region, &s3->configured_region},
        {config->access_key_id, &s3->access_key_id},
        {config->secret_access_key, &s3->secret_access_key},
        {config->session_token, &s3->session_token},
        {config->sse_key, &s3->sse_key},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (copy_setting(settings[i].text, settings[i].copy) < 0)
            return -ENOMEM;
    s3->path_style = config->path_style;
    s3->skip_verify = config->skip_verify;
    return 0;
}

/* A setting that is sent as a header must be one line. */
static bool fits_header(const char *text)
{
    return !text || key_is_tellable(text);
}

static int check_settings(const struct s3_store *s3, struct task *task)
{
    struct s3_place place = s3_place(s3);
    const char *problem = s3_place_problem(&place);

    if (!problem && s3->configured_region && !s3_region_is_valid(s3->configured_region))
        problem = "this can't be a region's name";
    if (!problem && !s3->access_key_id != !s3->secret_access_key)
        problem = "access-key-id and secret-access-key go together: set both, or none for a public bucket";
    if (!problem && (!fits_header(s3->access_key_id) || !fits_header(s3->session_token)))
        problem = "access-key-id and session-token are one line each";
    return problem ? task_fail(task, EINVAL, "s3://%s: %s", s3->bucket ? s3->bucket : "", problem) : 0;
}

/* Settles what SSE-C needs beside the key: the MD5 that guards it on its way. Whoever made the settings has
 * seen to it that the way is safe. */
static int prepare_encryption_key(struct s3_store *s3, struct task *task)
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
static void choose_region(struct s3_store *s3)
{
    struct s3_place place = s3_place(s3);
    if (s3->configured_region)
        snprintf(s3->region, sizeof s3->region, "%s", s3->configured_region);
    else
        s3_place_region(&place, s3->region);
}

static int s3_open(const struct replica_config *config, struct task *task, struct store **ret_store)
{
    _cleanup_(close_pointer) struct s3_store *s3 = calloc(1, sizeof *s3);
    if (!s3)
        return -ENOMEM;
    pthread_mutex_init(&s3->lock, NULL);
    int r = copy_settings(config, s3);
    if (r == 0)
        r = check_settings(s3, task);
    if (r == 0)
        r = prepare_encryption_key(s3, task);
    if (r < 0)
        return r;
    choose_region(s3);
    *ret_store = &steal_pointer(s3)->store;
    return 0;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool s3_serves(const struct store *store, const struct replica_config *config)
{
    const struct s3_store *s3 = (const struct s3_store *)store;
    return same(s3->bucket, config->bucket) && same(s3->endpoint, config->endpoint) &&
           same(s3->configured_region, config->region) && s3->path_style == config->path_style &&
           s3->skip_verify == config->skip_verify && same(s3->access_key_id, config->access_key_id) &&
           same(s3->secret_access_key, config->secret_access_key) &&
           same(s3->session_token, config->session_token) && same(s3->sse_key, config->sse_key);
}

static const char *s3_root(const struct replica_config *config)
{
    return config->path ? config->path : "";
}

/* A key as it stands in a URL that can be given again: what would end it there is escaped. */
static char *escape_key(const char *key, size_t length)
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
    _cleanup_free_ char *path = escape_key(root, length ? length - 1 : 0); /* without the '/' at its end */
    char *url;
    int n = path ? asprintf(&url, "s3://%s%s%s%s%s", s3->bucket, length ? "/" : "", path,
                            s3->endpoint ? "?endpoint=" : "", s3->endpoint ? s3->endpoint : "")
                 : -1;
    return n < 0 ? NULL : url;
}

const struct store_ops s3_store_ops = {
    .open = s3_open,
    .close = s3_close,
    .serves = s3_serves,
    .root = s3_root,
    .url = s3_url,
    .lists_in_pages = true,
    .list = s3_list,
    .read = s3_read,
    .metadata = s3_metadata,
};
