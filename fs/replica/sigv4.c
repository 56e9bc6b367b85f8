/* The steps and their names are those of the S3 API Reference: a canonical request, the string to sign, the
 * signing key, the signature. S3 differs from other services in that a path is encoded once and never
 * normalised: a key may hold "//" and "..". */
#include "sigv4.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"

#define HASH_SIZE 32                 /* bytes of a SHA-256 */
#define HEX_SIZE (2 * HASH_SIZE + 1) /* the same in hex, with a NUL */
#define DATE_LENGTH 8                /* "20130524" */
#define ALGORITHM "AWS4-HMAC-SHA256"

static int sigv4_append(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

/* Appends all of the texts, up to a NULL. */
static int sigv4_append_all(struct buffer *buffer, const char *const *texts)
{
    for (; *texts; texts++)
        if (sigv4_append(buffer, *texts) < 0)
            return -ENOMEM;
    return 0;
}

#define sigv4_append_texts(buffer, ...) sigv4_append_all((buffer), (const char *const[]){__VA_ARGS__, NULL})

static void sigv4_to_hex(const uint8_t hash[static HASH_SIZE], char hex[static HEX_SIZE])
{
    for (size_t i = 0; i < HASH_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

int sigv4_format_time(int64_t time, char text[static SIGV4_TIME_SIZE])
{
    time_t seconds = time / INSTANT_SECOND;
    struct tm tm;
    if (time < 0 || !gmtime_r(&seconds, &tm))
        return -EINVAL;
    return strftime(text, SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &tm) ? 0 : -EINVAL;
}

/* --- the canonical request --- */

/* Without spaces at the ends, and runs of them within as one. */
static int sigv4_append_trimmed(struct buffer *buffer, const char *value)
{
    value += strspn(value, " ");
    while (*value) {
        size_t word = strcspn(value, " "), spaces = strspn(value + word, " ");
        if (buffer_append(buffer, value, word) < 0)
            return -ENOMEM;
        value += word + spaces;
        if (*value && sigv4_append(buffer, " ") < 0)
            return -ENOMEM;
    }
    return 0;
}

static int sigv4_compare_fields(const void *a, const void *b)
{
    return strcmp(((const struct http_field *)a)->name, ((const struct http_field *)b)->name);
}

static int sigv4_append_headers(struct buffer *canonical, const struct http_field *headers, size_t n_headers)
{
    for (size_t i = 0; i < n_headers; i++)
        if (sigv4_append_texts(canonical, headers[i].name, ":") < 0 ||
            sigv4_append_trimmed(canonical, headers[i].value) < 0 || sigv4_append(canonical, "\n") < 0)
            return -ENOMEM;
    return 0;
}

static int sigv4_append_names(struct buffer *names, const struct http_field *headers, size_t n_headers)
{
    for (size_t i = 0; i < n_headers; i++)
        if (sigv4_append_texts(names, i ? ";" : "", headers[i].name) < 0)
            return -ENOMEM;
    return buffer_append(names, "", 1);
}

/* The hash of the canonical request, in hex. `headers` are the request's in order, `names` those names. */
static int sigv4_hash_request(const struct sigv4_request *request, const struct http_field *headers,
                              const char *names, char hex[static HEX_SIZE])
{
    _cleanup_(buffer_finish) struct buffer canonical = {0};
    uint8_t hash[HASH_SIZE];

    if (sigv4_append_texts(&canonical, request->method, "\n") < 0 ||
        http_encode(request->path, true, &canonical) < 0 || sigv4_append(&canonical, "\n") < 0 ||
        http_encode_query(request->query, request->n_query, &canonical) < 0 ||
        sigv4_append(&canonical, "\n") < 0 ||
        sigv4_append_headers(&canonical, headers, request->n_headers) < 0 ||
        sigv4_append_texts(&canonical, "\n", names, "\n", request->payload_hash) < 0)
        return -ENOMEM;
    if (!EVP_Digest(canonical.data, canonical.size, hash, NULL, EVP_sha256(), NULL))
        return -ENOMEM;
    sigv4_to_hex(hash, hex);
    return 0;
}

/* --- the signature --- */

static int sigv4_hmac(const void *key, size_t key_length, const char *text,
                      uint8_t ret_hash[static HASH_SIZE])
{
    return HMAC(EVP_sha256(), key, (int)key_length, (const uint8_t *)text, strlen(text), ret_hash, NULL)
               ? 0
               : -ENOMEM;
}

static int sigv4_derive_key(const struct sigv4_request *request, const char *date,
                            uint8_t ret_key[static HASH_SIZE])
{
    const char *const steps[] = {request->region, request->service, "aws4_request"};
    char *secret;
    if (asprintf(&secret, "AWS4%s", request->secret_access_key) < 0)
        return -ENOMEM;
    int r = sigv4_hmac(secret, strlen(secret), date, ret_key);
    OPENSSL_cleanse(secret, strlen(secret));
    free(secret);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && r == 0; i++)
        r = sigv4_hmac(ret_key, HASH_SIZE, steps[i], ret_key);
    return r;
}

/* Signs the string to sign, given its last two lines. */
static int sigv4_make_signature(const struct sigv4_request *request, const char *time, const char *date,
                                const char *scope, const char *request_hash, char hex[static HEX_SIZE])
{
    uint8_t key[HASH_SIZE], hash[HASH_SIZE];
    _cleanup_free_ char *text = NULL;
    if (asprintf(&text, ALGORITHM "\n%s\n%s\n%s", time, scope, request_hash) < 0) {
        text = NULL;
        return -ENOMEM;
    }
    int r = sigv4_derive_key(request, date, key);
    if (r == 0)
        r = sigv4_hmac(key, sizeof key, text, hash);
    OPENSSL_cleanse(key, sizeof key);
    if (r == 0)
        sigv4_to_hex(hash, hex);
    return r;
}

/* The request's headers in the order of their names, to be freed. */
static struct http_field *sigv4_sorted_headers(const struct sigv4_request *request)
{
    struct http_field *headers = calloc(request->n_headers + 1, sizeof *headers);
    if (headers && request->n_headers) {
        memcpy(headers, request->headers, request->n_headers * sizeof *headers);
        qsort(headers, request->n_headers, sizeof *headers, sigv4_compare_fields);
    }
    return headers;
}

int sigv4_sign(const struct sigv4_request *request, struct buffer *authorization)
{
    char time[SIGV4_TIME_SIZE], date[DATE_LENGTH + 1], request_hash[HEX_SIZE], signature[HEX_SIZE];
    _cleanup_(buffer_finish) struct buffer names = {0};
    _cleanup_free_ char *scope = NULL;
    _cleanup_free_ struct http_field *headers = sigv4_sorted_headers(request);

    if (!headers || sigv4_append_names(&names, headers, request->n_headers) < 0)
        return -ENOMEM;
    int r = sigv4_format_time(request->time, time);
    if (r < 0)
        return r;
    snprintf(date, sizeof date, "%.*s", DATE_LENGTH, time);
    if (asprintf(&scope, "%s/%s/%s/aws4_request", date, request->region, request->service) < 0) {
        scope = NULL;
        return -ENOMEM;
    }
    r = sigv4_hash_request(request, headers, (const char *)names.data, request_hash);
    if (r == 0)
        r = sigv4_make_signature(request, time, date, scope, request_hash, signature);
    if (r == 0)
        r = sigv4_append_texts(authorization, ALGORITHM " Credential=", request->access_key_id, "/", scope,
                               ", SignedHeaders=", (const char *)names.data, ", Signature=", signature);
    return r < 0 ? r : buffer_append(authorization, "", 1);
}
