/* AWS Signature Version 4, as S3 wants it: the value of a request's Authorization header.
 *
 * Pure: the same request, time and credentials give the same text. What is signed must be what is sent:
 * the path and the query as http_field.h encodes them. Source: Amazon S3 API Reference, "Authenticating
 * Requests: Using the Authorization Header (AWS Signature Version 4)". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_field.h"

struct buffer;

/* SHA-256 of no bytes, in hex: the payload hash of every GET. */
#define SIGV4_EMPTY_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define SIGV4_TIME_SIZE 17 /* bytes of "20130524T000000Z" with its NUL */

struct sigv4_request {
    const char *method;
    const char *path; /* begins with '/'; not encoded */
    const struct http_field *query;
    size_t n_query;
    const struct http_field *headers; /* all of them are signed; names in lower case, each once, any order */
    size_t n_headers;
    const char *payload_hash; /* hex */
    int64_t time;             /* nanoseconds since 1970, UTC: the same as in the x-amz-date header */
    const char *region, *service;
    const char *access_key_id, *secret_access_key;
};

/* Appends the value of the Authorization header, with a NUL. 0, -ENOMEM, -EINVAL (a time out of range). */
int sigv4_sign(const struct sigv4_request *request, struct buffer *authorization);

/* Writes the time as the x-amz-date header has it. 0 or -EINVAL. */
int sigv4_format_time(int64_t time, char text[static SIGV4_TIME_SIZE]);
