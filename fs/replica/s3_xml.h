/* What S3 says in XML: a page of a listing, or an error. Pure: bytes in, structs out. Private to fs/replica.
 *
 * Source: Amazon S3 API Reference, ListObjectsV2 and "Error responses". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "litemount/replica.h"

#define S3_KEY_MAX 1024 /* bytes of a key: S3's own limit */

/* One page. Keys are those of the bucket, in the order of the page. Owns everything. */
struct s3_page {
    struct listing listing;
    char *token;  /* asks for the next page; NULL: this is the last one */
    char *prefix; /* of which listing it is, as it is written; NULL: it does not say */
};

void s3_page_finish(struct s3_page *page);

/* Whether it may be a page of the listing of that prefix. */
bool s3_page_is_of(const struct s3_page *page, const char *prefix);

/* Reads a page. Entries whose keys are not printable (control characters) are left out. Returns 0, -ENOMEM,
 * or -EBADMSG: not one whole ListBucketResult, an encoding other than "url" or not kept to, a key longer than
 * S3_KEY_MAX, a size that is no number, no real date, an object without one of these, an ETag that is none,
 * or more to come without a token to ask for it. */
int s3_page_parse(const void *bytes, size_t length, struct s3_page *ret_page);

/* An error. Each text is "" if the answer has none, and cut if it has too much. */
struct s3_error {
    char code[64];     /* "AccessDenied" */
    char message[200]; /* a sentence, in the server's words */
    char region[64];   /* where the bucket is */
};

/* Reads as much of an error as can be read: what is no XML has no code. */
void s3_error_parse(const void *bytes, size_t length, struct s3_error *ret_error);
