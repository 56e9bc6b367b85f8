/* Checksums that come along with an answer, held against its body. Pure. Private to fs/replica.
 *
 * Not every one is what it seems to be: the ETag of a small object is the MD5 of its bytes at S3, and
 * anything at other stores; a Content-MD5 may be that of the object where only a part was sent. Those two can
 * raise a doubt, no more. S3 would tell others if it were asked to, by a header that not every store knows;
 * they are compared where they are told all the same.
 *
 * Source: Amazon S3 API Reference, GetObject and "Object" (ETag); RFC 9530 (Content-Digest, Repr-Digest). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

#define S3_MD5_SIZE 16 /* bytes */

struct s3_sums {
    const char *wrong;        /* name of a header that tells another checksum; NULL: none does */
    bool doubtful;            /* the body's MD5 is not what was told for it */
    bool sound;               /* it is */
    uint8_t md5[S3_MD5_SIZE]; /* of the body, if one was told */
};

/* `whole`: the body is all of the object. `etag` is the object's, as the answer or its listing has it. */
void s3_sums_compare(const struct http_answer *answer, const char *etag, const void *body, size_t size,
                     bool whole, struct s3_sums *ret_sums);
