/* What S3 says when it refuses: its codes, and what else it tells that helps.
 *
 * Source: Amazon S3 API Reference, "Error responses". */
#include "s3.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ELSEWHERE "the bucket is elsewhere; set its region and endpoint"

const struct http_meaning s3_meanings[] = {
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
    {"PermanentRedirect", 0, EREMOTEIO, ELSEWHERE},
    {"TemporaryRedirect", 0, EREMOTEIO, ELSEWHERE},
    {"SlowDown", 0, EREMOTEIO, "the store asks for fewer requests"},
    {NULL, 301, EREMOTEIO, ELSEWHERE},
    {NULL, 302, EREMOTEIO, ELSEWHERE},
    {NULL, 307, EREMOTEIO, ELSEWHERE},
    {0},
};

void s3_parse_error(const struct http_call *call, const struct http_answer *answer,
                    struct http_error *ret_error)
{
    struct s3_error said;

    s3_error_parse(answer->text.data, answer->text.size, &said);
    snprintf(ret_error->code, sizeof ret_error->code, "%s", said.code);
    snprintf(ret_error->message, sizeof ret_error->message, "%s", said.message);
    ret_error->is_implied = call->head && !*said.code;
    if (ret_error->is_implied && answer->status == 403)
        snprintf(ret_error->code, sizeof ret_error->code, "AccessDenied");
    else if (ret_error->is_implied && answer->status == 404)
        snprintf(ret_error->code, sizeof ret_error->code, "NoSuchKey");
}

/* Which right is missing: a policy's action, and the resource that it must be allowed on. */
static void s3_explain_right(const struct s3_store *s3, const struct http_call *call,
                             struct http_words *words)
{
    if (s3->access_key_id)
        http_words_add(words, ": they lack %s on arn:aws:s3:::%s%s",
                       call->list ? "s3:ListBucket" : "s3:GetObject", s3->bucket, call->list ? "" : "/*");
}

void s3_explain(const struct http_store *store, const struct http_call *call,
                const struct http_attempt *attempt, struct http_words *words)
{
    char region[S3_REGION_SIZE];

    if (strcmp(attempt->error.code, "AccessDenied") == 0)
        s3_explain_right((const struct s3_store *)store, call, words);
    else if (strcmp(attempt->error.code, "RequestTimeTooSkewed") == 0)
        http_words_add_skew(words, &attempt->answer);
    else if (attempt->answer.status < 401 && s3_answer_region(&attempt->answer, region))
        http_words_add(words, ": the store says it is in %s", region);
}

/* A server that repeats the request in its message would put our signature or token into the log. */
bool s3_tells_secret(const struct http_store *store, const char *message)
{
    const struct s3_store *s3 = (const struct s3_store *)store;
    return strstr(message, "Signature=") || strstr(message, "Credential=") ||
           (s3->session_token && strstr(message, s3->session_token)) ||
           (s3->access_key_id && strstr(message, s3->access_key_id)) ||
           (s3->sse_key && strstr(message, s3->sse_key));
}
