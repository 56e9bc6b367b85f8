/* One HTTP transfer: what http.c's thread hands to curl (transfer_curl.c), and what the caller waits on
 * (transfer.c). Private to those three.
 *
 * The caller and the thread hold a reference each, so either may leave first: a caller that is not waited for
 * any more leaves at once, whatever curl is doing. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include <curl/curl.h>

#include "http.h"

/* How fast a body comes, measured over a while at a time. */
struct pace {
    int64_t since; /* by clock_now; 0: nothing has come yet */
    int64_t while_nanoseconds;
    uint64_t bytes; /* since then */
    bool crawls;
};

struct transfer {
    struct transfer *next;  /* in the submitted ones (guarded by their lock), then in the running ones */
    struct http_host *host; /* of whose share it is; http.c's */
    char *method, *url;
    struct curl_slist *headers;
    struct buffer body; /* what is sent */
    bool has_body;
    char *user, *password; /* NULL: none */
    bool fresh_connection, skip_verify;
    CURL *easy;                         /* the thread's */
    char failure_text[CURL_ERROR_SIZE]; /* the thread's: curl writes here */
    struct pace pace;                   /* the thread's */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ended;
    unsigned references;
    bool done;
    bool abandoned; /* the caller is gone, and `into` with it */
    int expected_status;
    uint8_t *into; /* the caller's; NULL: the answer's text takes the body */
    size_t capacity;
    bool overflowed; /* more body came than there is room for: it was stopped */
    int result;
    struct http_answer answer;
};

/* 0 and a transfer with one reference, -ENOMEM, or -EINVAL (a header of more than one line). */
int transfer_new(const struct http_request *request, struct transfer **ret_transfer);
void transfer_ref(struct transfer *transfer);
void transfer_unref(struct transfer *transfer);

/* Waits for the end and hands over the answer, or abandons the transfer when the task is cancelled. Returns
 * as http_send. */
int transfer_wait(struct transfer *transfer, struct task *task, struct http_answer *answer);
bool transfer_is_abandoned(struct transfer *transfer);

/* The thread's: makes the easy handle. `share` holds the TLS sessions. 0 or -ENOMEM. */
int transfer_prepare(struct transfer *transfer, CURLSH *share, unsigned deadline_seconds);

/* The thread's: takes over what curl knows of the answer, drops the easy handle, wakes the caller. */
void transfer_end(struct transfer *transfer, CURLcode code);
/* The same for one that did not come to an end: -ECANCELED, -ENOMEM. */
void transfer_drop(struct transfer *transfer, int result);
