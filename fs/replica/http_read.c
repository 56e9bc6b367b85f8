/* Reading over HTTP: ranged GETs of one version of an object, and its metadata. */
#include "http_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/task.h"

/* What a read asks for, to hold the answer against. */
struct http_range {
    const struct http_kind *kind;
    const struct object *object;
    uint64_t first, last;  /* bytes, both included */
    bool whole;            /* it is the whole object: asked for without a range */
    const uint8_t *bytes;  /* what came */
    struct http_sums sums; /* of what came */
    const char *header;    /* of the metadata that is wanted too; NULL: none */
    char *metadata;        /* what the answer told of it */
};

/* Reads "bytes FIRST-LAST/SIZE", where SIZE may be "*". */
static bool read_range_fits(const struct http_range *range, const char *content_range)
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

/* Whether an ETag (or what else tells the kind's versions), which may be NULL, is the version that was
 * listed. Quotes are not always there, and a proxy may weaken it. */
static bool read_version_fits(const struct object *object, const char *etag)
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

static int read_check_version(const struct http_kind *kind, const struct object *object,
                              const struct http_answer *answer, struct http_problem *problem)
{
    return read_version_fits(object, http_answer_header(answer, kind->version_header))
               ? 0
               : http_problem(problem, ESTALE, "another version stands in its place");
}

/* Puts the value in place of the one of an earlier answer. 0 or -ENOMEM. */
static int read_copy_header(const struct http_answer *answer, const char *name, char **value)
{
    const char *found = name ? http_answer_header(answer, name) : NULL;

    free(*value);
    *value = found ? strdup(found) : NULL;
    return found && !*value ? -ENOMEM : 0;
}

static int read_check_range(void *context, const struct http_answer *answer, struct http_problem *problem)
{
    struct http_range *range = context;
    const char *content_range = http_answer_header(answer, "Content-Range");
    uint64_t length = range->last - range->first + 1;

    int r = read_check_version(range->kind, range->object, answer, problem);
    if (r < 0)
        return r;
    if (!range->whole && (!content_range || !read_range_fits(range, content_range)))
        return http_problem(problem, EBADMSG, "the answer's range is not the one that was asked for: %s",
                            content_range ? content_range : "it tells none");
    if (answer->received != length)
        return http_problem(problem, EBADMSG,
                            "the answer is shorter than what was asked for: %zu bytes of %" PRIu64,
                            answer->received, length);
    const char *etag = http_answer_header(answer, "ETag");
    http_sums_compare(&range->kind->sums, answer, etag ? etag : range->object->version, range->bytes,
                      (size_t)length, range->whole, &range->sums);
    if (*range->sums.wrong)
        return http_problem(problem, EBADMSG, "what came is not what its %s says", range->sums.wrong);
    return read_copy_header(answer, range->header, &range->metadata);
}

struct http_field http_version_condition(const struct object *object, char date[static HTTP_DATE_SIZE])
{
    time_t seconds = object->modified / INSTANT_SECOND;
    struct tm tm;

    if (object->version[0] == '"')
        return (struct http_field){"if-match", object->version};
    gmtime_r(&seconds, &tm);
    strftime(date, HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return (struct http_field){"if-unmodified-since", date};
}

/* The name of the header that tells the user metadata `name`: to be freed, NULL: out of memory. */
static char *read_metadata_header(const struct http_store *store, const char *name)
{
    char *header;
    return asprintf(&header, "%s%s", store->kind->metadata_prefix, name) < 0 ? NULL : header;
}

/* Sends the call, and once more if what came is not what its MD5 says. The second answer counts, whatever it
 * is: the MD5 may be none. If the same came twice it is, and the store is not doubted again, unless it was
 * right before. */
static int read_twice_if_doubtful(struct http_store *store, const struct http_call *call,
                                  struct http_range *range, struct task *task)
{
    struct http_call again = *call;
    int r = http_exchange(store, call, task);

    if (r == 0 && range->sums.sound)
        atomic_store(&store->md5s, HTTP_MD5S_MD5);
    if (r < 0 || !range->sums.doubtful || atomic_load(&store->md5s) == HTTP_MD5S_OTHER)
        return r;
    const struct http_sums first = range->sums;
    again.anew = true;
    r = http_exchange(store, &again, task);
    if (r == 0 && range->sums.doubtful && memcmp(range->sums.md5, first.md5, sizeof first.md5) == 0) {
        enum http_md5s unknown = HTTP_MD5S_UNKNOWN;
        atomic_compare_exchange_strong(&store->md5s, &unknown, HTTP_MD5S_OTHER);
    }
    return r;
}

int http_store_read(struct store *base, const struct read_request *request, struct task *task,
                    char **ret_value)
{
    struct http_store *store = (struct http_store *)base;
    const struct object *object = request->object;
    _cleanup_free_ char *header = request->metadata ? read_metadata_header(store, request->metadata) : NULL;
    struct http_range range = {
        .kind = store->kind,
        .object = object,
        .first = request->offset,
        .last = request->offset + request->length - 1,
        .whole = request->offset == 0 && request->length == object->size,
        .bytes = request->bytes,
        .header = header,
    };
    char range_text[64];

    if (request->metadata && !header)
        return -ENOMEM;
    snprintf(range_text, sizeof range_text, "bytes=%" PRIu64 "-%" PRIu64, range.first, range.last);
    const struct http_call call = {
        .key = request->key,
        .object = object,
        .range = range.whole ? NULL : range_text,
        .anew = request->anew,
        .into = request->bytes,
        .capacity = request->length,
        .check = read_check_range,
        .context = &range,
    };
    int r = read_twice_if_doubtful(store, &call, &range, task);
    *ret_value = range.metadata;
    return r;
}

/* --- metadata --- */

struct http_metadata {
    const struct http_kind *kind;
    const struct object *object;
    const char *header;
    char *value; /* NULL: the object has none of that name */
};

/* Whether the head is the object's at all: any 200 that is not would say that it has no metadata. */
static bool read_head_fits(const struct object *object, const struct http_answer *answer)
{
    const char *length = http_answer_header(answer, "Content-Length");
    uint64_t size;

    if (!length)
        return http_answer_header(answer, "ETag");
    return sscanf(length, "%" SCNu64, &size) == 1 && size == object->size;
}

static int read_take_metadata(void *context, const struct http_answer *answer, struct http_problem *problem)
{
    struct http_metadata *metadata = context;
    int r = read_check_version(metadata->kind, metadata->object, answer, problem);

    if (r == 0 && !read_head_fits(metadata->object, answer))
        return http_problem(problem, EBADMSG, "the answer is not about this object");
    return r < 0 ? r : read_copy_header(answer, metadata->header, &metadata->value);
}

int http_store_metadata(struct store *base, const char *key, const struct object *object, const char *name,
                        struct task *task, char **ret_value)
{
    struct http_store *store = (struct http_store *)base;
    _cleanup_free_ char *header = read_metadata_header(store, name);
    struct http_metadata metadata = {.kind = store->kind, .object = object, .header = header};

    if (!header)
        return -ENOMEM;
    const struct http_call call = {
        .key = key,
        .object = object,
        .head = true,
        .check = read_take_metadata,
        .context = &metadata,
    };
    int r = http_exchange(store, &call, task);
    if (r < 0)
        return r;
    *ret_value = metadata.value;
    return metadata.value ? 0 : -ENODATA;
}
