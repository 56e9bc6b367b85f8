#include "http_sums.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#define SUM_SIZE EVP_MAX_MD_SIZE         /* bytes of the longest checksum */
#define TEXT_SIZE (SUM_SIZE * 4 / 3 + 8) /* bytes of it in base64, with a NUL */

/* The CRCs that stores know: reflected, beginning with all ones and ending with their complement. */
static uint64_t sums_crc(uint64_t polynomial, const uint8_t *bytes, size_t size)
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
struct checksum {
    const char *name; /* of the header, of its end, or within it */
    const EVP_MD *(*digest)(void);
    uint64_t polynomial; /* with the lowest power in the highest bit */
};

static const struct checksum object_sums[] = {
    {"crc32", NULL, UINT64_C(0xedb88320)},
    {"crc32c", NULL, UINT64_C(0x82f63b78)},
    {"crc64nvme", NULL, UINT64_C(0x9a6c9329ac4bc9b5)},
    {"sha1", EVP_sha1, 0},
    {"sha256", EVP_sha256, 0},
};
static const struct checksum digests[] = {{"sha-256=:", EVP_sha256, 0}, {"sha-512=:", EVP_sha512, 0}};

/* Returns the checksum's bytes; 0: it can't be made, as this machine's policy may have it. */
static unsigned sums_make(const struct checksum *sum, const void *body, size_t size,
                          uint8_t bytes[static SUM_SIZE])
{
    unsigned length = sum->polynomial > UINT32_MAX ? 8 : 4;

    if (sum->digest)
        return EVP_Digest(body, size, bytes, &length, sum->digest(), NULL) ? length : 0;
    uint64_t value = sums_crc(sum->polynomial, body, size);
    for (unsigned i = 0; i < length; i++)
        bytes[i] = (uint8_t)(value >> 8 * (length - 1 - i));
    return length;
}

/* Whether the text begins with the checksum in base64; true if the checksum can't be made. */
static bool sums_fit(const struct checksum *sum, const char *text, const void *body, size_t size)
{
    uint8_t bytes[SUM_SIZE];
    unsigned char base64[TEXT_SIZE];
    unsigned length = sums_make(sum, body, size, bytes);

    if (!length)
        return true;
    int n = EVP_EncodeBlock(base64, bytes, (int)length);
    return strncmp(text, (const char *)base64, (size_t)n) == 0;
}

/* The whole object's. One of its parts' checksums ends in "-" and their number. */
static void sums_find_wrong(const char *prefix, const struct http_answer *answer, const void *body,
                            size_t size, struct http_sums *sums)
{
    char header[sizeof sums->wrong];

    snprintf(header, sizeof header, "%stype", prefix);
    const char *value = http_answer_header(answer, header);
    if (value && strcasecmp(value, "COMPOSITE") == 0)
        return;
    for (size_t i = 0; i < sizeof object_sums / sizeof *object_sums && !*sums->wrong; i++) {
        snprintf(header, sizeof header, "%s%s", prefix, object_sums[i].name);
        value = http_answer_header(answer, header);
        if (value && !strchr(value, '-') && !sums_fit(&object_sums[i], value, body, size))
            memcpy(sums->wrong, header, sizeof header);
    }
}

/* Of a header such as `sha-256=:...:, sha-512=:...:`. */
static void sums_find_wrong_digest(const struct http_answer *answer, const char *header, const void *body,
                                   size_t size, struct http_sums *sums)
{
    const char *value = http_answer_header(answer, header);

    for (size_t i = 0; value && i < sizeof digests / sizeof *digests; i++) {
        const char *found = strcasestr(value, digests[i].name);
        if (found && !sums_fit(&digests[i], found + strlen(digests[i].name), body, size))
            snprintf(sums->wrong, sizeof sums->wrong, "%s", header);
    }
}

static bool sums_etag_is(const char *etag, const uint8_t md5[static HTTP_MD5_SIZE])
{
    char text[2 * HTTP_MD5_SIZE + 1];
    for (size_t i = 0; i < HTTP_MD5_SIZE; i++)
        snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", md5[i]);
    return strncasecmp(etag + (*etag == '"'), text, 2 * HTTP_MD5_SIZE) == 0;
}

static void sums_compare_md5(const struct http_answer *answer, const char *etag, const void *body,
                             size_t size, struct http_sums *sums)
{
    static const struct checksum md5 = {"Content-MD5", EVP_md5, 0};
    const char *told = http_answer_header(answer, md5.name);

    if ((!told && !etag) || !EVP_Digest(body, size, sums->md5, NULL, EVP_md5(), NULL))
        return;
    sums->doubtful = (told && !sums_fit(&md5, told, body, size)) || (etag && !sums_etag_is(etag, sums->md5));
    sums->sound = !sums->doubtful;
}

void http_sums_compare(const struct http_sums_rule *rule, const struct http_answer *answer, const char *etag,
                       const void *body, size_t size, bool whole, struct http_sums *ret_sums)
{
    struct http_sums sums = {0};
    bool is_md5 = whole && rule->etag_is_md5 && rule->etag_is_md5(answer, etag);

    sums_find_wrong_digest(answer, "Content-Digest", body, size, &sums);
    if (whole)
        sums_find_wrong_digest(answer, "Repr-Digest", body, size, &sums);
    if (whole && rule->prefix)
        sums_find_wrong(rule->prefix, answer, body, size, &sums);
    if (!*sums.wrong)
        sums_compare_md5(answer, is_md5 ? etag : NULL, body, size, &sums);
    *ret_sums = sums;
}
