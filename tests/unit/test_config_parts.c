#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../fs/config/endpoint.h"
#include "../../fs/config/environment.h"
#include "../../fs/config/path.h"
#include "../../fs/config/s3_host.h"
#include "../../fs/config/url.h"
#include "litemount/config.h"

/* The expected values of the first three tables are what Go 1.26 makes of the same input (os.ExpandEnv,
 * path.Clean, and net/url as Litestream's ParseReplicaURL uses it), those of the fourth are what Litestream
 * v0.3.13's ParseHost does. */

static const char *test_environment(const char *name)
{
    static const char *const variables[][2] = {
        {"A", "alpha"}, {"A_1", "under"}, {"EMPTY", ""}, {"a b", "spaced"}, {"1", "one"}, {"REF", "$A"},
    };
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (strcmp(name, variables[i][0]) == 0)
            return variables[i][1];
    return NULL;
}

static const struct config_options options = {.getenv = test_environment};

static void expands_variables_as_go_does(void **state)
{
    static const struct {
        const char *text, *expanded;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"$A", "alpha"},
        {"${A}", "alpha"},
        {"x$A.y", "xalpha.y"},
        {"$A_1", "under"},
        {"${A}_1", "alpha_1"},
        {"$AB", ""},
        {"$UNSET|", "|"},
        {"${UNSET}|", "|"},
        {"$EMPTY|", "|"},
        {"$", "$"},
        {"a$", "a$"},
        {"$$", ""},
        {"$$A", "A"},
        {"${", ""},
        {"${A", "A"},
        {"x${}y", "xy"},
        {"${}", ""},
        {"$ A", "$ A"},
        {"$.A", "$.A"},
        {"$1", "one"},
        {"$10", "one0"},
        {"${1}", "one"},
        {"${10}", ""},
        {"$*x", "x"},
        {"${*}", ""},
        {"${*}}", "}"},
        {"$#", ""},
        {"$@", ""},
        {"$!", ""},
        {"$?", ""},
        {"$-", ""},
        {"${a b}", "spaced"},
        {"${A}${A}", "alphaalpha"},
        {"$A$A", "alphaalpha"},
        {"$REF", "$A"},
        {"100%$", "100%$"},
        {"a$\nb", "a$\nb"},
        {"${\n}", ""},
        {"${A\nB}", ""},
        {"$é", "$é"},
        {"${é}", ""},
        {"$A-$A", "alpha-alpha"},
        {"$_", ""},
        {"${$}", ""},
        {"${${A}}", "}"},
        {"{$A}", "{alpha}"},
        {"$A{", "alpha{"},
        {"price: $5", "price: "},
        {"${A:-x}", ""},
        {"$(A)", "$(A)"},
        {"\\$A", "\\alpha"},
        {"'$A'", "'alpha'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *expanded;
        size_t length;
        print_message("%s\n", cases[i].text);
        assert_int_equal(
            environment_expand(cases[i].text, strlen(cases[i].text), &options, &expanded, &length), 0);
        assert_string_equal(expanded, cases[i].expanded);
        assert_int_equal(length, strlen(cases[i].expanded));
        free(expanded);
    }
}

static const char *long_variable(const char *name)
{
    static char value[100001];
    memset(value, 'x', sizeof value - 1);
    return value;
}

static void stops_an_expansion_that_grows_without_end(void **state)
{
    const struct config_options grows = {.getenv = long_variable};
    char text[64], *expanded;
    size_t length;

    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "$A", 2);
    assert_int_equal(environment_expand(text, 20, &grows, &expanded, &length), 0);
    assert_int_equal(length, 1000000);
    free(expanded);
    assert_int_equal(environment_expand(text, 22, &grows, &expanded, &length), -E2BIG);
}

static void cleans_paths_as_go_does(void **state)
{
    static const struct {
        const char *path, *clean;
    } cases[] = {
        {"", "."},
        {"/", "/"},
        {"//", "/"},
        {"///a", "/a"},
        {"a", "a"},
        {"a/", "a"},
        {"a//b", "a/b"},
        {"./a", "a"},
        {"a/.", "a"},
        {"a/./b", "a/b"},
        {"..", ".."},
        {"../a", "../a"},
        {"a/..", "."},
        {"a/../b", "b"},
        {"/..", "/"},
        {"/../a", "/a"},
        {"/a/../../b", "/b"},
        {"a/../..", ".."},
        {"../../a", "../../a"},
        {"../a/..", ".."},
        {"a/b/../../..", ".."},
        {"/a/b/..", "/a"},
        {"...", "..."},
        {"a/.../b", "a/.../b"},
        {"/.", "/"},
        {"./.", "."},
        {"..a/b", "..a/b"},
        {"a/..b", "a/..b"},
        {"/lead/db/", "/lead/db"},
        {"../..", "../.."},
        {"x/../../../y", "../../y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *clean = path_clean(cases[i].path);
        print_message("%s\n", cases[i].path);
        assert_string_equal(clean, cases[i].clean);
        free(clean);
    }
}

static void splits_urls_as_litestream_does(void **state)
{
    static const struct {
        const char *text, *scheme, *host, *path;
    } cases[] = {
        {"s3://bucket", "s3", "bucket", "."},
        {"s3://bucket/", "s3", "bucket", ""},
        {"s3://bucket/a/b", "s3", "bucket", "a/b"},
        {"S3://bucket/a//b/../c/", "s3", "bucket", "a/c"},
        {"s3://bucket/a%20b", "s3", "bucket", "a b"},
        {"s3://bucket/a b", "s3", "bucket", "a b"},
        {"s3://bucket/%2e%2e/x", "s3", "bucket", "x"},
        {"s3://bucket/a%2Fb", "s3", "bucket", "a/b"},
        {"s3://bucket/a+b", "s3", "bucket", "a+b"},
        {"s3://b:9000/x", "s3", "b:9000", "x"},
        {"s3://user:pw@bucket/x", "s3", "bucket", "x"},
        {"s3://bucket/x?region=r", "s3", "bucket", "x"},
        {"s3://bucket/x#frag", "s3", "bucket", "x"},
        {"s3://bucket?region=r", "s3", "bucket", "."},
        {"s3:///x", "s3", "", "x"},
        {"s3://bucket/é", "s3", "bucket", "é"},
        {"gs://bucket/x/", "gs", "bucket", "x"},
        {"abs://acct@cont/p", "abs", "cont", "p"},
        {"file:///a/b", "file", "", "/a/b"},
        {"file:///a/../b/", "file", "", "/b"},
        {"file:///a b", "file", "", "/a%20b"},
        {"file:///a%20b", "file", "", "/a%20b"},
        {"file://rel/x", "file", "", "/rel/x"},
        {"file:///é", "file", "", "/%C3%A9"},
        {"file:///a?q", "file", "", "/a"},
        {"file:///a#b", "file", "", "/a#b"},
        {"file://./x", "file", "", "/x"},
        {"file:///a!(b)", "file", "", "/a!(b)"},
        {"file:///a b!(c)", "file", "", "/a%20b%21%28c%29"},
        {"file:///", "file", "", "/"},
        {"file://", "file", "", "."},
        {"s3://bu_cket/x", "s3", "bu_cket", "x"},
        {"s3://Bucket/x", "s3", "Bucket", "x"},
        {"s3://[::1]:9000/x", "s3", "[::1]:9000", "x"},
        {"sftp://user:pw@host:22/a//b/", "sftp", "host:22", "/a//b/"},
        {"webdavs://host/a/", "webdavs", "host", "/a/"},
        {"s3://arn:aws:s3:eu-west-1:1234:accesspoint/name/a//b%20/", "s3",
         "arn:aws:s3:eu-west-1:1234:accesspoint/name", "a/b%20"},
        {"s3://arn:aws:s3:eu-west-1:1234:accesspoint/name", "s3",
         "arn:aws:s3:eu-west-1:1234:accesspoint/name", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct replica_url url;
        const char *problem;
        print_message("%s\n", cases[i].text);
        assert_int_equal(replica_url_parse(cases[i].text, &url, &problem), 0);
        assert_string_equal(url.scheme, cases[i].scheme);
        assert_string_equal(url.host, cases[i].host);
        assert_string_equal(url.path, cases[i].path);
        replica_url_finish(&url);
    }
}

static void refuses_what_is_no_url(void **state)
{
    static const char *const cases[] = {
        "s3://bucket/%zz",
        "s3://bucket:x/",
        "s3://bu cket/x",
        "s3://bucket/%",
        "s3://b%41/x",
        "file:///%zz",
        "s3://b|c/x",
        "bucket/path",
        "://x",
        "s3:/bucket",
        "s3://bucket/a%00b",
        "s3://arn:aws:s3:eu-west-1:1234:bucket/name",
        "s3://arn:aws:s3:eu-west-1:1234:accesspoint/",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct replica_url url;
        const char *problem = NULL;
        print_message("%s\n", cases[i]);
        assert_int_equal(replica_url_parse(cases[i], &url, &problem), -EINVAL);
        assert_non_null(problem);
    }
}

static void reads_query_parameters(void **state)
{
    static const struct {
        const char *query, *value; /* of "region", or of "a-region" */
    } cases[] = {
        {"region=x", "x"},
        {"a-region=x", "x"},
        {"a-region=y&region=x", "x"},
        {"REGION=x", NULL},
        {"region=", NULL},
        {"region", NULL},
        {"other=1&region=a%20+b", "a  b"},
        {"region=%zz&region=x", "x"},
        {"region=a;b", NULL},
        {"regio%6e=x", "x"},
        {"&&region=x&", "x"},
        {"region=a=b", "a=b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const names[] = {"region", "a-region", NULL};
        char query[64], *value;
        strcpy(query, cases[i].query);
        print_message("%s\n", query);
        const struct replica_url url = {.query = query};
        assert_int_equal(replica_url_query(&url, names, &value), 0);
        if (cases[i].value)
            assert_string_equal(value, cases[i].value);
        else
            assert_null(value);
        free(value);
    }
}

static void knows_the_hosts_of_providers(void **state)
{
    static const struct {
        const char *host, *bucket, *region, *endpoint;
        bool path_style;
    } cases[] = {
        {"bucket", "bucket", "", "", false},
        {"my.bucket", "my.bucket", "", "", false},
        {"localhost", "", "us-east-1", "http://localhost", true},
        {"localhost:9000", "", "us-east-1", "http://localhost:9000", true},
        {"b.localhost:9000", "b", "us-east-1", "http://localhost:9000", true},
        {"a.b.localhost", "a.b", "us-east-1", "http://localhost", true},
        {"s3.us-west-000.backblazeb2.com", "", "us-west-000", "https://s3.us-west-000.backblazeb2.com", true},
        {"b.s3.us-west-000.backblazeb2.com", "b", "us-west-000", "https://s3.us-west-000.backblazeb2.com",
         true},
        {"a.b.s3.us-west-000.backblazeb2.com", "a.b", "us-west-000", "https://s3.us-west-000.backblazeb2.com",
         true},
        {"s3.filebase.com", "", "", "https://s3.filebase.com", true},
        {"b.s3.filebase.com", "b", "", "https://s3.filebase.com", true},
        {"nyc3.digitaloceanspaces.com", "", "nyc3", "https://nyc3.digitaloceanspaces.com", true},
        {"b.nyc3.digitaloceanspaces.com", "b", "nyc3", "https://nyc3.digitaloceanspaces.com", true},
        {"a.b.nyc3.digitaloceanspaces.com", "a.b", "nyc3", "https://nyc3.digitaloceanspaces.com", true},
        {"b.s3.fr-par.scw.cloud", "b", "fr-par", "https://s3.fr-par.scw.cloud", true},
        {"b.fr-par.scw.cloud", "b.fr-par.scw.cloud", "", "", false},
        {"b.us-east-1.linodeobjects.com", "b", "us-east-1", "https://us-east-1.linodeobjects.com", true},
        {"b.nyc3.digitaloceanspaces.com:8443", "b", "nyc3", "https://nyc3.digitaloceanspaces.com:8443", true},
        {"notlocalhost", "notlocalhost", "", "", false},
        {"s3.backblazeb2.com", "s3.backblazeb2.com", "", "", false},
        {"digitaloceanspaces.com", "digitaloceanspaces.com", "", "", false},
        {".localhost", ".localhost", "", "", false},
        {".nyc3.digitaloceanspaces.com", ".nyc3.digitaloceanspaces.com", "", "", false},
        /* from here on v0.5 */
        {"b.s3.amazonaws.com", "b", "", "", false},
        {"a.b.s3.eu-west-3.amazonaws.com", "a.b", "eu-west-3", "", false},
        {"s3.eu-west-3.amazonaws.com", "s3.eu-west-3.amazonaws.com", "", "", false},
        {"b.minio.lan:9000", "b", "us-east-1", "http://minio.lan:9000", true},
        {"minio:9000", "", "us-east-1", "http://minio:9000", true},
        /* ours: Litestream v0.5 cuts a bucket off an address */
        {"127.0.0.1:9000", "", "us-east-1", "http://127.0.0.1:9000", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_host host = {0};
        print_message("%s\n", cases[i].host);
        assert_int_equal(s3_host_parse(cases[i].host, &host), 0);
        assert_string_equal(host.bucket ? host.bucket : "", cases[i].bucket);
        assert_string_equal(host.region ? host.region : "", cases[i].region);
        assert_string_equal(host.endpoint ? host.endpoint : "", cases[i].endpoint);
        assert_int_equal(host.path_style, cases[i].path_style);
        s3_host_finish(&host);
    }
}

static void tells_local_endpoints(void **state)
{
    static const struct {
        const char *endpoint;
        bool is_local;
    } cases[] = {
        {"localhost", true},       {"localhost:9000", true},   {"http://localhost:9000/x", true},
        {"127.0.0.1:9000", true},  {"10.1.2.3", true},         {"172.16.0.1", true},
        {"172.31.255.255", true},  {"192.168.1.1:80", true},   {"minio.local", true},
        {"a.localhost:1", true},   {"https://10.0.0.1", true}, {"172.32.0.1", false},
        {"172.2.0.1", false},      {"s3.example.com", false},  {"notlocalhost", false},
        {"10.example.com", false}, {"11.0.0.1", false},        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].endpoint);
        assert_int_equal(endpoint_is_local(cases[i].endpoint), cases[i].is_local);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands_variables_as_go_does),
        cmocka_unit_test(stops_an_expansion_that_grows_without_end),
        cmocka_unit_test(cleans_paths_as_go_does),
        cmocka_unit_test(splits_urls_as_litestream_does),
        cmocka_unit_test(refuses_what_is_no_url),
        cmocka_unit_test(reads_query_parameters),
        cmocka_unit_test(knows_the_hosts_of_providers),
        cmocka_unit_test(tells_local_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
