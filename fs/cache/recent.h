/* The pieces that were made last and could not be stored, in memory: so that the next reader of the same
 * block does not make it again. The least recently used go first. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct digest;

#define RECENT_LIMIT (32u << 20) /* bytes, overhead included */
#define RECENT_BUCKETS 4096

struct recent_piece;
LIST_HEAD(recent_bucket, recent_piece);
TAILQ_HEAD(recent_order, recent_piece);

struct recent {
    pthread_mutex_t lock; /* guards what follows; held for a copy of memory at most */
    struct recent_bucket buckets[RECENT_BUCKETS];
    struct recent_order order; /* least recently used first */
    size_t bytes;
};

void recent_init(struct recent *recent);
void recent_finish(struct recent *recent);

/* Keeps a copy of a piece, if there is memory for it. */
void recent_put(struct recent *recent, const struct digest *digest, uint64_t index, const uint8_t *bytes,
                size_t length, bool last);

/* Copies up to `wanted` bytes of the piece from `skip` on, and tells its whole length. 0, or -ENOENT. */
int recent_get(struct recent *recent, const struct digest *digest, uint64_t index, size_t skip, size_t wanted,
               uint8_t *bytes, size_t *ret_length, bool *ret_last);

/* Whether the piece is there. */
bool recent_has(struct recent *recent, const struct digest *digest, uint64_t index);

/* Drops all pieces of an image. */
void recent_discard(struct recent *recent, const struct digest *digest);
