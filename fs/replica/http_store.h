/* Stores that are reached over HTTP: what they have in common, and what each kind of them brings.
 *
 * Common are attempts and the pauses between them (http_exchange.c), listings page by page (http_list.c),
 * reads whose answers are held against what was asked for in range, length, version and checksums
 * (http_read.c), and the sentence that says why a request failed (http_refusal.c). A kind brings a struct
 * http_kind, and a row of struct store_ops (store.h) whose list, read and metadata are those below. Private
 * to fs/replica. */
#pragma once

#include "http.h"
#include "http_sums.h"
#include "store.h"

#define HTTP_HEADERS_MAX 16 /* of a request */
#define HTTP_DATE_SIZE 40   /* bytes of "Fri, 24 May 2013 00:00:00 GMT", with a NUL and some room */

struct http_kind;
struct task;

/* The first field of each such kind's own struct. The kind fills it when it opens the store, and frees
 * `where`. */
struct http_store {
    struct store store; /* must stay first */
    const struct http_kind *kind;
    char *where;      /* the store in messages: "s3://bucket at https://HOST"; without secrets */
    const char *name; /* the same in the log: "bucket"; the kind's */
    bool skip_verify; /* accept any certificate */
    bool anonymous;   /* requests go without a login */
    _Atomic enum http_md5s md5s;
};

/* What is wrong with an answer, in words; "": nothing. */
struct http_problem {
    char text[192];
};

/* Notes the problem and returns -code. */
int http_problem(struct http_problem *problem, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What is asked of a store: a page of a listing, or a version of an object. All is borrowed. */
struct http_call {
    const struct list_request *list; /* NULL: it is no listing */
    const char *token;               /* of the listing's page; NULL: the first one */

    const char *key;             /* of the object; of a listing its prefix, for messages */
    const struct object *object; /* as it was listed: no other version will do; of a listing NULL */
    const char *range;           /* "bytes=FIRST-LAST"; NULL: all of it */
    bool head;                   /* what stands beside the bytes alone, such as the metadata */

    bool anew;     /* past caches, in a connection of its own */
    uint8_t *into; /* as http_request has it */
    size_t capacity;

    /* Whether an answer of the expected status is what was asked for: 0, -EBADMSG or (it is of another
     * version of the object) -ESTALE with the problem in words, or -ENOMEM. Is asked of every attempt. */
    int (*check)(void *context, const struct http_answer *answer, struct http_problem *problem);
    void *context;
};

/* A call as its kind sends it, made anew for every attempt. */
struct http_prepared {
    const char *method; /* a constant; "GET" or "HEAD" unless the kind says another */
    struct buffer url;  /* with a NUL */
    struct http_field headers[HTTP_HEADERS_MAX]; /* added by http_prepared_add */
    size_t n_headers;
    struct buffer body;          /* sent along, if the kind puts any bytes there */
    const char *user, *password; /* as http_request has them; the store's */
    int expected_status;         /* 200, of a range 206, unless the kind says another */
    unsigned revision;           /* what the kind knew when it prepared this: see `learn` */
};

/* Adds a header; the name is a constant, the value is copied, of NULL nothing is added. 0 or -ENOMEM. */
int http_prepared_add(struct http_prepared *prepared, const char *name, const char *value);

/* The header by which the store answers 412 if it has another version of the object than the listed one:
 * If-Match with an ETag, or where the version is none If-Unmodified-Since. `date` is where the value may be
 * put. */
struct http_field http_version_condition(const struct object *object, char date[static HTTP_DATE_SIZE]);

/* What a refusal says. Each text is "" if it has none, and cut if it has too much. */
struct http_error {
    char code[64];     /* "AccessDenied" */
    char message[200]; /* a sentence, in the server's words */
    bool is_implied;   /* the code is what the status stands for: no body came */
};

/* One attempt at a call, and what came of it. */
struct http_attempt {
    int code; /* 0: as expected; 1: another status; else the negative errno of the kind's prepare, of
                 http_send or of the call's check */
    bool is_unprepared;          /* it is prepare's: nothing was sent */
    unsigned revision;           /* of what was prepared */
    struct http_problem problem; /* the check's */
    struct http_answer answer;   /* as far as there is one */
    struct http_error error;     /* if the status is another */
};

/* One page of a listing. Keys are the store's, in any order. Owns everything. */
struct http_page {
    struct listing listing;
    char *token;  /* asks for the next page; NULL: this is the last one */
    char *prefix; /* the page says that it is of this other listing; NULL: it does not say so */
};

void http_page_finish(struct http_page *page);

/* What an answer means. */
struct http_meaning {
    const char *code; /* the store's, NULL: any */
    int status;       /* HTTP's, 0: any */
    int error;        /* errno; ESTALE is for reads alone */
    const char *help; /* what would help; NULL: the server's own message */
};

/* A sentence that grows; cut where it becomes too long. */
struct http_words {
    char text[400];
    size_t length;
};

void http_words_add(struct http_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds by how much this machine's clock is off, by the answer's date. */
void http_words_add_skew(struct http_words *words, const struct http_answer *answer);

/* A kind of HTTP store. */
struct http_kind {
    const char *protocol;        /* whose rules its answers follow, for messages: "S3" */
    const char *metadata_prefix; /* of the headers that tell user metadata: "x-amz-meta-" */
    const char *version_header;  /* of the header that tells an answer's version: "ETag" */
    const char *login_help;      /* what to do if there is no login and one may be needed */
    const char *place_help;      /* what to check if an answer says no more than that something is wrong */
    size_t page_bytes;           /* most bytes of a page's text */
    struct http_sums_rule sums;
    const struct http_meaning *meanings; /* what its codes mean, and where it has none its statuses: before
                                            what HTTP's do; a row without an errno ends them */

    /* Makes the request of a call: URL, login, and the condition on the version. Headers must not hold more
     * than one line. 0, or a negative errno with a reason (-ENOMEM needs none): the call fails, it is not
     * tried again. */
    int (*prepare)(struct http_store *store, const struct http_call *call, struct task *task,
                   struct http_prepared *prepared);

    /* Reads a page of a listing. The version of an object that has an ETag (or what version_header tells) is
     * that in quotes; else it is what else changes with the content. 0, -ENOMEM, or -EBADMSG: it is none, or
     * not whole. */
    int (*parse_page)(const struct list_request *request, const struct http_answer *answer,
                      struct http_page *ret_page);

    /* Reads as much of a refusal as can be read. */
    void (*parse_error)(const struct http_call *call, const struct http_answer *answer,
                        struct http_error *ret_error);

    /* Learns from a refusal by what the next attempt may do better: a region, a fresh token. Whether there is
     * anything, or has been since `revision`; then the attempt does not count. NULL: there is nothing to
     * learn. */
    bool (*learn)(struct http_store *store, const struct http_attempt *attempt);

    /* Adds to the sentence what else is known of a refusal, such as the right that is missing. NULL: nothing.
     */
    void (*explain)(const struct http_store *store, const struct http_call *call,
                    const struct http_attempt *attempt, struct http_words *words);

    /* Whether the server's message repeats what we sent it in confidence. */
    bool (*tells_secret)(const struct http_store *store, const char *message);
};

/* Sends the call until it is answered as expected, which its check has seen, or there is no use. 0, else as
 * replica_list and replica_read, with a reason. */
int http_exchange(struct http_store *store, const struct http_call *call, struct task *task);

/* Notes in a sentence why the call failed, after `tries` attempts of which `attempt` is the last. Returns the
 * errno that replica.h promises. */
int http_refuse(const struct http_store *store, const struct http_call *call,
                const struct http_attempt *attempt, unsigned tries, struct task *task);

/* A row's list, read and metadata. */
int http_store_list(struct store *store, const struct list_request *request, struct task *task,
                    struct listing *listing);
int http_store_read(struct store *store, const struct read_request *request, struct task *task,
                    char **ret_value);
int http_store_metadata(struct store *store, const char *key, const struct object *object, const char *name,
                        struct task *task, char **ret_value);
