/* Reading from S3: ranged GETs of one version of an object, and its metadata.
 *
 * Keys are taken as they are: Litestream v0.5 writes some with "//" and with "./" at their beginning. Source:
 * Amazon S3 API Reference, GetObject and HeadObject. */
#include "s3.h"
#include "s3_sums.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"

#define HTTP_DATE_SIZE 40 /* bytes of "Fri, 24 May 2013 00:00:00 GMT", with a NUL and some room */

/* What a read asks for, to hold the answer against. */
struct s3_range {
    const struct object *object;
    uint64_t first, last; /* bytes, both included */
    bool whole;           /* it is the whole object: asked for without a range */
    const uint8_t *bytes; /* what came */
    struct s3_sums sums;  /* of what came */
    const char *header;   /* of the metadata that is wanted too; NULL: none */
    char *metadata;       /* what the answer told of it */
};

/* Reads "bytes FIRST-LAST/SIZE", where SIZE may be "*". */
static bool range_fits(const struct s3_range *range, const char *content_range)
{
    uint64_t first, last, size;
    int length = 0;

    if (sscanf(content_range, "bytes %" SCNu64 "-%" SCNu64 "/%n", &first, &last, &length) != 2 || !length)
        return false;
    if (first != range->first || last != range->last)
        return false;
    const char *rest = content_range + length;
    return strcmp(rest, "*") == 0 || (sscanf(rest, "%" SCNu64, &size) == 1 && size == range->object->size);
}

/* Whether an ETag, which may be NULL, is the version that was listed. Quotes are not always there, and a
 * proxy may weaken it. */
static bool etag_fits(const struct object *object, const char *etag)
{
    size_t length;
    if (object->version[0] != '"' || !etag || !*etag)
        return true;
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    etag += *etag == '"';
    length = strcspn(etag, "\"");
    return strlen(object->version) == length + 2 && strncmp(object->version + 1, etag, length) == 0;
}

static int check_version(const struct object *object, const struct http_answer *answer,
                         struct s3_problem *problem)
{
    return etag_fits(object, http_answer_header(answer, "ETag"))
               ? 0
               : s3_problem(problem, ESTALE, "another version stands in its place");
}

/* Puts the value in place of the one of an earlier answer. 0 or -ENOMEM. */
static int copy_header(const struct http_answer *answer, const char *name, char **value)
{
    const char *found = name ? http_answer_header(answer, name) : NULL;

    free(*value);
    *value = found ? strdup(found) : NULL;
    return found && !*value ? -ENOMEM : 0;
}

static int check_range(void *context, const struct http_answer *answer, struct s3_problem *problem)
{
    struct s3_range *range = context;
    const char *content_range = http_answer_header(answer, "Content-Range");
    uint64_t length = range->last - range->first + 1;

    int r = check_version(range->object, answer, problem);
    if (r < 0)
        return r;
    if (!range->whole && (!content_range || !range_fits(range, content_range)))
        return s3_problem(problem, EBADMSG, "the answer's range is not the one that was asked for: %s",
                          content_range ? content_range : "it tells none");
    if (answer->received != length)
        return s3_problem(problem, EBADMSG,
                          "the answer is shorter than what was asked for: %zu bytes of %" PRIu64,
                          answer->received, length);
    const char *etag = http_answer_header(answer, "ETag");
    s3_sums_compare(answer, etag ? etag : range->object->version, range->bytes, (size_t)length, range->whole,
                    &range->sums);
    if (range->sums.wrong)
        return s3_problem(problem, EBADMSG, "what came is not what its %s says", range->sums.wrong);
    return copy_header(answer, range->header, &range->metadata);
}

/* The condition that the object is still the listed one: its ETag, or where the store has none its time. */
static struct sigv4_pair version_condition(const struct object *object, char date[static HTTP_DATE_SIZE])
{
    time_t seconds = object->modified / INSTANT_SECOND;
    struct tm tm;

    if (object->version[0] == '"')
        return (struct sigv4_pair){"if-match", object->version};
    gmtime_r(&seconds, &tm);
    strftime(date, HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return (struct sigv4_pair){"if-unmodified-since", date};
}

/* The name of the header that tells the user metadata `name`: to be freed, NULL: out of memory. */
static char *metadata_header(const char *name)
{
    char *header;
    return asprintf(&header, "x-amz-meta-%s", name) < 0 ? NULL : header;
}

/* Sends the call, and once more if what came is not what its MD5 says. The second answer counts, whatever it
 * is: the MD5 may be none. If the same came twice it is, and the store is not doubted again, unless it was
 * right before. */
static int read_range(struct s3_store *s3, const struct s3_call *call, struct s3_range *range,
                      struct task *task)
{
    struct s3_call again = *call;
    int r = s3_exchange(s3, call, task);

    if (r == 0 && range->sums.sound)
        atomic_store(&s3->etags, S3_ETAGS_MD5);
    if (r < 0 || !range->sums.doubtful || atomic_load(&s3->etags) == S3_ETAGS_OTHER)
        return r;
    const struct s3_sums first = range->sums;
    again.anew = true;
    r = s3_exchange(s3, &again, task);
    if (r == 0 && range->sums.doubtful && memcmp(range->sums.md5, first.md5, sizeof first.md5) == 0) {
        enum s3_etags unknown = S3_ETAGS_UNKNOWN;
        atomic_compare_exchange_strong(&s3->etags, &unknown, S3_ETAGS_OTHER);
    }
    return r;
}

int s3_read(struct store *store, const struct read_request *request, struct task *task, char **ret_value)
{
    const struct object *object = request->object;
    _cleanup_free_ char *header = request->metadata ? metadata_header(request->metadata) : NULL;
    struct s3_range range = {
        .object = object,
        .first = request->offset,
        .last = request->offset + request->length - 1,
        .whole = request->offset == 0 && request->length == object->size,
        .bytes = request->bytes,
        .header = header,
    };
    char date[HTTP_DATE_SIZE], range_text[64];

    if (request->metadata && !header)
        return -ENOMEM;
    snprintf(range_text, sizeof range_text, "bytes=%" PRIu64 "-%" PRIu64, range.first, range.last);
    const struct sigv4_pair headers[] = {version_condition(object, date), {"range", range_text}};
    const struct s3_call call = {
        .anew = request->anew,
        .doing = "reading",
        .subject = request->key,
        .key = request->key,
        .headers = headers,
        .n_headers = range.whole ? 1 : 2,
        .with_encryption_key = true,
        .expected_status = range.whole ? 200 : 206,
        .body = request->bytes,
        .capacity = request->length,
        .check = check_range,
        .context = &range,
    };
    int r = read_range((struct s3_store *)store, &call, &range, task);
    *ret_value = range.metadata;
    return r;
}

/* --- metadata --- */

struct s3_metadata {
    const struct object *object;
    const char *header;
    char *value; /* NULL: the object has none of that name */
};

/* Whether the head is the object's at all: any 200 that is not would say that it has no metadata. */
static bool head_fits(const struct object *object, const struct http_answer *answer)
{
    const char *length = http_answer_header(answer, "Content-Length");
    uint64_t size;

    if (!length)
        return http_answer_header(answer, "ETag");
    return sscanf(length, "%" SCNu64, &size) == 1 && size == object->size;
}

static int take_metadata(void *context, const struct http_answer *answer, struct s3_problem *problem)
{
    struct s3_metadata *metadata = context;
    int r = check_version(metadata->object, answer, problem);

    if (r == 0 && !head_fits(metadata->object, answer))
        return s3_problem(problem, EBADMSG, "the answer is not about this object");
    return r < 0 ? r : copy_header(answer, metadata->header, &metadata->value);
}

int s3_metadata(struct store *store, const char *key, const struct object *object, const char *name,
                struct task *task, char **ret_value)
{
    _cleanup_free_ char *header = metadata_header(name);
    struct s3_metadata metadata = {.object = object, .header = header};
    char date[HTTP_DATE_SIZE];
    const struct sigv4_pair condition = version_condition(object, date);

    if (!header)
        return -ENOMEM;
    const struct s3_call call = {
        .head = true,
        .doing = "reading the metadata of",
        .subject = key,
        .key = key,
        .headers = &condition,
        .n_headers = 1,
        .with_encryption_key = true,
        .expected_status = 200,
        .check = take_metadata,
        .context = &metadata,
    };
    int r = s3_exchange((struct s3_store *)store, &call, task);
    if (r < 0)
        return r;
    *ret_value = metadata.value;
    return metadata.value ? 0 : -ENODATA;
}
