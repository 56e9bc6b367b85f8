#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "s3.h"

#define BODY "123456789" /* whose checksums every catalogue of them tells */
#define MD5 "25f9e794323b453885f5181f1b624d0b"
#define OTHER "\"00f9e794323b453885f5181f1b624d0b\""
#define ENCRYPTION "x-amz-server-side-encryption"

static struct http_sums compare(const char *name, const char *value, const char *etag, bool whole)
{
    struct http_answer answer = {0};
    const struct http_sums_rule rule = {"x-amz-checksum-", s3_etag_is_md5};
    struct http_sums sums;

    if (name) {
        assert_int_equal(buffer_append(&answer.headers, name, strlen(name) + 1), 0);
        assert_int_equal(buffer_append(&answer.headers, value, strlen(value) + 1), 0);
    }
    http_sums_compare(&rule, &answer, etag, BODY, strlen(BODY), whole, &sums);
    http_answer_finish(&answer);
    return sums;
}

static void knows_each_checksum(void **state)
{
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"x-amz-checksum-crc32", "y/Q5Jg=="},
        {"x-amz-checksum-crc32c", "4waSgw=="},
        {"x-amz-checksum-crc64nvme", "rosUhgp5mIg="},
        {"x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="},
        {"X-Amz-Checksum-Sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="},
        {"Repr-Digest", "sha-256=:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=:"},
        {"Content-Digest", "md5=:x:, SHA-256=:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char wrong[128];
        print_message("%s\n", cases[i].name);
        assert_string_equal(compare(cases[i].name, cases[i].value, "\"x\"", true).wrong, "");
        strcpy(wrong, cases[i].value);
        char *last = wrong + strcspn(wrong, "=") - 2;
        if (strchr(wrong, ':'))
            last = strrchr(wrong, ':') - 3;
        *last = *last == 'A' ? 'B' : 'A';
        assert_int_equal(strcasecmp(compare(cases[i].name, wrong, "\"x\"", true).wrong, cases[i].name), 0);
    }
}

static void compares_an_etag_that_may_be_an_md5(void **state)
{
    static const struct {
        const char *etag, *name, *value;
        bool whole, sound, doubtful;
    } cases[] = {
        {"\"" MD5 "\"", NULL, NULL, true, true, false},
        {MD5, NULL, NULL, true, true, false},
        {"\"25F9E794323B453885F5181F1B624D0B\"", NULL, NULL, true, true, false},
        {"\"" MD5 "\"", NULL, NULL, false, false, false},
        {"\"" MD5 "-1\"", NULL, NULL, true, false, false},
        {OTHER, NULL, NULL, true, false, true},
        {"\"00f9e794323b453885f5181f1b624d0b-2\"", NULL, NULL, true, false, false},
        {OTHER, ENCRYPTION, "aws:kms", true, false, false},
        {OTHER, ENCRYPTION, "AES256", true, false, true},
        {"\"x\"", "Content-MD5", "JfnnlDI7RTiF9RgfG2JNCw==", false, true, false},
        {"\"x\"", "Content-MD5", "AfnnlDI7RTiF9RgfG2JNCw==", false, false, true},
        {"", NULL, NULL, true, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_sums sums = compare(cases[i].name, cases[i].value, cases[i].etag, cases[i].whole);
        print_message("%s\n", cases[i].etag);
        assert_string_equal(sums.wrong, "");
        assert_int_equal(sums.sound, cases[i].sound);
        assert_int_equal(sums.doubtful, cases[i].doubtful);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_each_checksum),
        cmocka_unit_test(compares_an_etag_that_may_be_an_md5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
