/* The parts of the S3 store: s3.c has its row and knows its settings, s3_request.c makes and signs requests,
 * s3_xml.c reads what is answered, s3_region.c learns where the bucket is, s3_refusal.c knows what its codes
 * mean, s3_sums.c which checksums it tells. Private to those six. */
#pragma once

#include <pthread.h>

#include "http_store.h"
#include "s3_address.h"
#include "s3_xml.h"

struct s3_store {
    struct http_store http; /* must stay first */

    /* Settings: the configuration's own texts. */
    const char *bucket, *endpoint, *configured_region;
    bool path_style;
    const char *access_key_id, *secret_access_key, *session_token; /* NULL: anonymous; no token */
    const char *sse_key;                                           /* base64; NULL: none */
    char *sse_key_md5;                                             /* likewise */

    pthread_mutex_t lock;        /* guards the region */
    char region[S3_REGION_SIZE]; /* "" while nothing is known */
    unsigned region_revision;    /* how often it was learnt */
};

static inline struct s3_place s3_place(const struct s3_store *s3)
{
    return (struct s3_place){s3->endpoint, s3->bucket, s3->path_style};
}

/* Copies the region to ask in, and returns its revision. */
unsigned s3_get_region(struct s3_store *s3, char region[static S3_REGION_SIZE]);

/* The region that an answer says the bucket is in; false: none that can be one. */
bool s3_answer_region(const struct http_answer *answer, char region[static S3_REGION_SIZE]);

/* What the kind brings: see struct http_kind. */
extern const struct http_meaning s3_meanings[];
bool s3_etag_is_md5(const struct http_answer *answer, const char *etag);
int s3_prepare(struct http_store *store, const struct http_call *call, struct task *task,
               struct http_prepared *prepared);
void s3_parse_error(const struct http_call *call, const struct http_answer *answer,
                    struct http_error *ret_error);
bool s3_learn_region(struct http_store *store, const struct http_attempt *attempt);
void s3_explain(const struct http_store *store, const struct http_call *call,
                const struct http_attempt *attempt, struct http_words *words);
bool s3_tells_secret(const struct http_store *store, const char *message);
