/* What S3 is sent: its URL, its headers, and the signature over both.
 *
 * Keys are taken as they are: Litestream v0.5 writes some with "//" and with "./" at their beginning. Source:
 * Amazon S3 API Reference, ListObjectsV2, GetObject and HeadObject. */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "sigv4.h"

#define PAGE_KEYS 1000 /* keys a page: S3 gives no more */
#define QUERY_MAX 7    /* parameters of a listing */

/* A query or the headers, while they are put together. Values are borrowed. */
struct s3_fields {
    struct http_field fields[HTTP_HEADERS_MAX];
    size_t n;
};

static void s3_add_field(struct s3_fields *fields, const char *name, const char *value)
{
    if (value && fields->n < HTTP_HEADERS_MAX)
        fields->fields[fields->n++] = (struct http_field){name, value};
}

static void s3_make_query(const struct http_call *call, char max_keys[static 24], struct s3_fields *query)
{
    const struct list_request *list = call->list;

    if (!list)
        return;
    snprintf(max_keys, 24, "%zu", list->limit && list->limit < PAGE_KEYS ? list->limit : (size_t)PAGE_KEYS);
    s3_add_field(query, "list-type", "2");
    s3_add_field(query, "encoding-type", "url");
    s3_add_field(query, "prefix", list->prefix);
    s3_add_field(query, "max-keys", max_keys);
    s3_add_field(query, "delimiter", list->depth == LIST_FOLDER ? "/" : NULL);
    s3_add_field(query, "start-after", list->after);
    s3_add_field(query, "continuation-token", call->token);
}

static void s3_make_headers(const struct s3_store *s3, const struct http_call *call, const char *host,
                            const char *time, char date[static HTTP_DATE_SIZE], struct s3_fields *headers)
{
    s3_add_field(headers, "host", host);
    if (s3->access_key_id) {
        s3_add_field(headers, "x-amz-content-sha256", SIGV4_EMPTY_PAYLOAD);
        s3_add_field(headers, "x-amz-date", time);
        s3_add_field(headers, "x-amz-security-token", s3->session_token);
    }
    if (call->list)
        return;
    if (s3->sse_key) {
        s3_add_field(headers, "x-amz-server-side-encryption-customer-algorithm", "AES256");
        s3_add_field(headers, "x-amz-server-side-encryption-customer-key", s3->sse_key);
        s3_add_field(headers, "x-amz-server-side-encryption-customer-key-md5", s3->sse_key_md5);
    }
    headers->fields[headers->n++] = http_version_condition(call->object, date);
    s3_add_field(headers, "range", call->range);
}

static int s3_make_url(const struct s3_address *address, const struct s3_fields *query, struct buffer *url)
{
    if (buffer_append(url, address->origin, strlen(address->origin)) < 0 ||
        http_encode(address->path, true, url) < 0 || (query->n && buffer_append(url, "?", 1) < 0) ||
        http_encode_query(query->fields, query->n, url) < 0)
        return -ENOMEM;
    return buffer_append(url, "", 1);
}

static int s3_sign(const struct s3_store *s3, struct sigv4_request *request, const char *region,
                   struct http_prepared *prepared)
{
    _cleanup_(buffer_finish) struct buffer authorization = {0};

    request->payload_hash = SIGV4_EMPTY_PAYLOAD;
    request->region = region;
    request->service = "s3";
    request->access_key_id = s3->access_key_id;
    request->secret_access_key = s3->secret_access_key;
    int r = sigv4_sign(request, &authorization);
    return r < 0 ? r : http_prepared_add(prepared, "authorization", (const char *)authorization.data);
}

/* For the address, which is the caller's. */
static int s3_prepare_at(const struct s3_store *s3, const struct http_call *call,
                         const struct s3_address *address, const char *region, int64_t now,
                         struct http_prepared *prepared)
{
    struct s3_fields query = {0}, headers = {0};
    char time[SIGV4_TIME_SIZE], date[HTTP_DATE_SIZE], max_keys[24];

    int r = sigv4_format_time(now, time);
    if (r < 0)
        return r;
    s3_make_query(call, max_keys, &query);
    s3_make_headers(s3, call, s3_address_host(address->origin), time, date, &headers);
    r = s3_make_url(address, &query, &prepared->url);
    for (size_t i = 0; i < headers.n && r == 0; i++)
        r = http_prepared_add(prepared, headers.fields[i].name, headers.fields[i].value);
    if (r < 0 || !s3->access_key_id)
        return r;
    struct sigv4_request request = {
        .method = prepared->method,
        .path = address->path,
        .query = query.fields,
        .n_query = query.n,
        .headers = headers.fields,
        .n_headers = headers.n,
        .time = now,
    };
    return s3_sign(s3, &request, region, prepared);
}

int s3_prepare(struct http_store *store, const struct http_call *call, struct task *task,
               struct http_prepared *prepared)
{
    struct s3_store *s3 = (struct s3_store *)store;
    _cleanup_(s3_address_finish) struct s3_address address = {0};
    struct s3_place place = s3_place(s3);
    char region[S3_REGION_SIZE];

    prepared->revision = s3_get_region(s3, region);
    int r = s3_address_make(&place, region, call->list ? "" : call->key, &address);
    if (r == 0)
        r = s3_prepare_at(s3, call, &address, region, instant_now(), prepared);
    return r == -EINVAL ? task_fail(task, EREMOTEIO,
                                    "%s: a request of this time can't be signed; set this machine's clock",
                                    store->where)
                        : r;
}
