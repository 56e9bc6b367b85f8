/* Checksums that come along with an answer, held against its body. Pure. Private to fs/replica.
 *
 * Not every one is what it seems to be: a Content-MD5 may be that of the object where only a part was sent,
 * and an ETag that looks like an MD5 may be anything. Those two can raise a doubt, no more.
 *
 * Source: RFC 9530 (Content-Digest, Repr-Digest), RFC 1864 (Content-MD5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

#define HTTP_MD5_SIZE 16 /* bytes */

/* What a store's ETags of 32 hex digits, and its Content-MD5, turned out to be. */
enum http_md5s { HTTP_MD5S_UNKNOWN, HTTP_MD5S_MD5, HTTP_MD5S_OTHER };

/* What a kind of store tells of its own. */
struct http_sums_rule {
    const char *prefix; /* of the headers with the whole object's checksums, such as PREFIXcrc32c, in base64,
                           and PREFIXtype: "COMPOSITE" if they are those of its parts; NULL: there are none */
    /* Whether the ETag may be the MD5 of the object's bytes. NULL: it never is. */
    bool (*etag_is_md5)(const struct http_answer *answer, const char *etag);
};

struct http_sums {
    char wrong[64];             /* name of a header that tells another checksum; "": none does */
    bool doubtful;              /* the body's MD5 is not what was told for it */
    bool sound;                 /* it is */
    uint8_t md5[HTTP_MD5_SIZE]; /* of the body, if one was told */
};

/* `whole`: the body is all of the object. `etag` is the object's, as the answer or its listing has it. */
void http_sums_compare(const struct http_sums_rule *rule, const struct http_answer *answer, const char *etag,
                       const void *body, size_t size, bool whole, struct http_sums *ret_sums);
