/* What S3 says in XML: a page of a listing, or an error. Pure: bytes in, structs out. Private to fs/replica.
 *
 * Source: Amazon S3 API Reference, ListObjectsV2 and "Error responses". */
#pragma once

#include <stddef.h>

#include "http_store.h"

#define S3_KEY_MAX 1024 /* bytes of a key: S3's own limit */

/* Reads a page of the listing of `prefix`. Entries whose keys are not printable (control characters) are left
 * out. Returns 0, -ENOMEM, or -EBADMSG: not one whole ListBucketResult, an encoding other than "url" or not
 * kept to, a key longer than S3_KEY_MAX, a size that is no number, no real date, an object without one of
 * these, an ETag that is none, or more to come without a token to ask for it. */
int s3_page_parse(const void *bytes, size_t length, const char *prefix, struct http_page *ret_page);

/* The same, as a kind's parse_page. */
int s3_parse_page(const struct list_request *request, const struct http_answer *answer,
                  struct http_page *ret_page);

/* An error. Each text is "" if the answer has none, and cut if it has too much. */
struct s3_error {
    char code[64];     /* "AccessDenied" */
    char message[200]; /* a sentence, in the server's words */
    char region[64];   /* where the bucket is */
};

/* Reads as much of an error as can be read: what is no XML has no code. */
void s3_error_parse(const void *bytes, size_t length, struct s3_error *ret_error);
