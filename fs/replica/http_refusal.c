/* Why a request failed, in a sentence: which store, which object, what was answered, and what would help.
 * What the server says goes into it only as far as it can't hold what we sent it in confidence. */
#include "http_store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "litemount/task.h"

#define SUBJECT_LENGTH 160 /* bytes of a key that are shown: its end, which tells most */

void http_words_add(struct http_words *words, const char *format, ...)
{
    size_t room = sizeof words->text - words->length;
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(words->text + words->length, room, format, arguments);
    va_end(arguments);
    words->length += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* What HTTP's own statuses mean. The first row that fits counts. */
static const struct http_meaning status_meanings[] = {
    {NULL, 200, EREMOTEIO, "the whole object came for a range; the store must support ranges"},
    {NULL, 206, EREMOTEIO, "a range came where the whole object was asked for"},
    {NULL, 401, EACCES, NULL},
    {NULL, 403, EACCES, NULL},
    {NULL, 404, ENOENT, NULL},
    {NULL, 412, ESTALE, "another version stands in its place"},
    {NULL, 416, ESTALE, "it is shorter than it was when it was listed"},
    {NULL, 408, EREMOTEIO, "the store is busy or unwell"},
    {NULL, 429, EREMOTEIO, "the store asks for fewer requests"},
    {NULL, 0, EREMOTEIO, NULL},
};

/* Only a read has conditions that can fail: to a listing, ESTALE is no answer. */
static bool refusal_fits(const struct http_meaning *meaning, const struct http_call *call,
                         const struct http_attempt *attempt)
{
    return (!meaning->code || strcmp(meaning->code, attempt->error.code) == 0) &&
           (!meaning->status || meaning->status == attempt->answer.status) &&
           (meaning->error != ESTALE || !call->list);
}

static const struct http_meaning *refusal_find_meaning(const struct http_kind *kind,
                                                       const struct http_call *call,
                                                       const struct http_attempt *attempt)
{
    const struct http_meaning *meaning = kind->meanings;
    while (meaning->error && !refusal_fits(meaning, call, attempt))
        meaning++;
    if (meaning->error)
        return meaning;
    for (meaning = status_meanings; !refusal_fits(meaning, call, attempt);)
        meaning++;
    return meaning;
}

/* What stands between us and the store, a proxy or a hotel's network, speaks HTML. */
static bool refusal_is_web_page(const struct http_answer *answer)
{
    const char *type = http_answer_header(answer, "Content-Type");
    return type && strncasecmp(type, "text/html", strlen("text/html")) == 0;
}

/* What would help, as far as the row of the meaning or the server says. */
static const char *refusal_choose_help(const struct http_store *store, const struct http_attempt *attempt,
                                       const struct http_meaning *meaning)
{
    const struct http_error *error = &attempt->error;
    int status = attempt->answer.status;

    if (status < 300 && refusal_is_web_page(&attempt->answer))
        return "a web page came, not what was asked for; check the endpoint and the proxies on the way";
    if (status < 300 && attempt->answer.text.size == 0)
        return "nothing came where something was asked for";
    if (store->anonymous && (meaning->error == EACCES || (status >= 400 && status < 500 && !meaning->help)))
        return store->kind->login_help;
    if (meaning->help)
        return meaning->help;
    if (*error->message && !store->kind->tells_secret(store, error->message))
        return error->message;
    if (status >= 500)
        return "the store is busy or unwell";
    return *error->code ? store->kind->place_help : NULL;
}

void http_words_add_skew(struct http_words *words, const struct http_answer *answer)
{
    struct tm time_of_day = {0};
    const char *date = http_answer_header(answer, "Date");

    if (!date || !strptime(date, "%a, %d %b %Y %H:%M:%S", &time_of_day))
        return;
    long long ahead = (long long)(time(NULL) - timegm(&time_of_day));
    unsigned long long seconds = ahead < 0 ? -(unsigned long long)ahead : (unsigned long long)ahead;
    http_words_add(words, ": it is %lluh%llum%llus %s the store's (%s)", seconds / 3600, seconds / 60 % 60,
                   seconds % 60, ahead < 0 ? "behind" : "ahead of", date);
}

/* What an answer of another status than the expected one says. Returns its errno. */
static int refusal_describe_answer(const struct http_store *store, const struct http_call *call,
                                   const struct http_attempt *attempt, struct http_words *words)
{
    const struct http_kind *kind = store->kind;
    const struct http_meaning *meaning = refusal_find_meaning(kind, call, attempt);
    const char *code = attempt->error.is_implied ? "" : attempt->error.code;
    const char *help = refusal_choose_help(store, attempt, meaning);

    http_words_add(words, "answered %d%s%s: ", attempt->answer.status, *code ? " " : "", code);
    if (help)
        http_words_add(words, "%s", help);
    else
        http_words_add(words, "not as %s would; check the endpoint", kind->protocol);
    if (kind->explain)
        kind->explain(store, call, attempt, words);
    /* A folder that is not there is an empty listing; a listing that is answered so has no store at all. */
    return meaning->error == ENOENT && call->list ? EREMOTEIO : meaning->error;
}

/* The errno for a transfer without a usable answer. */
static int refusal_errno(int code)
{
    switch (-code) {
    case ETIMEDOUT:
    case ECANCELED:
    case ESTALE:
    case EACCES:
    case ENOMEM:
        return -code;
    default:
        return EREMOTEIO;
    }
}

static int refusal_describe_failure(const struct http_attempt *attempt, struct http_words *words)
{
    const char *problem = *attempt->problem.text       ? attempt->problem.text
                          : attempt->code == -EMSGSIZE ? "the answer is longer than what was asked for"
                          : *attempt->answer.failure   ? attempt->answer.failure
                                                       : strerror(-attempt->code);
    if (attempt->answer.status)
        http_words_add(words, "answered %d: %s", attempt->answer.status,
                       refusal_is_web_page(&attempt->answer) ? "a web page came: " : "");
    http_words_add(words, "%s", problem);
    return refusal_errno(attempt->code);
}

int http_problem(struct http_problem *problem, int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return -code;
}

int http_refuse(const struct http_store *store, const struct http_call *call,
                const struct http_attempt *attempt, unsigned tries, struct task *task)
{
    const char *doing = call->list ? "listing" : call->head ? "reading the metadata of" : "reading";
    struct http_words answered = {0};
    char repeated[32] = "";
    size_t length = strlen(call->key);
    const char *subject = length > SUBJECT_LENGTH ? call->key + length - SUBJECT_LENGTH
                          : length                ? call->key
                                                  : "all of it";
    int code = attempt->code > 0 ? refusal_describe_answer(store, call, attempt, &answered)
                                 : refusal_describe_failure(attempt, &answered);

    if (code == ECANCELED)
        return -ECANCELED;
    if (tries > 1)
        snprintf(repeated, sizeof repeated, " (tried %u times)", tries);
    return task_fail(task, code, "%s: %s %s%s: %s%s", store->where, doing,
                     length > SUBJECT_LENGTH ? "..." : "", subject, answered.text, repeated);
}
