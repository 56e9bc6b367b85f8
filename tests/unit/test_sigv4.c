/* The published vectors: AWS's "Signature Version 4 test suite", of its cases those whose paths S3 treats as
 * other services do, and the examples of the S3 API Reference, "Authenticating Requests: Using the
 * Authorization Header". */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/array.h"
#include "litemount/instant.h"
#include "sigv4.h"

#define PAIRS_MAX 6

struct vector {
    const char *name;
    const char *method, *path;
    struct http_field query[PAIRS_MAX], headers[PAIRS_MAX];
    const char *payload_hash; /* NULL: of no bytes */
    const char *signed_headers, *signature;
};

#define ALPHABET "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define SUITE_HEADERS                                                                                        \
    {"host", "example.amazonaws.com"},                                                                       \
    {                                                                                                        \
        "x-amz-date", "20150830T123600Z"                                                                     \
    }
#define SESSION_TOKEN                                                                                        \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTf" \
    "lfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HF" \
    "vlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr" \
    "4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

static const struct vector suite[] = {
    {"get-vanilla",
     "GET",
     "/",
     {{0}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-empty-query-key",
     "GET",
     "/",
     {{"Param1", "value1"}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     {{"Param2", "value2"}, {"Param1", "value1"}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-query-order-key",
     "GET",
     "/",
     {{"Param1", "value2"}, {"Param1", "Value1"}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
    {"get-vanilla-query-order-value",
     "GET",
     "/",
     {{"Param1", "value2"}, {"Param1", "value1"}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
    {"get-vanilla-query-unreserved",
     "GET",
     "/",
     {{ALPHABET, ALPHABET}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-vanilla-utf8-query",
     "GET",
     "/",
     {{"ሴ", "bar"}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved",
     "GET",
     "/" ALPHABET,
     {{0}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8",
     "GET",
     "/ሴ",
     {{0}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-space",
     "GET",
     "/example space/",
     {{0}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-header-value-trim",
     "GET",
     "/",
     {{0}},
     {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}, SUITE_HEADERS},
     NULL,
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "/",
     {{0}},
     {SUITE_HEADERS},
     NULL,
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-header-value-case",
     "POST",
     "/",
     {{0}},
     {{"my-header1", "VALUE1"}, SUITE_HEADERS},
     NULL,
     "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-sts-header-before",
     "POST",
     "/",
     {{0}},
     {SUITE_HEADERS, {"x-amz-security-token", SESSION_TOKEN}},
     NULL,
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"post-x-www-form-urlencoded",
     "POST",
     "/",
     {{0}},
     {{"content-type", "application/x-www-form-urlencoded"}, SUITE_HEADERS},
     "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

#define S3_HEADERS                                                                                           \
    {"host", "examplebucket.s3.amazonaws.com"}, {"x-amz-content-sha256", SIGV4_EMPTY_PAYLOAD},               \
    {                                                                                                        \
        "x-amz-date", "20130524T000000Z"                                                                     \
    }

static const struct vector s3_examples[] = {
    {"GET Object",
     "GET",
     "/test.txt",
     {{0}},
     {S3_HEADERS, {"range", "bytes=0-9"}},
     NULL,
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT Object",
     "PUT",
     "/test$file.text",
     {{0}},
     {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
      {"host", "examplebucket.s3.amazonaws.com"},
      {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
      {"x-amz-date", "20130524T000000Z"},
      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
     "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET Bucket Lifecycle",
     "GET",
     "/",
     {{"lifecycle", ""}},
     {S3_HEADERS},
     NULL,
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"List Objects",
     "GET",
     "/",
     {{"prefix", "J"}, {"max-keys", "2"}},
     {S3_HEADERS},
     NULL,
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static size_t count_pairs(const struct http_field *pairs)
{
    size_t n = 0;
    while (n < PAIRS_MAX && pairs[n].name)
        n++;
    return n;
}

static struct sigv4_request as_request(const struct vector *vector, const char *time)
{
    int64_t instant;
    assert_int_equal(instant_parse(time, 0, &instant), 0);
    return (struct sigv4_request){
        .method = vector->method,
        .path = vector->path,
        .query = vector->query,
        .n_query = count_pairs(vector->query),
        .headers = vector->headers,
        .n_headers = count_pairs(vector->headers),
        .payload_hash = vector->payload_hash ? vector->payload_hash : SIGV4_EMPTY_PAYLOAD,
        .time = instant,
        .region = "us-east-1",
    };
}

static void check(const struct sigv4_request *request, const struct vector *vector, const char *scope)
{
    struct buffer authorization = {0};
    char expected[512];

    print_message("%s\n", vector->name);
    snprintf(expected, sizeof expected, "AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s",
             scope, vector->signed_headers, vector->signature);
    assert_int_equal(sigv4_sign(request, &authorization), 0);
    assert_string_equal((char *)authorization.data, expected);
    buffer_finish(&authorization);
}

static void signs_as_the_test_suite(void **state)
{
    for (size_t i = 0; i < sizeof suite / sizeof *suite; i++) {
        struct sigv4_request request = as_request(&suite[i], "2015-08-30T12:36:00Z");
        request.service = "service";
        request.access_key_id = "AKIDEXAMPLE";
        request.secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        check(&request, &suite[i], "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request");
    }
}

static void signs_as_the_s3_reference(void **state)
{
    for (size_t i = 0; i < sizeof s3_examples / sizeof *s3_examples; i++) {
        struct sigv4_request request = as_request(&s3_examples[i], "2013-05-24T00:00:00Z");
        request.service = "s3";
        request.access_key_id = "AKIAIOSFODNN7EXAMPLE";
        request.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        check(&request, &s3_examples[i], "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request");
    }
}

/* A name that begins another one comes first, although '=' sorts after '-' and digits. */
static void sorts_the_query_by_name(void **state)
{
    static const struct http_field query[] = {
        {"prefix-x", "1"}, {"prefix", "a/b c"}, {"prefix", "a+b"}, {"a", ""}, {"prefix1", "é"}};
    struct buffer encoded = {0};

    assert_int_equal(http_encode_query(query, sizeof query / sizeof *query, &encoded), 0);
    assert_int_equal(buffer_append(&encoded, "", 1), 0);
    assert_string_equal((char *)encoded.data, "a=&prefix=a%2Bb&prefix=a%2Fb%20c&prefix-x=1&prefix1=%C3%A9");
    buffer_finish(&encoded);
}

/* S3 takes a path as it is: nothing is tidied, and it is encoded once. */
static void leaves_the_path_alone(void **state)
{
    static const struct {
        const char *path, *encoded;
    } cases[] = {
        {"/b//0000/..", "/b//0000/.."},
        {"/b/./a", "/b/./a"},
        {"/b/a%20b", "/b/a%2520b"},
        {"/b/a+b&c?d#e", "/b/a%2Bb%26c%3Fd%23e"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer encoded = {0};
        assert_int_equal(http_encode(cases[i].path, true, &encoded), 0);
        assert_int_equal(buffer_append(&encoded, "", 1), 0);
        assert_string_equal((char *)encoded.data, cases[i].encoded);
        buffer_finish(&encoded);
    }
}

static void refuses_a_time_that_cannot_be_written(void **state)
{
    char text[SIGV4_TIME_SIZE];
    assert_int_equal(sigv4_format_time(-1, text), -EINVAL);
    assert_int_equal(sigv4_format_time(0, text), 0);
    assert_string_equal(text, "19700101T000000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_the_test_suite),
        cmocka_unit_test(signs_as_the_s3_reference),
        cmocka_unit_test(sorts_the_query_by_name),
        cmocka_unit_test(leaves_the_path_alone),
        cmocka_unit_test(refuses_a_time_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
