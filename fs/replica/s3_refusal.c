/* Why a request failed, in a sentence: which store, which object, what was answered, and what would help.
 * What the server says goes into it only as far as it can't hold what we sent it in confidence. */
#include "s3.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "litemount/task.h"

#define SUBJECT_LENGTH 160 /* bytes of a key that are shown: its end, which tells most */

/* What was answered, in words; cut where it becomes too long. */
struct words {
    char text[400];
    size_t length;
};

static void __attribute__((format(printf, 2, 3))) words_add(struct words *words, const char *format, ...)
{
    size_t room = sizeof words->text - words->length;
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(words->text + words->length, room, format, arguments);
    va_end(arguments);
    words->length += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* What an answer means. The first row that fits counts. */
static const struct meaning {
    const char *code; /* S3's, NULL: any */
    int status;       /* HTTP's, 0: any */
    int error;        /* errno */
    const char *help; /* NULL: the server's own message */
} meanings[] = {
    {"AccessDenied", 0, EACCES, "the credentials do not allow it"},
    {"InvalidAccessKeyId", 0, EACCES, "the store does not know the access-key-id; check it and the endpoint"},
    {"SignatureDoesNotMatch", 0, EACCES, "check the access-key-id and the secret-access-key"},
    {"ExpiredToken", 0, EACCES, "the session-token has expired; get a new one"},
    {"InvalidToken", 0, EACCES, "the session-token is not valid; get a new one"},
    {"RequestTimeTooSkewed", 0, EACCES, "set this machine's clock"},
    {"AuthorizationHeaderMalformed", 0, EACCES, "check the access-key-id, the region and the endpoint"},
    {"NoSuchBucket", 0, ENOENT, "check the bucket's name and the endpoint"},
    {"NoSuchKey", 0, ENOENT, "it was deleted, by retention as a rule"},
    {"InvalidObjectState", 0, EREMOTEIO, "the object is archived; restore it in the store first"},
    {"PermanentRedirect", 0, EREMOTEIO, "the bucket is elsewhere; set its region and endpoint"},
    {"TemporaryRedirect", 0, EREMOTEIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 200, EREMOTEIO, "the whole object came for a range; the store must support ranges"},
    {NULL, 206, EREMOTEIO, "a range came where the whole object was asked for"},
    {NULL, 301, EREMOTEIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 302, EREMOTEIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 307, EREMOTEIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 401, EACCES, NULL},
    {NULL, 403, EACCES, NULL},
    {NULL, 404, ENOENT, NULL},
    {NULL, 412, ESTALE, "another version stands in its place"},
    {NULL, 416, ESTALE, "it is shorter than it was when it was listed"},
    {NULL, 408, EREMOTEIO, "the store is busy or unwell"},
    {NULL, 429, EREMOTEIO, "the store asks for fewer requests"},
    {"SlowDown", 0, EREMOTEIO, "the store asks for fewer requests"},
    {NULL, 0, EREMOTEIO, NULL},
};

/* Only a read has conditions that can fail: to a listing, ESTALE is no answer. */
static bool fits(const struct meaning *meaning, const char *code, int status, bool is_read)
{
    return (!meaning->code || strcmp(meaning->code, code) == 0) &&
           (!meaning->status || meaning->status == status) && (meaning->error != ESTALE || is_read);
}

static const struct meaning *find_meaning(const char *code, int status, bool is_read)
{
    const struct meaning *meaning = meanings;
    while (!fits(meaning, code, status, is_read))
        meaning++;
    return meaning;
}

/* A server that repeats the request in its message would put our signature or token into the log. */
static bool is_quotable(const struct s3_store *s3, const char *message)
{
    return !strstr(message, "Signature=") && !strstr(message, "Credential=") &&
           !(s3->session_token && strstr(message, s3->session_token)) &&
           !(s3->access_key_id && strstr(message, s3->access_key_id)) &&
           !(s3->sse_key && strstr(message, s3->sse_key));
}

/* What stands between us and the store, a proxy or a hotel's network, speaks HTML. */
static bool is_web_page(const struct http_answer *answer)
{
    const char *type = http_answer_header(answer, "Content-Type");
    return type && strncasecmp(type, "text/html", strlen("text/html")) == 0;
}

static const char *choose_help(const struct s3_store *s3, const struct s3_attempt *attempt,
                               const struct meaning *meaning)
{
    int status = attempt->answer.status;
    if (status < 300 && is_web_page(&attempt->answer))
        return "a web page came, not what was asked for; check the endpoint and the proxies on the way";
    if (status < 300 && attempt->answer.text.size == 0)
        return "nothing came where something was asked for";
    if (!s3->access_key_id && (meaning->error == EACCES || (status >= 400 && status < 500 && !meaning->help)))
        return "no credentials are configured; set access-key-id and secret-access-key";
    if (meaning->help)
        return meaning->help;
    if (*attempt->error.message && is_quotable(s3, attempt->error.message))
        return attempt->error.message;
    if (status >= 500)
        return "the store is busy or unwell";
    return *attempt->error.code ? "check the endpoint and the bucket" : "not as S3 would; check the endpoint";
}

/* What S3's code would be: no body comes with the refusal of a HEAD, so its status must stand for it. */
static const char *implied_code(const struct s3_call *call, int status)
{
    return !call->head ? "" : status == 403 ? "AccessDenied" : status == 404 ? "NoSuchKey" : "";
}

/* Adds which right is missing: a policy's action, and the resource that it must be allowed on. */
static void add_missing_right(const struct s3_store *s3, const struct s3_call *call, struct words *words)
{
    if (s3->access_key_id)
        words_add(words, ": they lack %s on arn:aws:s3:::%s%s", *call->key ? "s3:GetObject" : "s3:ListBucket",
                  s3->bucket, *call->key ? "/*" : "");
}

/* Adds by how much the clock is off, by the store's date. */
static void add_skew(const struct http_answer *answer, struct words *words)
{
    struct tm time_of_day = {0};
    const char *date = http_answer_header(answer, "Date");

    if (!date || !strptime(date, "%a, %d %b %Y %H:%M:%S", &time_of_day))
        return;
    long long ahead = (long long)(time(NULL) - timegm(&time_of_day));
    unsigned long long seconds = ahead < 0 ? -(unsigned long long)ahead : (unsigned long long)ahead;
    words_add(words, ": it is %lluh%llum%llus %s the store's (%s)", seconds / 3600, seconds / 60 % 60,
              seconds % 60, ahead < 0 ? "behind" : "ahead of", date);
}

/* Adds the region that the store named. */
static void add_region(const struct s3_attempt *attempt, struct words *words)
{
    const char *region = s3_answer_region(attempt);

    if (s3_region_is_valid(region))
        words_add(words, ": the store says it is in %s", region);
}

/* What an answer of another status than the expected one says. Returns its errno. */
static int describe_answer(const struct s3_store *s3, const struct s3_call *call,
                           const struct s3_attempt *attempt, struct words *words)
{
    const char *code = attempt->error.code;
    int status = attempt->answer.status;
    const char *meant = *code ? code : implied_code(call, status);
    const struct meaning *meaning = find_meaning(meant, status, *call->key);

    words_add(words, "answered %d%s%s: %s", status, *code ? " " : "", code,
              choose_help(s3, attempt, meaning));
    if (strcmp(meant, "AccessDenied") == 0)
        add_missing_right(s3, call, words);
    else if (strcmp(code, "RequestTimeTooSkewed") == 0)
        add_skew(&attempt->answer, words);
    else if (status < 401)
        add_region(attempt, words);
    /* A folder that is not there is an empty listing; a listing that is answered so has no bucket at all. */
    return meaning->error == ENOENT && !*call->key ? EREMOTEIO : meaning->error;
}

/* The errno for a transfer without a usable answer. */
static int failure_errno(int code)
{
    switch (-code) {
    case ETIMEDOUT:
    case ECANCELED:
    case ESTALE:
    case ENOMEM:
        return -code;
    default:
        return EREMOTEIO;
    }
}

static int describe_failure(const struct s3_attempt *attempt, struct words *words)
{
    const char *problem = *attempt->problem.text       ? attempt->problem.text
                          : attempt->code == -EMSGSIZE ? "the answer is longer than what was asked for"
                          : *attempt->answer.failure   ? attempt->answer.failure
                                                       : strerror(-attempt->code);
    if (attempt->answer.status)
        words_add(words, "answered %d: %s", attempt->answer.status,
                  is_web_page(&attempt->answer) ? "a web page came: " : "");
    words_add(words, "%s", problem);
    return failure_errno(attempt->code);
}

int s3_problem(struct s3_problem *problem, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return -code;
}

int s3_refuse(const struct s3_store *s3, const struct s3_call *call, const struct s3_attempt *attempt,
              unsigned tries, struct task *task)
{
    struct words answered = {0};
    char repeated[32] = "";
    size_t length = strlen(call->subject);
    const char *subject = length > SUBJECT_LENGTH ? call->subject + length - SUBJECT_LENGTH
                          : length                ? call->subject
                                                  : "all of it";
    int code = attempt->code > 0 ? describe_answer(s3, call, attempt, &answered)
                                 : describe_failure(attempt, &answered);

    if (code == ECANCELED)
        return -ECANCELED;
    if (tries > 1)
        snprintf(repeated, sizeof repeated, " (tried %u times)", tries);
    return task_fail(task, code, "s3://%s%s%s: %s %s%s: %s%s", s3->bucket, s3->endpoint ? " at " : "",
                     s3->endpoint ? s3->endpoint : "", call->doing, length > SUBJECT_LENGTH ? "..." : "",
                     subject, answered.text, repeated);
}
