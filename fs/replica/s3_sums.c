#include "s3_sums.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#define SUM_SIZE EVP_MAX_MD_SIZE         /* bytes of the longest checksum */
#define TEXT_SIZE (SUM_SIZE * 4 / 3 + 8) /* bytes of it in base64, with a NUL */

/* The three CRCs that S3 knows: reflected, beginning with all ones and ending with their complement. */
static uint64_t crc(uint64_t polynomial, const uint8_t *bytes, size_t size)
{
    uint64_t table[256], sum = UINT64_MAX;

    for (uint64_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? polynomial : 0);
    }
    if (polynomial <= UINT32_MAX)
        sum = UINT32_MAX;
    uint64_t ones = sum;
    for (size_t i = 0; i < size; i++)
        sum = table[(sum ^ bytes[i]) & 0xff] ^ sum >> 8;
    return sum ^ ones;
}

/* A checksum: a digest, or where that is NULL a CRC. */
struct sum {
    const char *name; /* of the header, or within it */
    const EVP_MD *(*digest)(void);
    uint64_t polynomial; /* with the lowest power in the highest bit */
};

static const struct sum object_sums[] = {
    {"x-amz-checksum-crc32", NULL, UINT64_C(0xedb88320)},
    {"x-amz-checksum-crc32c", NULL, UINT64_C(0x82f63b78)},
    {"x-amz-checksum-crc64nvme", NULL, UINT64_C(0x9a6c9329ac4bc9b5)},
    {"x-amz-checksum-sha1", EVP_sha1, 0},
    {"x-amz-checksum-sha256", EVP_sha256, 0},
};
static const struct sum digests[] = {{"sha-256=:", EVP_sha256, 0}, {"sha-512=:", EVP_sha512, 0}};

/* Returns the checksum's bytes; 0: it can't be made, as this machine's policy may have it. */
static unsigned make_sum(const struct sum *sum, const void *body, size_t size, uint8_t bytes[static SUM_SIZE])
{
    unsigned length = sum->polynomial > UINT32_MAX ? 8 : 4;

    if (sum->digest)
        return EVP_Digest(body, size, bytes, &length, sum->digest(), NULL) ? length : 0;
    uint64_t value = crc(sum->polynomial, body, size);
    for (unsigned i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> 8 * (length - 1 - i));
    return length;
}

/* Whether the text begins with the checksum in base64, or it can't be told. */
static bool sum_fits(const struct sum *sum, const char *text, const void *body, size_t size)
{
    uint8_t bytes[SUM_SIZE];
    unsigned char base64[TEXT_SIZE];
    unsigned length = make_sum(sum, body, size, bytes);

    if (!length)
        return true;
    int n = EVP_EncodeBlock(base64, bytes, (int)length);
    return strncmp(text, (const char *)base64, (size_t)n) == 0;
}

/* The whole object's. One of its parts' checksums ends in "-" and their number. */
static const char *find_wrong_object_sum(const struct http_answer *answer, const void *body, size_t size)
{
    const char *type = http_answer_header(answer, "x-amz-checksum-type");

    if (type && strcasecmp(type, "COMPOSITE") == 0)
        return NULL;
    for (size_t i = 0; i < sizeof object_sums / sizeof *object_sums; i++) {
        const char *value = http_answer_header(answer, object_sums[i].name);
        if (value && !strchr(value, '-') && !sum_fits(&object_sums[i], value, body, size))
            return object_sums[i].name;
    }
    return NULL;
}

/* Of a header such as `sha-256=:...:, sha-512=:...:`. */
static const char *find_wrong_digest(const struct http_answer *answer, const char *header, const void *body,
                                     size_t size)
{
    const char *value = http_answer_header(answer, header);

    for (size_t i = 0; value && i < sizeof digests / sizeof *digests; i++) {
        const char *found = strcasestr(value, digests[i].name);
        if (found && !sum_fits(&digests[i], found + strlen(digests[i].name), body, size))
            return header;
    }
    return NULL;
}

/* An ETag as S3 has it of an object that was put at once and is not encrypted with a key of its own. */
static bool is_md5(const struct http_answer *answer, const char *etag)
{
    const char *encryption = http_answer_header(answer, "x-amz-server-side-encryption");

    if (http_answer_header(answer, "x-amz-server-side-encryption-customer-algorithm") ||
        (encryption && strncmp(encryption, "aws:kms", strlen("aws:kms")) == 0))
        return false;
    etag += *etag == '"';
    size_t length = strspn(etag, "0123456789abcdefABCDEF");
    return length == 2 * S3_MD5_SIZE && (etag[length] == '"' || !etag[length]);
}

static bool etag_is(const char *etag, const uint8_t md5[static S3_MD5_SIZE])
{
    char text[2 * S3_MD5_SIZE + 1];
    for (size_t i = 0; i < S3_MD5_SIZE; i++)
        snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", md5[i]);
    return strncasecmp(etag + (*etag == '"'), text, 2 * S3_MD5_SIZE) == 0;
}

static void compare_md5(const struct http_answer *answer, const char *etag, const void *body, size_t size,
                        struct s3_sums *sums)
{
    static const struct sum md5 = {"Content-MD5", EVP_md5, 0};
    const char *told = http_answer_header(answer, md5.name);

    if ((!told && !etag) || !EVP_Digest(body, size, sums->md5, NULL, EVP_md5(), NULL))
        return;
    sums->doubtful = (told && !sum_fits(&md5, told, body, size)) || (etag && !etag_is(etag, sums->md5));
    sums->sound = !sums->doubtful;
}

void s3_sums_compare(const struct http_answer *answer, const char *etag, const void *body, size_t size,
                     bool whole, struct s3_sums *ret_sums)
{
    struct s3_sums sums = {.wrong = find_wrong_digest(answer, "Content-Digest", body, size)};

    if (!sums.wrong && whole)
        sums.wrong = find_wrong_digest(answer, "Repr-Digest", body, size);
    if (!sums.wrong && whole)
        sums.wrong = find_wrong_object_sum(answer, body, size);
    if (!sums.wrong)
        compare_md5(answer, whole && is_md5(answer, etag) ? etag : NULL, body, size, &sums);
    *ret_sums = sums;
}
