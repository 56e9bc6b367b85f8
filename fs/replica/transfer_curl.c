/* The thread's side of a transfer: what curl is told, and what it tells. */
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/clock.h"

#define CONNECT_SECONDS 10        /* longest wait for a connection */
#define TOTAL_SECONDS 600         /* longest life of a transfer, however steadily it trickles */
#define CRAWL_SECONDS 10          /* over which a body is measured */
#define CRAWL_BYTES_A_SECOND 1000 /* fewer are as good as none */
#define RECEIVE_SIZE (128L << 10) /* bytes that curl takes from a socket at once */
#define UNWANTED_MAX (64u << 10)  /* bytes kept of a body that was not expected */

/* Keeps a piece of the body where it belongs. Returns whether the transfer goes on. */
static bool transfer_keep_body(struct transfer *transfer, int status, const void *bytes, size_t length)
{
    struct http_answer *answer = &transfer->answer;
    bool wanted = status == transfer->expected_status;
    bool to_caller = wanted && transfer->into;
    size_t used = to_caller ? answer->received : answer->text.size;
    size_t room = (wanted ? transfer->capacity : UNWANTED_MAX) - used;

    if (transfer->abandoned)
        return false;
    if (length > room) {
        transfer->overflowed = true;
        return false;
    }
    if (!to_caller)
        return buffer_append(&answer->text, bytes, length) == 0;
    memcpy(transfer->into + used, bytes, length);
    answer->received += length;
    return true;
}

/* Notes that bytes came. Bytes that don't come are curl's to notice. */
static void transfer_note_pace(struct pace *pace, size_t bytes)
{
    int64_t now = clock_now();

    if (!pace->since)
        pace->since = now;
    pace->bytes += bytes;
    int64_t passed = now - pace->since;
    if (passed < pace->while_nanoseconds)
        return;
    pace->crawls = (double)pace->bytes * 1e9 < (double)CRAWL_BYTES_A_SECOND * (double)passed;
    pace->since = now;
    pace->bytes = 0;
}

static size_t transfer_take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    long status = 0;

    transfer_note_pace(&transfer->pace, size * count);
    if (transfer->pace.crawls)
        return 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    pthread_mutex_lock(&transfer->lock);
    bool goes_on = transfer_keep_body(transfer, (int)status, bytes, size * count);
    pthread_mutex_unlock(&transfer->lock);
    return goes_on ? size * count : 0;
}

/* What is asked, and what is sent along. 0 or -ENOMEM. */
static int transfer_set_method(const struct transfer *transfer, CURL *easy)
{
    if (strcmp(transfer->method, "HEAD") == 0)
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK ? 0 : -ENOMEM;
    if (transfer->has_body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body.size ? (char *)transfer->body.data : "");
    }
    return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, transfer->method) == CURLE_OK ? 0 : -ENOMEM;
}

/* A server that asks for a login gets it within the same transfer. */
static int transfer_set_login(const struct transfer *transfer, CURL *easy)
{
    if (!transfer->user)
        return 0;
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    return curl_easy_setopt(easy, CURLOPT_USERNAME, transfer->user) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_PASSWORD, transfer->password) == CURLE_OK
               ? 0
               : -ENOMEM;
}

int transfer_prepare(struct transfer *transfer, CURLSH *share, unsigned deadline_seconds)
{
    CURL *easy = transfer->easy = curl_easy_init();
    transfer->pace.while_nanoseconds =
        INT64_C(1000000000) * (deadline_seconds < CRAWL_SECONDS ? deadline_seconds : CRAWL_SECONDS);
    if (!easy || curl_easy_setopt(easy, CURLOPT_URL, transfer->url) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_USERAGENT, "litemount/" LITEMOUNT_VERSION) != CURLE_OK ||
        transfer_set_method(transfer, easy) < 0 || transfer_set_login(transfer, easy) < 0)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, transfer->fresh_connection ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_SHARE, share);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->failure_text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, transfer_take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
    /* A key may hold "//" and "..": curl must not tidy it. */
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    /* Ranges side by side want a connection each, not one window that they share. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    /* Else a lookup of a name that hangs would hang the thread when its transfer is given up. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)TOTAL_SECONDS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)deadline_seconds);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, transfer->skip_verify ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, transfer->skip_verify ? 0L : 2L);
    return 0;
}

/* 0 or -ENOMEM. */
static int transfer_copy_head(CURL *easy, struct http_answer *answer)
{
    long status = 0;
    curl_off_t retry_after = 0;
    struct curl_header *header = NULL;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer->status = (int)status;
    answer->retry_after = retry_after;
    while ((header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header))) {
        size_t length = strcspn(header->value, "\r\n"); /* curl leaves the line's end in an empty one */
        if (buffer_append(&answer->headers, header->name, strlen(header->name) + 1) < 0 ||
            buffer_append(&answer->headers, header->value, length) < 0 ||
            buffer_append(&answer->headers, "", 1) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The errno for the way a transfer ended: it says whether another try makes sense, which it does unless it is
 * our own fault or a matter of trust. Of a body that was not expected the beginning is enough. */
static int transfer_errno(CURLcode code, bool overflowed, bool wanted, bool crawls)
{
    if (crawls)
        return -ETIMEDOUT;
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_WRITE_ERROR:
        return !overflowed ? -ENOMEM : wanted ? -EMSGSIZE : 0;
    case CURLE_FAILED_INIT:
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
        return -EREMOTEIO;
    default:
        return -ECONNRESET;
    }
}

/* What would help. */
static const char *transfer_find_hint(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; install its authority's certificate, or accept any with skip-verify";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "; check the endpoint, the region and the network";
    case CURLE_COULDNT_CONNECT:
        return "; check the endpoint and the network";
    case CURLE_SSL_CONNECT_ERROR:
        return "; the endpoint may speak http, not https";
    default:
        return "";
    }
}

static void transfer_describe_failure(const struct transfer *transfer, CURLcode code, char *text, size_t size)
{
    if (transfer->pace.crawls)
        snprintf(text, size, "the answer crawls: less than %d bytes a second", CRAWL_BYTES_A_SECOND);
    else
        snprintf(text, size, "%s%s",
                 transfer->failure_text[0] ? transfer->failure_text : curl_easy_strerror(code),
                 transfer_find_hint(code));
}

static void transfer_wake_caller(struct transfer *transfer, int result)
{
    transfer->result = result;
    transfer->done = true;
    pthread_cond_signal(&transfer->ended);
}

void transfer_end(struct transfer *transfer, CURLcode code)
{
    pthread_mutex_lock(&transfer->lock);
    int copied = transfer_copy_head(transfer->easy, &transfer->answer);
    if (code != CURLE_OK)
        transfer_describe_failure(transfer, code, transfer->answer.failure, sizeof transfer->answer.failure);
    bool wanted = transfer->answer.status == transfer->expected_status;
    int result = transfer_errno(code, transfer->overflowed, wanted, transfer->pace.crawls);
    transfer_wake_caller(transfer, result < 0 ? result : copied);
    pthread_mutex_unlock(&transfer->lock);
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
}

void transfer_drop(struct transfer *transfer, int result)
{
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    pthread_mutex_lock(&transfer->lock);
    snprintf(transfer->answer.failure, sizeof transfer->answer.failure, "%s", strerror(-result));
    transfer_wake_caller(transfer, result);
    pthread_mutex_unlock(&transfer->lock);
}
