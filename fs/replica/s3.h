/* The parts of the S3 store: s3.c knows its settings, s3_read.c reads, s3_list.c lists, s3_exchange.c
 * repeats what is worth it and learns where the bucket is, s3_send.c signs and sends one request,
 * s3_refusal.c says in a sentence why one failed. Private to those six. */
#pragma once

#include <pthread.h>

#include "http.h"
#include "s3_address.h"
#include "s3_xml.h"
#include "sigv4.h"
#include "store.h"

struct task;

/* What a store's ETags of 32 hex digits turned out to be. */
enum s3_etags { S3_ETAGS_UNKNOWN, S3_ETAGS_MD5, S3_ETAGS_OTHER };

struct s3_store {
    struct store store; /* must stay first */
    char *bucket, *endpoint, *configured_region;
    bool path_style, skip_verify;
    char *access_key_id, *secret_access_key, *session_token; /* NULL: anonymous; no token */
    char *sse_key, *sse_key_md5;                             /* base64; NULL: none */

    _Atomic enum s3_etags etags;

    pthread_mutex_t lock; /* guards the region */
    char region[S3_REGION_SIZE];
};

/* What is wrong with an answer, in words; "": nothing. */
struct s3_problem {
    char text[192];
};

/* Notes the problem and returns -code. */
int s3_problem(struct s3_problem *problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One GET of the bucket or of an object in it, or a HEAD of one. */
struct s3_call {
    bool head;
    bool anew;           /* past caches, in a connection of its own */
    const char *doing;   /* for messages: "listing", "reading" */
    const char *subject; /* for messages: the prefix or the key */
    const char *key;     /* the object; "": the bucket */
    const struct sigv4_pair *query;
    size_t n_query;
    const struct sigv4_pair *headers; /* names in lower case */
    size_t n_headers;
    bool with_encryption_key; /* send the SSE-C headers, if there is a key */
    int expected_status;
    uint8_t *body; /* as http_request has it */
    size_t capacity;

    /* Whether an answer of the expected status is what was asked for: 0, -EBADMSG or (it is of another
     * version of the object) -ESTALE with the problem in words, or -ENOMEM. Is asked of every attempt. */
    int (*check)(void *context, const struct http_answer *answer, struct s3_problem *problem);
    void *context;
};

struct s3_place s3_place(const struct s3_store *s3);

/* Copies the region in use; "" while nothing is known. */
void s3_get_region(struct s3_store *s3, char region[static S3_REGION_SIZE]);

/* The store's calls. */
int s3_read(struct store *store, const struct read_request *request, struct task *task, char **ret_value);
int s3_metadata(struct store *store, const char *key, const struct object *object, const char *name,
                struct task *task, char **ret_value);
int s3_list(struct store *store, const struct list_request *request, struct task *task,
            struct listing *listing);

/* Sends the call until it is answered as expected, which its check has seen, or there is no use. 0, else as
 * replica_list and replica_read, with a reason. */
int s3_exchange(struct s3_store *s3, const struct s3_call *call, struct task *task);

/* Sends the call once, to and signed for `region`. As http_send. */
int s3_send(const struct s3_store *s3, const struct s3_call *call, const char *region, struct task *task,
            struct http_answer *answer);

/* One attempt at a call, and what came of it. */
struct s3_attempt {
    char region[S3_REGION_SIZE]; /* where it was sent; "" while nothing is known */
    int code;                    /* 0: as expected; 1: another status; else the negative errno of s3_send or
                                    of the call's check */
    struct s3_problem problem;   /* the check's */
    struct http_answer answer;   /* as far as there is one */
    struct s3_error error;       /* if the status is another */
};

/* The region that the answer says the bucket is in; "" if it does not say. */
const char *s3_answer_region(const struct s3_attempt *attempt);

/* Notes in a sentence why the call failed, after `tries` attempts of which `attempt` is the last. Returns the
 * errno that replica.h promises. */
int s3_refuse(const struct s3_store *s3, const struct s3_call *call, const struct s3_attempt *attempt,
              unsigned tries, struct task *task);
