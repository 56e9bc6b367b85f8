#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"

#define HEADERS_MAX 16 /* of a request: ours, and those of the call */

/* The headers of a request while it is put together. Values are borrowed. */
struct headers {
    struct sigv4_pair pairs[HEADERS_MAX];
    size_t n_pairs;
};

static void add_header(struct headers *headers, const char *name, const char *value)
{
    if (value && headers->n_pairs < HEADERS_MAX)
        headers->pairs[headers->n_pairs++] = (struct sigv4_pair){name, value};
}

static void collect_headers(const struct s3_store *s3, const struct s3_call *call, const char *host,
                            const char *time, struct headers *headers)
{
    add_header(headers, "host", host);
    if (s3->access_key_id) {
        add_header(headers, "x-amz-content-sha256", SIGV4_EMPTY_PAYLOAD);
        add_header(headers, "x-amz-date", time);
        add_header(headers, "x-amz-security-token", s3->session_token);
    }
    if (call->with_encryption_key && s3->sse_key) {
        add_header(headers, "x-amz-server-side-encryption-customer-algorithm", "AES256");
        add_header(headers, "x-amz-server-side-encryption-customer-key", s3->sse_key);
        add_header(headers, "x-amz-server-side-encryption-customer-key-md5", s3->sse_key_md5);
    }
    for (size_t i = 0; i < call->n_headers; i++)
        add_header(headers, call->headers[i].name, call->headers[i].value);
}

static int sign(const struct s3_store *s3, const struct s3_call *call, const char *region, const char *path,
                int64_t now, const struct headers *headers, struct buffer *authorization)
{
    struct sigv4_request request = {
        .method = call->head ? "HEAD" : "GET",
        .path = path,
        .query = call->query,
        .n_query = call->n_query,
        .headers = headers->pairs,
        .n_headers = headers->n_pairs,
        .payload_hash = SIGV4_EMPTY_PAYLOAD,
        .time = now,
        .region = *region ? region : S3_REGION_DEFAULT,
        .service = "s3",
        .access_key_id = s3->access_key_id,
        .secret_access_key = s3->secret_access_key,
    };
    return sigv4_sign(&request, authorization);
}

static int make_url(const struct s3_call *call, const struct s3_address *address, struct buffer *url)
{
    if (buffer_append(url, address->origin, strlen(address->origin)) < 0 ||
        sigv4_encode(address->path, true, url) < 0 || (call->n_query && buffer_append(url, "?", 1) < 0) ||
        sigv4_encode_query(call->query, call->n_query, url) < 0)
        return -ENOMEM;
    return buffer_append(url, "", 1);
}

/* The headers as lines. */
struct lines {
    char *lines[HEADERS_MAX];
    size_t n_lines;
};

static void lines_finish(struct lines *lines)
{
    for (size_t i = 0; i < lines->n_lines; i++) {
        explicit_bzero(lines->lines[i], strlen(lines->lines[i]));
        free(lines->lines[i]);
    }
}

static int make_lines(const struct headers *headers, struct lines *lines)
{
    for (size_t i = 0; i < headers->n_pairs; i++) {
        if (asprintf(&lines->lines[i], "%s: %s", headers->pairs[i].name, headers->pairs[i].value) < 0)
            return -ENOMEM;
        lines->n_lines++;
    }
    return 0;
}

static int send_request(const struct s3_store *s3, const struct s3_call *call, const char *url,
                        const struct headers *headers, struct task *task, struct http_answer *answer)
{
    _cleanup_(lines_finish) struct lines lines = {0};
    int r = make_lines(headers, &lines);
    if (r < 0)
        return r;
    struct http_request request = {
        .url = url,
        .head = call->head,
        .fresh_connection = call->anew,
        .headers = (const char *const *)lines.lines,
        .n_headers = lines.n_lines,
        .skip_verify = s3->skip_verify,
        .expected_status = call->expected_status,
        .body = call->body,
        .capacity = call->capacity,
    };
    return http_send(s3->store.http, &request, task, answer);
}

int s3_send(const struct s3_store *s3, const struct s3_call *call, const char *region, struct task *task,
            struct http_answer *answer)
{
    _cleanup_(buffer_finish) struct buffer authorization = {0}, url = {0};
    _cleanup_(s3_address_finish) struct s3_address address = {0};
    struct s3_place place = s3_place(s3);
    struct headers headers = {0};
    char time[SIGV4_TIME_SIZE];
    int64_t now = instant_now();

    *answer = (struct http_answer){0};
    int r = s3_address_make(&place, *region ? region : S3_REGION_DEFAULT, call->key, &address);
    if (r == 0)
        r = sigv4_format_time(now, time);
    if (r == 0)
        r = make_url(call, &address, &url);
    if (r < 0)
        return r;
    collect_headers(s3, call, s3_address_host(address.origin), time, &headers);
    if (s3->access_key_id) {
        r = sign(s3, call, region, address.path, now, &headers, &authorization);
        if (r < 0)
            return r;
        add_header(&headers, "authorization", (const char *)authorization.data);
    }
    /* Not signed: what it is for, a cache on the way, may also take it out. */
    add_header(&headers, "cache-control", call->anew ? "no-cache" : NULL);
    return send_request(s3, call, (const char *)url.data, &headers, task, answer);
}
