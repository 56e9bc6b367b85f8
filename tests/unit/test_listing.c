/* Pages of listings and errors, as S3 answers them. The first page is the one of the S3 API Reference's
 * ListObjectsV2, "Sample response for general purpose buckets: Listing keys", in its general form. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data_files.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "s3_xml.h"

#define HEAD                                                                                                 \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                           \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define OBJECT(key)                                                                                          \
    "<Contents><Key>" key "</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified>"                      \
    "<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size></Contents>"
#define TAIL "</ListBucketResult>"

static int parse(const char *text, struct http_page *page)
{
    *page = (struct http_page){0};
    return s3_page_parse(text, strlen(text), "", page);
}

static void reads_a_page(void **state)
{
    struct http_page page;
    int64_t modified;
    assert_int_equal(instant_parse("2009-10-12T17:50:30Z", 0, &modified), 0);
    assert_int_equal(parse(HEAD "<Name>bucket</Name><Prefix/><KeyCount>205</KeyCount><MaxKeys>1000</MaxKeys>"
                                "<IsTruncated>false</IsTruncated><Contents><Key>my-image.jpg</Key>"
                                "<LastModified>2009-10-12T17:50:30.000Z</LastModified>"
                                "<ETag>\"fba9dede5f27731c9771645a39863328\"</ETag><Size>434234</Size>"
                                "<Owner><ID>1</ID><DisplayName>Key</DisplayName></Owner>"
                                "<StorageClass>STANDARD</StorageClass></Contents>" TAIL,
                           &page),
                     0);
    assert_int_equal(page.listing.n_objects, 1);
    assert_string_equal(page.listing.objects[0].key, "my-image.jpg");
    assert_string_equal(page.listing.objects[0].version, "\"fba9dede5f27731c9771645a39863328\"");
    assert_int_equal(page.listing.objects[0].size, 434234);
    assert_true(page.listing.objects[0].modified == modified);
    assert_null(page.token);
    http_page_finish(&page);
}

static void reads_folders_and_the_next_token(void **state)
{
    struct http_page page;
    assert_int_equal(
        parse(HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx1Tr/XYE=</"
                   "NextContinuationToken><CommonPrefixes><Prefix>photos/2006/</Prefix></CommonPrefixes>"
                   "<CommonPrefixes><Prefix>photos/2007/</Prefix></CommonPrefixes>" TAIL,
              &page),
        0);
    assert_int_equal(page.listing.n_folders, 2);
    assert_string_equal(page.listing.folders[1], "photos/2007/");
    assert_string_equal(page.token, "1ueGcxLPRx1Tr/XYE=");
    http_page_finish(&page);
}

static void decodes_keys_if_they_are_encoded(void **state)
{
    struct http_page page;
    assert_int_equal(parse(HEAD OBJECT("a%2Bb+c%C3%A9") "<EncodingType>url</EncodingType>" TAIL, &page), 0);
    assert_string_equal(page.listing.objects[0].key, "a+b cé");
    http_page_finish(&page);
    assert_int_equal(parse(HEAD OBJECT("a%2Bb+c &lt;&amp;") TAIL, &page), 0);
    assert_string_equal(page.listing.objects[0].key, "a%2Bb+c <&");
    http_page_finish(&page);
}

static void leaves_out_what_cannot_be_told(void **state)
{
    struct http_page page;
    assert_int_equal(parse(HEAD OBJECT("a%0Ab") OBJECT("a%00b") OBJECT("") OBJECT("b")
                               OBJECT("%7F") "<CommonPrefixes><Prefix>%01/</Prefix></CommonPrefixes>"
                                             "<EncodingType>url</EncodingType>" TAIL,
                           &page),
                     0);
    assert_int_equal(page.listing.n_objects, 1);
    assert_string_equal(page.listing.objects[0].key, "b");
    assert_int_equal(page.listing.n_folders, 0);
    http_page_finish(&page);
}

/* Not every store has ETags, or quotes around them. */
static void makes_versions(void **state)
{
    struct http_page page;
    assert_int_equal(parse(HEAD "<Contents><Key>a</Key><LastModified>1970-01-01T00:00:02.5Z</LastModified>"
                                "<Size>7</Size></Contents>"
                                "<Contents><Key>b</Key><LastModified>1970-01-01T00:00:02Z</LastModified>"
                                "<ETag>x-2</ETag><Size>7</Size></Contents>" TAIL,
                           &page),
                     0);
    assert_string_equal(page.listing.objects[0].version, "2500000000-7");
    assert_string_equal(page.listing.objects[1].version, "\"x-2\"");
    http_page_finish(&page);
}

static void knows_what_no_backup_lists(void **state)
{
    static const struct {
        struct listing listing;
        int result;
    } cases[] = {
        {{0}, 0},
        {{.n_objects = LISTING_ENTRIES_MAX, .long_bytes = 1 << 20}, 0},
        {{.n_objects = LISTING_ENTRIES_MAX, .n_folders = 1}, -EREMOTEIO},
        {{.n_objects = 1000, .long_bytes = 100 << 20}, -EREMOTEIO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task task;
        task_init(&task, NULL);
        assert_int_equal(listing_check(&cases[i].listing, "here", &task), cases[i].result);
        assert_int_equal(strncmp(task_reason(&task, 0), "here: ", 6) == 0, cases[i].result < 0);
    }
}

static void check_refused(const char *name, const struct buffer *bytes)
{
    struct http_page page = {0};
    assert_int_equal(s3_page_parse(bytes->data, bytes->size, "", &page), -EBADMSG);
    assert_null(page.listing.objects);
}

static void refuses_what_is_no_page(void **state)
{
    each_refused("listing", check_refused);
}

static void refuses_a_key_that_no_store_can_have(void **state)
{
    struct http_page page;
    char text[4096] = HEAD "<Contents><Key>";
    memset(text + strlen(text), 'k', S3_KEY_MAX + 1);
    strcat(text, "</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>1</Size></Contents>" TAIL);
    assert_int_equal(parse(text, &page), -EBADMSG);
    memmove(strchr(text, 'k'), strchr(text, 'k') + 1, strlen(strchr(text, 'k')));
    assert_int_equal(parse(text, &page), -EBADMSG);
}

/* Every cut of a page is refused. */
static void refuses_a_cut_page(void **state)
{
    static const char text[] = HEAD "<IsTruncated>false</IsTruncated>" OBJECT("a") OBJECT("b") TAIL;
    struct http_page page = {0};
    for (size_t length = 0; length < sizeof text - 1; length++)
        assert_int_equal(s3_page_parse(text, length, "", &page), -EBADMSG);
    assert_int_equal(s3_page_parse(text, sizeof text - 1, "", &page), 0);
    http_page_finish(&page);
}

static void reads_errors(void **state)
{
    static const struct {
        const char *text;
        struct s3_error error;
    } cases[] = {
        {"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchKey</Code><Message>The resource you "
         "requested does not exist</Message><Resource>/mybucket/myfoto.jpg</Resource>"
         "<RequestId>4442587FB7D0A2F9</RequestId></Error>",
         {"NoSuchKey", "The resource you requested does not exist", ""}},
        {"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
         {"AuthorizationHeaderMalformed", "", "eu-west-1"}},
        {"<Error><Code>SlowDown</Code><Message>cut h", {"SlowDown", "", ""}},
        {"<html><h1>502 Bad Gateway</h1></html>", {"", "", ""}},
        {"no XML at all", {"", "", ""}},
        {"", {"", "", ""}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_error error;
        s3_error_parse(cases[i].text, strlen(cases[i].text), &error);
        assert_string_equal(error.code, cases[i].error.code);
        assert_string_equal(error.message, cases[i].error.message);
        assert_string_equal(error.region, cases[i].error.region);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_page),
        cmocka_unit_test(reads_folders_and_the_next_token),
        cmocka_unit_test(decodes_keys_if_they_are_encoded),
        cmocka_unit_test(leaves_out_what_cannot_be_told),
        cmocka_unit_test(makes_versions),
        cmocka_unit_test(knows_what_no_backup_lists),
        cmocka_unit_test(refuses_what_is_no_page),
        cmocka_unit_test(refuses_a_key_that_no_store_can_have),
        cmocka_unit_test(refuses_a_cut_page),
        cmocka_unit_test(reads_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
