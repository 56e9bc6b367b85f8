/* A request, until it is answered as it should be: what is worth another try gets one, and a bucket that
 * turns out to be in another region is asked there, by everybody from then on. */
#include "s3.h"

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

#define MOVES_MAX 3              /* answers in a row that say the bucket is elsewhere */
#define BACKOFF_MILLISECONDS 100 /* before the second try; then doubled */
#define BACKOFF_MAX_MILLISECONDS 5000
#define RETRY_AFTER_MAX_SECONDS 30 /* however long the server asks us to wait */
#define SLICE_MILLISECONDS 50      /* of a pause, between two looks at the task */

void s3_get_region(struct s3_store *s3, char region[static S3_REGION_SIZE])
{
    pthread_mutex_lock(&s3->lock);
    memcpy(region, s3->region, S3_REGION_SIZE);
    pthread_mutex_unlock(&s3->lock);
}

/* Whether the answer says that the bucket is in another region than the request was sent to, or somebody else
 * has learnt so meanwhile. */
static bool learn_region(struct s3_store *s3, const struct s3_attempt *attempt)
{
    const char *region = s3_answer_region(attempt);
    int status = attempt->answer.status;
    bool moved = status == 301 || status == 302 || status == 307 || status == 400;

    if (attempt->code < 0 || !moved || !s3_region_is_valid(region))
        return false;
    pthread_mutex_lock(&s3->lock);
    bool changed = strcmp(s3->region, attempt->region) != 0;
    if (!changed && strcmp(region, *s3->region ? s3->region : S3_REGION_DEFAULT) != 0) {
        snprintf(s3->region, sizeof s3->region, "%s", region);
        changed = true;
    }
    pthread_mutex_unlock(&s3->lock);
    return changed;
}

/* Only what the store means, and would say again, is taken at once. The rest may be the way's doing or a
 * passing state's: a proxy's page, another request's answer, a redirect to nowhere. */
static bool is_worth_another_try(const struct s3_attempt *attempt)
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
    return attempt->code != -ECANCELED && attempt->code != -ENOMEM && attempt->code != -EREMOTEIO;
}

/* The pause grows, and differs between the many that were refused at the same moment. */
static int pause_before_retry(unsigned attempt, int64_t retry_after, struct task *task)
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

static void log_attempt(const struct s3_store *s3, const struct s3_call *call,
                        const struct s3_attempt *attempt, int64_t start, const struct task *task)
{
    const struct http_answer *answer = &attempt->answer;
    struct request_log log = {.method = call->head   ? "HEAD"
                                        : *call->key ? "GET"
                                                     : "LIST",
                              .store = s3->bucket,
                              .object = call->subject,
                              .range = "",
                              .start = start,
                              .bytes = answer->received + answer->text.size};
    char outcome[160];

    for (size_t i = 0; i < call->n_headers; i++)
        if (strcmp(call->headers[i].name, "range") == 0)
            log.range = call->headers[i].value;
    if (attempt->code < 0)
        snprintf(outcome, sizeof outcome, "%s", strerror(-attempt->code));
    else
        snprintf(outcome, sizeof outcome, "%d", answer->status);
    request_log_write(&log, outcome, task);
}

const char *s3_answer_region(const struct s3_attempt *attempt)
{
    const char *region = http_answer_header(&attempt->answer, "x-amz-bucket-region");
    return region ? region : attempt->error.region;
}

static void make_attempt(struct s3_store *s3, const struct s3_call *call, struct task *task,
                         struct s3_attempt *attempt)
{
    struct http_answer *answer = &attempt->answer;
    int64_t start = clock_now();

    s3_get_region(s3, attempt->region);
    atomic_fetch_add(&s3->store.requests, 1);
    attempt->code = s3_send(s3, call, attempt->region, task, answer);
    atomic_fetch_add(&s3->store.bytes, answer->received + answer->text.size);
    if (attempt->code == 0 && answer->status == call->expected_status) {
        attempt->code = call->check(call->context, answer, &attempt->problem);
    } else if (attempt->code == 0) {
        attempt->code = 1;
        s3_error_parse(answer->text.data, answer->text.size, &attempt->error);
    }
    log_attempt(s3, call, attempt, start, task);
}

static void attempt_finish(struct s3_attempt *attempt)
{
    http_answer_finish(&attempt->answer);
}

int s3_exchange(struct s3_store *s3, const struct s3_call *call, struct task *task)
{
    unsigned tries = 1, moves = 0;
    for (;;) {
        _cleanup_(attempt_finish) struct s3_attempt attempt = {0};
        struct s3_call again = *call;
        again.anew = call->anew || tries > 1;
        make_attempt(s3, &again, task, &attempt);
        if (attempt.code == 0)
            return 0;
        if (moves < MOVES_MAX && learn_region(s3, &attempt)) {
            moves++;
            continue;
        }
        if (tries >= s3->store.attempts || !is_worth_another_try(&attempt))
            return s3_refuse(s3, call, &attempt, tries, task);
        int r = pause_before_retry(tries, attempt.answer.retry_after, task);
        if (r < 0)
            return r;
        atomic_fetch_add(&s3->store.retries, 1);
        tries++;
    }
}
