/* HTTP requests for many threads at once, carried by one. Private to fs/replica; its .c file and the
 * transfers know curl.
 *
 * The thread runs every transfer; connections are kept and shared by all. How many run at once is shared
 * among hosts, so that none waits for another that is silent. A caller waits for its answer, and
 * abandons it within a twentieth of a second of its task's cancellation: from then on nothing touches the
 * memory it gave. One attempt a call: whoever calls knows what may be repeated. Redirects are not followed.
 * Proxies are taken from the environment as curl takes them. Nothing here writes to the log: headers and
 * bodies, either way, may hold secrets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_field.h"
#include "litemount/array.h"

struct task;
struct http;

/* Starts the thread. `deadline_seconds`: the longest wait for an answer to begin or to go on; one that crawls
 * is no better than none, and ends sooner. 0, -ENOMEM or
 * -EREMOTEIO with a reason. */
int http_open(unsigned deadline_seconds, struct task *task, struct http **ret_http);
void http_close(struct http *http); /* NULL is fine; transfers under way end with -ECANCELED */

/* Borrowed until http_send returns. */
struct http_request {
    const char *method; /* "GET", "HEAD" (which no body answers), "POST", "PROPFIND", ... */
    const char *url;
    const struct http_field *headers; /* each value one line */
    size_t n_headers;
    const void *body; /* sent along; NULL: none, which is not the same as one of no bytes */
    size_t body_size;
    const char *user,
        *password;         /* for a server that asks for Basic or Digest; NULL: the headers say it all */
    bool fresh_connection; /* do not use one that is open already */
    bool skip_verify;      /* accept any certificate */
    int expected_status;   /* the body of an answer of this status is wanted; of others only its beginning */
    uint8_t *into;         /* takes the wanted body; NULL: it goes to the answer's text */
    size_t capacity;       /* most bytes of the wanted body: an answer that has more fails */
};

struct http_answer {
    int status;
    size_t received;       /* bytes in the request's `into` */
    struct buffer text;    /* the body otherwise */
    struct buffer headers; /* a name, a NUL, its value, a NUL: each */
    int64_t retry_after;   /* seconds that the server asks us to wait, 0: it does not say */
    char failure[384];     /* what went wrong, if no whole answer came */
};

void http_answer_finish(struct http_answer *answer);

/* The value of the answer's first header of that name, in whatever case; NULL if it has none. Part of the
 * answer. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/* Sends the request and waits for the whole answer, of whatever status. The caller finishes the answer in any
 * case. Returns 0, or with the answer's `failure` set: -ETIMEDOUT, -ECONNRESET (no connection, or it was
 * lost: worth another try), -EMSGSIZE (more body than the capacity), -EREMOTEIO (no use to try again),
 * -ECANCELED, -ENOMEM. */
int http_send(struct http *http, const struct http_request *request, struct task *task,
              struct http_answer *answer);
