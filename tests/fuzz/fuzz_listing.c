/* Any bytes as a page of a listing, and as an error: what is taken must keep to what the caller relies on. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "s3_xml.h"
#include "store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
    if (!holds)
        abort();
}

static void check_page(const struct http_page *page)
{
    const struct listing *listing = &page->listing;
    for (size_t i = 0; i < listing->n_objects; i++) {
        expect(key_is_printable(listing->objects[i].key) && strlen(listing->objects[i].key) <= S3_KEY_MAX);
        expect(key_is_printable(listing->objects[i].version) && listing->objects[i].size <= INT64_MAX);
    }
    for (size_t i = 0; i < listing->n_folders; i++)
        expect(key_is_printable(listing->folders[i]));
    expect(!page->token || *page->token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_page page = {0};
    struct s3_error error;

    int r = s3_page_parse(data, size, "g/", &page);
    expect(r == 0 || r == -EBADMSG);
    if (r == 0)
        check_page(&page);
    http_page_finish(&page);
    s3_error_parse(data, size, &error);
    expect(strlen(error.code) < sizeof error.code && strlen(error.message) < sizeof error.message);
    return 0;
}
