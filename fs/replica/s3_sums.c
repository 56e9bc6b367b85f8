/* Which checksums S3 tells beside an object's bytes: some if it is asked to, by a header that not every store
 * knows; they are compared where they are told all the same. The ETag of a small object is the MD5 of its
 * bytes at S3, and anything at other stores.
 *
 * Source: Amazon S3 API Reference, GetObject and "Object" (ETag). */
#include <string.h>

#include "s3.h"

/* An ETag as S3 has it of an object that was put at once and is not encrypted with a key of its own. */
bool s3_etag_is_md5(const struct http_answer *answer, const char *etag)
{
    const char *encryption = http_answer_header(answer, "x-amz-server-side-encryption");

    if (http_answer_header(answer, "x-amz-server-side-encryption-customer-algorithm") ||
        (encryption && strncmp(encryption, "aws:kms", strlen("aws:kms")) == 0))
        return false;
    etag += *etag == '"';
    size_t length = strspn(etag, "0123456789abcdefABCDEF");
    return length == 2 * HTTP_MD5_SIZE && (etag[length] == '"' || !etag[length]);
}
