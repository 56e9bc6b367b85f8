#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "s3_address.h"

#define ARN "arn:aws:s3:eu-west-1:123456789012:accesspoint/my-point"

static void makes_addresses(void **state)
{
    static const struct {
        struct s3_place place;
        const char *region, *key;
        const char *origin, *path;
    } cases[] = {
        {{NULL, "b1", false}, "us-east-1", "", "https://b1.s3.us-east-1.amazonaws.com", "/"},
        {{NULL, "b1", false}, "eu-west-1", "a/b", "https://b1.s3.eu-west-1.amazonaws.com", "/a/b"},
        {{NULL, "b1", false}, "us-east-1", "/0000/x", "https://b1.s3.us-east-1.amazonaws.com", "//0000/x"},
        {{NULL, "b1", true}, "us-east-1", "k", "https://s3.us-east-1.amazonaws.com", "/b1/k"},
        {{NULL, "b1.example.com", false},
         "us-east-1",
         "k",
         "https://s3.us-east-1.amazonaws.com",
         "/b1.example.com/k"},
        {{NULL, "Old_Bucket", false},
         "us-east-1",
         "k",
         "https://s3.us-east-1.amazonaws.com",
         "/Old_Bucket/k"},
        {{NULL, "b1", false}, "cn-north-1", "k", "https://b1.s3.cn-north-1.amazonaws.com.cn", "/k"},
        {{NULL, ARN, false},
         "eu-west-1",
         "k",
         "https://my-point-123456789012.s3-accesspoint.eu-west-1.amazonaws.com",
         "/k"},
        {{"http://127.0.0.1:9000", "b1", true}, "x", "./0000/k", "http://127.0.0.1:9000", "/b1/./0000/k"},
        {{"https://s3.example.com", "b-1", false}, "x", "k", "https://b-1.s3.example.com", "/k"},
        {{"https://s3.example.com", "b-1", true}, "x", "k", "https://s3.example.com", "/b-1/k"},
        {{"http://s3.example.com", "abc.def", false}, "x", "k", "http://abc.def.s3.example.com", "/k"},
        {{"https://s3.example.com", "abc.def", false}, "x", "k", "https://s3.example.com", "/abc.def/k"},
        {{"http://s3.example.com", "abc..d", false}, "x", "k", "http://s3.example.com", "/abc..d/k"},
        {{"http://s3.example.com", "abc.", false}, "x", "k", "http://s3.example.com", "/abc./k"},
        {{"http://s3.example.com", "Abc", false}, "x", "k", "http://s3.example.com", "/Abc/k"},
        {{"http://s3.example.com", "ab", false}, "x", "k", "http://s3.example.com", "/ab/k"},
        {{"http://s3.example.com", "192.168.100.200", false},
         "x",
         "k",
         "http://s3.example.com",
         "/192.168.100.200/k"},
        {{"http://10.0.0.5:9000", "abc", false}, "x", "k", "http://10.0.0.5:9000", "/abc/k"},
        {{"https://10.0.0.5", "abc", false}, "x", "k", "https://10.0.0.5", "/abc/k"},
        {{"https://[::1]:9000", "abc", false}, "x", "k", "https://[::1]:9000", "/abc/k"},
        {{"http://10.0.0.5.example:9000", "abc", false}, "x", "k", "http://abc.10.0.0.5.example:9000", "/k"},
        {{"https://[::1]:9000", "b1", true}, "x", "", "https://[::1]:9000", "/b1/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_address address;
        assert_null(s3_place_problem(&cases[i].place));
        assert_int_equal(s3_address_make(&cases[i].place, cases[i].region, cases[i].key, &address), 0);
        assert_string_equal(address.origin, cases[i].origin);
        assert_string_equal(address.path, cases[i].path);
        s3_address_finish(&address);
    }
}

static void refuses_places_that_are_none(void **state)
{
    static const struct s3_place cases[] = {
        {NULL, NULL, false},
        {NULL, "", false},
        {NULL, "..", true},
        {NULL, "a/b", true},
        {NULL, "a b", false},
        {NULL, "b@evil.example", false},
        {NULL, "arn:aws:s3:::bucket", false},
        {NULL, "arn:aws:s3:eu-west-1:1:accesspoint/../x", false},
        {NULL, "arn:aws:sns:eu-west-1:1:accesspoint/x", false},
        {NULL, "arn:aws:s3:evil.com/x:1:accesspoint/x", false},
        {"127.0.0.1:9000", "b1", true},
        {"ftp://127.0.0.1", "b1", true},
        {"https://user:password@host", "b1", true},
        {"https://host/path", "b1", true},
        {"https://", "b1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].bucket ? cases[i].bucket : "");
        assert_non_null(s3_place_problem(&cases[i]));
    }
}

static void knows_a_region_by_its_looks(void **state)
{
    char region[S3_REGION_SIZE];
    assert_true(s3_region_is_valid("eu-west-1"));
    assert_true(s3_region_is_valid("auto"));
    assert_false(s3_region_is_valid(""));
    assert_false(s3_region_is_valid("evil.com/"));
    assert_false(s3_region_is_valid("EU"));
    assert_false(s3_region_is_valid("a-region-with-a-name-that-is-longer-than-any-label-of-a-host-may-be"));
    s3_place_region(&(struct s3_place){NULL, ARN, false}, region);
    assert_string_equal(region, "eu-west-1");
    s3_place_region(&(struct s3_place){NULL, "b1", false}, region);
    assert_string_equal(region, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_addresses),
        cmocka_unit_test(refuses_places_that_are_none),
        cmocka_unit_test(knows_a_region_by_its_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
