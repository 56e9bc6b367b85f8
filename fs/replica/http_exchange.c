/* A call, until it is answered as it should be: what is worth another try gets one, and what a kind learns
 * from a refusal is tried at once. */
#include "http_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "litemount/cleanup.h"
#include "litemount/clock.h"
#include "litemount/task.h"
#include "request_log.h"

#define LEARNINGS_MAX 3          /* refusals in a row from which a kind may learn */
#define BACKOFF_MILLISECONDS 100 /* before the second try; then doubled */
#define BACKOFF_MAX_MILLISECONDS 5000
#define RETRY_AFTER_MAX_SECONDS 30 /* however long the server asks us to wait */
#define SLICE_MILLISECONDS 50      /* of a pause, between two looks at the task */

/* --- what is sent --- */

int http_prepared_add(struct http_prepared *prepared, const char *name, const char *value)
{
    if (!value)
        return 0;
    char *copy = prepared->n_headers < HTTP_HEADERS_MAX ? strdup(value) : NULL;
    if (!copy)
        return -ENOMEM;
    prepared->headers[prepared->n_headers++] = (struct http_field){name, copy};
    return 0;
}

/* A kind may have put its login into any of it, or a signature that stands for it. */
static void exchange_finish_prepared(struct http_prepared *prepared)
{
    for (size_t i = 0; i < prepared->n_headers; i++) {
        char *value = (char *)prepared->headers[i].value;
        explicit_bzero(value, strlen(value));
        free(value);
    }
    buffer_wipe(&prepared->body);
    buffer_wipe(&prepared->url);
}

static int exchange_prepare(struct http_store *store, const struct http_call *call, struct task *task,
                            struct http_prepared *prepared)
{
    prepared->method = call->head ? "HEAD" : "GET";
    prepared->expected_status = call->range ? 206 : 200;
    int r = store->kind->prepare(store, call, task, prepared);
    /* Not signed: what it is for, a cache on the way, may also take it out. */
    return r < 0 ? r : http_prepared_add(prepared, "cache-control", call->anew ? "no-cache" : NULL);
}

static int exchange_send(const struct http_store *store, const struct http_call *call,
                         const struct http_prepared *prepared, struct task *task, struct http_answer *answer)
{
    const struct http_request request = {
        .method = prepared->method,
        .url = (const char *)prepared->url.data,
        .headers = prepared->headers,
        .n_headers = prepared->n_headers,
        .body = prepared->body.data,
        .body_size = prepared->body.size,
        .user = prepared->user,
        .password = prepared->password,
        .fresh_connection = call->anew,
        .skip_verify = store->skip_verify,
        .expected_status = prepared->expected_status,
        .into = call->into,
        .capacity = call->capacity,
    };
    return http_send(store->store.http, &request, task, answer);
}

/* --- an attempt --- */

static void exchange_finish_attempt(struct http_attempt *attempt)
{
    http_answer_finish(&attempt->answer);
}

static void exchange_log(const struct http_store *store, const struct http_call *call,
                         const struct http_prepared *prepared, const struct http_attempt *attempt,
                         int64_t start, const struct task *task)
{
    const struct http_answer *answer = &attempt->answer;
    const struct request_log log = {.method = call->list ? "LIST" : prepared->method,
                                    .store = store->name,
                                    .object = call->key,
                                    .range = call->range ? call->range : "",
                                    .start = start,
                                    .bytes = answer->received + answer->text.size};
    char outcome[160];

    if (attempt->code < 0)
        snprintf(outcome, sizeof outcome, "%s", strerror(-attempt->code));
    else
        snprintf(outcome, sizeof outcome, "%d", answer->status);
    request_log_write(&log, outcome, task);
}

static void exchange_attempt(struct http_store *store, const struct http_call *call, struct task *task,
                             struct http_attempt *attempt)
{
    _cleanup_(exchange_finish_prepared) struct http_prepared prepared = {0};
    struct http_answer *answer = &attempt->answer;
    int64_t start = clock_now();

    attempt->code = exchange_prepare(store, call, task, &prepared);
    attempt->is_unprepared = attempt->code < 0;
    attempt->revision = prepared.revision;
    if (attempt->is_unprepared)
        return;
    atomic_fetch_add(&store->store.requests, 1);
    attempt->code = exchange_send(store, call, &prepared, task, answer);
    atomic_fetch_add(&store->store.bytes, answer->received + answer->text.size);
    if (attempt->code == 0 && answer->status == prepared.expected_status) {
        attempt->code = call->check(call->context, answer, &attempt->problem);
    } else if (attempt->code == 0) {
        attempt->code = 1;
        store->kind->parse_error(call, answer, &attempt->error);
    }
    exchange_log(store, call, &prepared, attempt, start, task);
}

/* --- the next one --- */

/* Only what the store means, and would say again, is taken at once. The rest may be the way's doing or a
 * passing state's: a proxy's page, another request's answer, a redirect to nowhere. */
static bool exchange_is_worth_another_try(const struct http_attempt *attempt)
{
    if (attempt->code > 0)
        switch (attempt->answer.status) {
        case 400:
        case 401:
        case 403:
        case 404:
        case 412:
        case 416:
            return false;
        default:
            return true;
        }
    return !attempt->is_unprepared && attempt->code != -ECANCELED && attempt->code != -ENOMEM &&
           attempt->code != -EREMOTEIO;
}

/* The pause grows, and differs between the many that were refused at the same moment. */
static int exchange_pause(unsigned attempt, int64_t retry_after, struct task *task)
{
    uint32_t longest = BACKOFF_MAX_MILLISECONDS;
    if (attempt < 6)
        longest = BACKOFF_MILLISECONDS << attempt;
    uint32_t pause = longest / 2 + arc4random_uniform(longest / 2);
    if (retry_after > RETRY_AFTER_MAX_SECONDS)
        retry_after = RETRY_AFTER_MAX_SECONDS;
    if (retry_after > 0 && pause < retry_after * 1000)
        pause = (uint32_t)retry_after * 1000;

    const struct timespec slice = {.tv_nsec = SLICE_MILLISECONDS * 1000000};
    for (uint32_t slept = 0; slept < pause; slept += SLICE_MILLISECONDS) {
        if (task_cancelled(task))
            return -ECANCELED;
        nanosleep(&slice, NULL);
    }
    return 0;
}

static bool exchange_learns(struct http_store *store, const struct http_attempt *attempt)
{
    return attempt->code > 0 && store->kind->learn && store->kind->learn(store, attempt);
}

int http_exchange(struct http_store *store, const struct http_call *call, struct task *task)
{
    unsigned tries = 1, n_learnt = 0;
    for (;;) {
        _cleanup_(exchange_finish_attempt) struct http_attempt attempt = {0};
        struct http_call again = *call;
        again.anew = call->anew || tries > 1;
        exchange_attempt(store, &again, task, &attempt);
        if (attempt.code == 0)
            return 0;
        if (n_learnt < LEARNINGS_MAX && exchange_learns(store, &attempt)) {
            n_learnt++;
            continue;
        }
        if (tries >= store->store.attempts || !exchange_is_worth_another_try(&attempt))
            return http_refuse(store, call, &attempt, tries, task);
        int r = exchange_pause(tries, attempt.answer.retry_after, task);
        if (r < 0)
            return r;
        atomic_fetch_add(&store->store.retries, 1);
        tries++;
    }
}
