/* Why a request failed, in a sentence: which store, which object, what was answered, and what would help.
 * What the server says goes into it only as far as it can't hold what we sent it in confidence. */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/task.h"

#define SUBJECT_LENGTH 160 /* bytes of a key that are shown: its end, which tells most */
#define ANSWER_SIZE 400    /* bytes of what was answered, in words */

/* What an answer means. The first row that fits counts. */
static const struct meaning {
    const char *code; /* S3's, NULL: any */
    int status;       /* HTTP's, 0: any */
    int error;        /* errno */
    const char *help; /* NULL: the server's own message */
} meanings[] = {
    {"AccessDenied", 0, EACCES, "the credentials need s3:ListBucket on the bucket and s3:GetObject below it"},
    {"InvalidAccessKeyId", 0, EACCES, "the store does not know the access-key-id; check it and the endpoint"},
    {"SignatureDoesNotMatch", 0, EACCES, "check the access-key-id and the secret-access-key"},
    {"ExpiredToken", 0, EACCES, "the session-token has expired; get a new one"},
    {"InvalidToken", 0, EACCES, "the session-token is not valid; get a new one"},
    {"RequestTimeTooSkewed", 0, EACCES, "this machine's clock is off; set it"},
    {"AuthorizationHeaderMalformed", 0, EACCES, "check the access-key-id and the region"},
    {"NoSuchBucket", 0, ENOENT, "check the bucket's name and the endpoint"},
    {"NoSuchKey", 0, ENOENT, "it was deleted, by retention as a rule"},
    {"InvalidObjectState", 0, EIO, "the object is archived; restore it in the store first"},
    {"PermanentRedirect", 0, EIO, "the bucket is elsewhere; set its region and endpoint"},
    {"TemporaryRedirect", 0, EIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 200, EIO, "the whole object came where a range was asked for; the store must support ranges"},
    {NULL, 206, EIO, "a range came where the whole object was asked for"},
    {NULL, 301, EIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 302, EIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 307, EIO, "the bucket is elsewhere; set its region and endpoint"},
    {NULL, 401, EACCES, NULL},
    {NULL, 403, EACCES, NULL},
    {NULL, 404, ENOENT, NULL},
    {NULL, 412, ESTALE, "another version stands in its place"},
    {NULL, 416, ESTALE, "it is shorter than it was when it was listed"},
    {NULL, 408, EIO, "the store is busy or unwell"},
    {NULL, 429, EIO, "the store asks for fewer requests"},
    {"SlowDown", 0, EIO, "the store asks for fewer requests"},
    {NULL, 0, EIO, NULL},
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

static const char *choose_help(const struct s3_store *s3, const struct s3_attempt *attempt,
                               const struct meaning *meaning)
{
    int status = attempt->answer.status;
    if (!s3->access_key_id && (meaning->error == EACCES || (status >= 400 && status < 500 && !meaning->help)))
        return "no credentials are configured; set access-key-id and secret-access-key";
    if (meaning->help)
        return meaning->help;
    if (*attempt->error.message && is_quotable(s3, attempt->error.message))
        return attempt->error.message;
    return status >= 500 ? "the store is busy or unwell" : "check the endpoint and the bucket";
}

/* What S3's code would be: no body comes with the refusal of a HEAD, so its status must stand for it. */
static const char *implied_code(const struct s3_call *call, int status)
{
    return !call->head ? "" : status == 403 ? "AccessDenied" : status == 404 ? "NoSuchKey" : "";
}

/* What an answer of another status than the expected one says. Returns its errno. */
static int describe_answer(const struct s3_store *s3, const struct s3_call *call,
                           const struct s3_attempt *attempt, char text[static ANSWER_SIZE])
{
    const char *code = attempt->error.code, *date = "";
    int status = attempt->answer.status;
    const struct meaning *meaning =
        find_meaning(*code ? code : implied_code(call, status), status, *call->key);

    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        date = attempt->answer.date;
    snprintf(text, ANSWER_SIZE, "answered %d%s%s: %s%s%s", status, *code ? " " : "", code,
             choose_help(s3, attempt, meaning), *date ? " (the store's says " : "", date);
    if (*date)
        strncat(text, ")", ANSWER_SIZE - strlen(text) - 1);
    return meaning->error;
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
        return EIO;
    }
}

static int describe_failure(const struct s3_attempt *attempt, char text[static ANSWER_SIZE])
{
    const char *problem = attempt->problem             ? attempt->problem
                          : attempt->code == -EMSGSIZE ? "the answer is longer than what was asked for"
                          : *attempt->answer.failure   ? attempt->answer.failure
                                                       : strerror(-attempt->code);
    if (attempt->answer.status)
        snprintf(text, ANSWER_SIZE, "answered %d: %s", attempt->answer.status, problem);
    else
        snprintf(text, ANSWER_SIZE, "%s", problem);
    return failure_errno(attempt->code);
}

int s3_refuse(const struct s3_store *s3, const struct s3_call *call, const struct s3_attempt *attempt,
              unsigned tries, struct task *task)
{
    char answered[ANSWER_SIZE], repeated[32] = "";
    size_t length = strlen(call->subject);
    const char *subject = length > SUBJECT_LENGTH ? call->subject + length - SUBJECT_LENGTH
                          : length                ? call->subject
                                                  : "all of it";
    int code = attempt->code > 0 ? describe_answer(s3, call, attempt, answered)
                                 : describe_failure(attempt, answered);

    if (code == ECANCELED)
        return -ECANCELED;
    if (tries > 1)
        snprintf(repeated, sizeof repeated, " (tried %u times)", tries);
    return task_fail(task, code, "s3://%s%s%s: %s %s%s: %s%s", s3->bucket, s3->endpoint ? " at " : "",
                     s3->endpoint ? s3->endpoint : "", call->doing, length > SUBJECT_LENGTH ? "..." : "",
                     subject, answered, repeated);
}
