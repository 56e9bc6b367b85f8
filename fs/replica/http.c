#include "http.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "transfer.h"

#define RUNNING_MAX 128                 /* transfers at once, over all hosts */
#define IDLE_MILLISECONDS (3600 * 1000) /* the thread wakes up by itself this often at least */

/* One that was asked. A host may be silent, and have all that is asked of it wait: so it gets no more than
 * there is left for the others. It has half of the transfers if it is alone, a third if there are two. */
struct http_host {
    struct http_host *next;
    size_t n_running;   /* the thread's */
    size_t name_length; /* bytes: of HOST:PORT, as a URL has it */
    char name[];
};

struct http {
    CURLM *multi;
    CURLSH *share; /* TLS sessions; only the thread uses it */
    pthread_t thread;
    unsigned deadline_seconds;
    struct transfer *running; /* the thread's, each with its reference */
    size_t n_running;

    pthread_mutex_t lock; /* guards what follows */
    struct transfer *submitted,
        **submitted_end;     /* first come, first served, by each host; a reference each */
    struct http_host *hosts; /* none is ever taken out */
    bool closing;
};

static bool http_is_closing(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    bool closing = http->closing;
    pthread_mutex_unlock(&http->lock);
    return closing;
}

static bool http_has_room(const struct http *http, const struct http_host *host)
{
    return host->n_running < RUNNING_MAX - http->n_running;
}

/* Of the transfers whose host has room the one that waits longest, with its reference; NULL if none waits. */
static struct transfer *http_take_submitted(struct http *http)
{
    pthread_mutex_lock(&http->lock);
    struct transfer **link = &http->submitted;
    while (*link && !http_has_room(http, (*link)->host))
        link = &(*link)->next;
    struct transfer *transfer = *link;
    if (transfer) {
        *link = transfer->next;
        if (!*link)
            http->submitted_end = link;
    }
    pthread_mutex_unlock(&http->lock);
    return transfer;
}

static void http_start(struct http *http, struct transfer *transfer)
{
    int r = transfer_is_abandoned(transfer) ? -ECANCELED : 0;

    if (r == 0)
        r = transfer_prepare(transfer, http->share, http->deadline_seconds);
    if (r == 0 && curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
        r = -ENOMEM;
    if (r < 0) {
        transfer_drop(transfer, r);
        transfer_unref(transfer);
        return;
    }
    transfer->next = http->running;
    http->running = transfer;
    http->n_running++;
    transfer->host->n_running++;
}

static void http_start_submitted(struct http *http)
{
    struct transfer *transfer;
    while ((transfer = http_take_submitted(http)))
        http_start(http, transfer);
}

/* Nothing runs any more, so there is room for each. */
static void http_drop_submitted(struct http *http)
{
    struct transfer *transfer;
    while ((transfer = http_take_submitted(http))) {
        transfer_drop(transfer, -ECANCELED);
        transfer_unref(transfer);
    }
}

/* Takes the transfer out of the running ones; the thread's reference goes to the caller. */
static void http_stop_running(struct http *http, struct transfer *transfer)
{
    struct transfer **link = &http->running;
    while (*link != transfer)
        link = &(*link)->next;
    *link = transfer->next;
    http->n_running--;
    transfer->host->n_running--;
    curl_multi_remove_handle(http->multi, transfer->easy);
}

/* Drops the running transfers that nobody waits for, or all of them. */
static void http_drop_running(struct http *http, bool all)
{
    for (struct transfer *transfer = http->running, *next; transfer; transfer = next) {
        next = transfer->next;
        if (all || transfer_is_abandoned(transfer)) {
            http_stop_running(http, transfer);
            transfer_drop(transfer, -ECANCELED);
            transfer_unref(transfer);
        }
    }
}

/* Returns whether any transfer came to its end, so that there is room for others. */
static bool http_end_finished(struct http *http)
{
    const CURLMsg *message;
    bool any = false;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct transfer *transfer = NULL;
        CURLcode code = message->data.result; /* read now: the message goes with the handle */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        http_stop_running(http, transfer);
        transfer_end(transfer, code);
        transfer_unref(transfer);
        any = true;
    }
    return any;
}

static void *http_carry(void *argument)
{
    struct http *http = argument;
    int active;

    while (!http_is_closing(http)) {
        http_drop_running(http, false);
        http_start_submitted(http);
        curl_multi_perform(http->multi, &active);
        if (!http_end_finished(http))
            curl_multi_poll(http->multi, NULL, 0, IDLE_MILLISECONDS, NULL);
    }
    http_drop_running(http, true);
    http_drop_submitted(http);
    return NULL;
}

/* The host and port that the URL names, without a login; NULL without memory. */
static struct http_host *http_find_host_locked(struct http *http, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *name = scheme_end ? scheme_end + 3 : url;
    const char *end = name + strcspn(name, "/?#");
    const char *login_end = memrchr(name, '@', (size_t)(end - name));
    struct http_host *host;

    if (login_end)
        name = login_end + 1;
    size_t length = (size_t)(end - name);
    for (host = http->hosts; host; host = host->next)
        if (host->name_length == length && memcmp(host->name, name, length) == 0)
            return host;
    host = calloc(1, sizeof *host + length);
    if (!host)
        return NULL;
    host->name_length = length;
    memcpy(host->name, name, length);
    host->next = http->hosts;
    http->hosts = host;
    return host;
}

/* 0 or -ENOMEM. */
static int http_submit(struct http *http, struct transfer *transfer)
{
    pthread_mutex_lock(&http->lock);
    transfer->host = http_find_host_locked(http, transfer->url);
    bool submitted = transfer->host;
    if (submitted) {
        transfer_ref(transfer);
        *http->submitted_end = transfer;
        http->submitted_end = &transfer->next;
    }
    pthread_mutex_unlock(&http->lock);
    curl_multi_wakeup(http->multi);
    return submitted ? 0 : -ENOMEM;
}

int http_send(struct http *http, const struct http_request *request, struct task *task,
              struct http_answer *answer)
{
    struct transfer *transfer;
    *answer = (struct http_answer){0};
    int r = transfer_new(request, &transfer);
    if (r == -EINVAL)
        snprintf(answer->failure, sizeof answer->failure, "a header of the request has more than one line");
    if (r < 0)
        return r == -EINVAL ? -EREMOTEIO : r;
    r = http_submit(http, transfer);
    if (r == 0)
        r = transfer_wait(transfer, task, answer);
    if (r == -ECANCELED)
        curl_multi_wakeup(http->multi);
    transfer_unref(transfer);
    return r;
}

/* Frees what http_open made so far. */
static void http_free(struct http *http)
{
    curl_multi_cleanup(http->multi);
    curl_share_cleanup(http->share);
    curl_global_cleanup();
    pthread_mutex_destroy(&http->lock);
    for (struct http_host *host = http->hosts, *next; host; host = next) {
        next = host->next;
        free(host);
    }
    free(http);
}

static void http_free_pointer(struct http **http)
{
    if (*http)
        http_free(*http);
}

int http_open(unsigned deadline_seconds, struct task *task, struct http **ret_http)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return task_fail(task, EREMOTEIO,
                         "no store can be reached over HTTP: libcurl does not start; check that it and its "
                         "TLS library are whole");
    _cleanup_(http_free_pointer) struct http *http = calloc(1, sizeof *http);
    if (!http) {
        curl_global_cleanup();
        return -ENOMEM;
    }
    pthread_mutex_init(&http->lock, NULL);
    http->deadline_seconds = deadline_seconds;
    http->submitted_end = &http->submitted;
    http->multi = curl_multi_init();
    http->share = curl_share_init();
    if (!http->multi || !http->share)
        return -ENOMEM;
    curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)RUNNING_MAX);
    int r = pthread_create(&http->thread, NULL, http_carry, http);
    if (r != 0)
        return task_fail(task, r == EAGAIN ? ENOMEM : r, "no thread for the network: %s", strerror(r));
    *ret_http = steal_pointer(http);
    return 0;
}

void http_close(struct http *http)
{
    if (!http)
        return;
    pthread_mutex_lock(&http->lock);
    http->closing = true;
    pthread_mutex_unlock(&http->lock);
    curl_multi_wakeup(http->multi);
    pthread_join(http->thread, NULL);
    http_free(http);
}
