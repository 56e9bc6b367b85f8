#include "s3_xml.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "store.h"
#include "xml.h"

/* A page while it is read. Its texts are those of the elements seen so far. */
struct s3_page_reader {
    struct listing listing; /* keys as they are written: how, is known at the end */
    bool complete;
    char *token, *truncated, *encoding, *listed; /* the last: the prefix of the whole listing */
    char *key, *etag, *size, *modified;          /* of the object that is open */
    char *prefix;                                /* of the folder that is open */
};

static void s3_xml_forget(char **text)
{
    free(*text);
    *text = NULL;
}

static void s3_xml_forget_entry(struct s3_page_reader *reader)
{
    s3_xml_forget(&reader->key);
    s3_xml_forget(&reader->etag);
    s3_xml_forget(&reader->size);
    s3_xml_forget(&reader->modified);
    s3_xml_forget(&reader->prefix);
}

static void s3_xml_finish(struct s3_page_reader *reader)
{
    listing_finish(&reader->listing);
    s3_xml_forget_entry(reader);
    s3_xml_forget(&reader->token);
    s3_xml_forget(&reader->truncated);
    s3_xml_forget(&reader->encoding);
    s3_xml_forget(&reader->listed);
}

/* --- values --- */

static int s3_xml_parse_size(const char *text, uint64_t *ret_size)
{
    uint64_t size = 0;
    if (!*text)
        return -EBADMSG;
    for (; *text; text++)
        if (!isdigit((unsigned char)*text) || __builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, (uint64_t)(*text - '0'), &size))
            return -EBADMSG;
    if (size > INT64_MAX)
        return -EBADMSG;
    *ret_size = size;
    return 0;
}

/* instant_parse also takes what only people write: a listing has "2024-11-04T10:30:00.000Z". */
static int s3_xml_parse_time(const char *text, int64_t *ret_time)
{
    bool whole = strlen(text) >= strlen("2024-11-04T10:30:00Z") && text[10] == 'T';
    return whole && instant_parse(text, 0, ret_time) == 0 ? 0 : -EBADMSG;
}

/* The version of an object: its ETag with quotes, as a condition on it needs it, else its time and size. The
 * text is to be freed. An ETag ends up in a header, so it must be one line. */
static int s3_xml_make_version(const char *etag, int64_t modified, uint64_t size, char **ret_version)
{
    int length = etag ? (int)strlen(etag) : 0, n;
    if (length && !key_is_printable(etag))
        return -EBADMSG;
    if (length >= 2 && etag[0] == '"' && etag[length - 1] == '"')
        n = asprintf(ret_version, "%s", etag);
    else if (length)
        n = asprintf(ret_version, "\"%s\"", etag);
    else
        n = asprintf(ret_version, "%" PRId64 "-%" PRIu64, modified, size);
    if (n >= 0)
        return 0;
    *ret_version = NULL;
    return -ENOMEM;
}

static int s3_xml_hex_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10 : -1;
}

/* Undoes encoding-type=url, in place. A NUL within is kept as the control character 1, to be left out with
 * the others. */
static int s3_xml_decode_key(char *key)
{
    char *out = key;
    for (; *key; key++) {
        int high, low;
        if (*key != '%') {
            *out++ = *key == '+' ? ' ' : *key;
            continue;
        }
        if ((high = s3_xml_hex_value(key[1])) < 0 || (low = s3_xml_hex_value(key[2])) < 0)
            return -EBADMSG;
        int byte = high * 16 + low;
        *out++ = (char)(byte ? byte : 1);
        key += 2;
    }
    *out = '\0';
    return 0;
}

/* --- elements --- */

static int s3_xml_add_object(struct s3_page_reader *reader)
{
    struct object object = {.key = reader->key};

    if (!reader->key || !reader->size || !reader->modified ||
        s3_xml_parse_size(reader->size, &object.size) < 0 ||
        s3_xml_parse_time(reader->modified, &object.modified) < 0)
        return -EBADMSG;
    int r = s3_xml_make_version(reader->etag, object.modified, object.size, &object.version);
    if (r == 0)
        r = listing_add_object(&reader->listing, &object);
    free(object.version);
    return r;
}

/* What ends here, if it is more than a text. */
static int s3_xml_end_entry(struct s3_page_reader *reader, const char *path)
{
    int r = 0;
    if (strcmp(path, "ListBucketResult/Contents") == 0)
        r = s3_xml_add_object(reader);
    else if (strcmp(path, "ListBucketResult/CommonPrefixes") == 0)
        r = reader->prefix ? listing_add_folder(&reader->listing, reader->prefix) : -EBADMSG;
    else if (strcmp(path, "ListBucketResult") == 0)
        reader->complete = true;
    else
        return 0;
    s3_xml_forget_entry(reader);
    return r;
}

static int s3_xml_take_element(void *context, const char *path, const char *text)
{
    struct s3_page_reader *reader = context;
    const struct {
        const char *path;
        char **text;
    } texts[] = {
        {"ListBucketResult/IsTruncated", &reader->truncated},
        {"ListBucketResult/NextContinuationToken", &reader->token},
        {"ListBucketResult/EncodingType", &reader->encoding},
        {"ListBucketResult/Prefix", &reader->listed},
        {"ListBucketResult/Contents/Key", &reader->key},
        {"ListBucketResult/Contents/ETag", &reader->etag},
        {"ListBucketResult/Contents/Size", &reader->size},
        {"ListBucketResult/Contents/LastModified", &reader->modified},
        {"ListBucketResult/CommonPrefixes/Prefix", &reader->prefix},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(path, texts[i].path) != 0)
            continue;
        if (*texts[i].text)
            return -EBADMSG;
        *texts[i].text = strdup(text);
        return *texts[i].text ? 0 : -ENOMEM;
    }
    return s3_xml_end_entry(reader, path);
}

/* --- the whole page --- */

/* Brings a key to what it means. 1 if it is to be kept, 0 if it is not printable, or a negative errno. */
static int s3_xml_settle_key(char *key, bool encoded)
{
    if (encoded && s3_xml_decode_key(key) < 0)
        return -EBADMSG;
    if (strlen(key) > S3_KEY_MAX)
        return -EBADMSG;
    return key_is_printable(key);
}

static int s3_xml_settle_objects(struct listing *listing, bool encoded)
{
    size_t kept = 0;
    int r = 0;
    for (size_t i = 0; i < listing->n_objects; i++) {
        struct object object = listing->objects[i];
        int keep = r < 0 ? 0 : s3_xml_settle_key(object.key, encoded);
        r = keep < 0 ? keep : r;
        if (keep > 0)
            listing->objects[kept++] = object;
        else
            object_finish(&object);
    }
    listing->n_objects = kept;
    return r;
}

static int s3_xml_settle_folders(struct listing *listing, bool encoded)
{
    size_t kept = 0;
    int r = 0;
    for (size_t i = 0; i < listing->n_folders; i++) {
        char *folder = listing->folders[i];
        int keep = r < 0 ? 0 : s3_xml_settle_key(folder, encoded);
        r = keep < 0 ? keep : r;
        if (keep > 0)
            listing->folders[kept++] = folder;
        else
            free(folder);
    }
    listing->n_folders = kept;
    return r;
}

/* Whether what a page says of its prefix is the one that was asked for. Stores differ in whether the encoding
 * is that of the prefix too. Decodes the text. */
static bool s3_xml_is_of_prefix(char *listed, const char *prefix)
{
    return !listed || strcmp(listed, prefix) == 0 ||
           (s3_xml_decode_key(listed) == 0 && strcmp(listed, prefix) == 0);
}

int s3_page_parse(const void *bytes, size_t length, const char *prefix, struct http_page *ret_page)
{
    _cleanup_(s3_xml_finish) struct s3_page_reader reader = {0};
    int r = xml_walk(bytes, length, s3_xml_take_element, &reader);
    if (r < 0)
        return r;

    bool encoded = reader.encoding && *reader.encoding;
    bool more = reader.truncated && strcmp(reader.truncated, "true") == 0;
    if (!reader.complete || (encoded && strcmp(reader.encoding, "url") != 0) ||
        (more && (!reader.token || !*reader.token)))
        return -EBADMSG;
    r = s3_xml_settle_objects(&reader.listing, encoded);
    if (r == 0)
        r = s3_xml_settle_folders(&reader.listing, encoded);
    if (r < 0)
        return r;
    ret_page->listing = reader.listing;
    reader.listing = (struct listing){0};
    ret_page->token = more ? steal_pointer(reader.token) : NULL;
    ret_page->prefix = s3_xml_is_of_prefix(reader.listed, prefix) ? NULL : steal_pointer(reader.listed);
    return 0;
}

int s3_parse_page(const struct list_request *request, const struct http_answer *answer,
                  struct http_page *ret_page)
{
    return s3_page_parse(answer->text.data, answer->text.size, request->prefix, ret_page);
}

/* --- errors --- */

static int s3_xml_take_error(void *context, const char *path, const char *text)
{
    struct s3_error *error = context;
    if (strcmp(path, "Error/Code") == 0)
        snprintf(error->code, sizeof error->code, "%s", text);
    else if (strcmp(path, "Error/Message") == 0)
        snprintf(error->message, sizeof error->message, "%s", text);
    else if (strcmp(path, "Error/Region") == 0)
        snprintf(error->region, sizeof error->region, "%s", text);
    return 0;
}

void s3_error_parse(const void *bytes, size_t length, struct s3_error *ret_error)
{
    *ret_error = (struct s3_error){0};
    xml_walk(bytes, length, s3_xml_take_error, ret_error);
}
