#include "recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "folder.h"

struct recent_piece {
    LIST_ENTRY(recent_piece) in_bucket;
    TAILQ_ENTRY(recent_piece) in_order;
    struct digest digest;
    uint64_t index;
    bool last;
    size_t length;
    uint8_t bytes[];
};

static struct recent_bucket *recent_bucket_of(struct recent *recent, const struct digest *digest,
                                              uint64_t index)
{
    return &recent->buckets[(digest_number(digest) + index) % RECENT_BUCKETS];
}

static struct recent_piece *recent_find(struct recent *recent, const struct digest *digest, uint64_t index)
{
    struct recent_piece *piece;
    for (piece = LIST_FIRST(recent_bucket_of(recent, digest, index)); piece;
         piece = LIST_NEXT(piece, in_bucket))
        if (piece->index == index && memcmp(&piece->digest, digest, sizeof *digest) == 0)
            return piece;
    return NULL;
}

static void recent_drop(struct recent *recent, struct recent_piece *piece)
{
    LIST_REMOVE(piece, in_bucket);
    TAILQ_REMOVE(&recent->order, piece, in_order);
    recent->bytes -= sizeof *piece + piece->length;
    free(piece);
}

void recent_init(struct recent *recent)
{
    *recent = (struct recent){0};
    pthread_mutex_init(&recent->lock, NULL);
    TAILQ_INIT(&recent->order);
}

void recent_finish(struct recent *recent)
{
    while (!TAILQ_EMPTY(&recent->order))
        recent_drop(recent, TAILQ_FIRST(&recent->order));
    pthread_mutex_destroy(&recent->lock);
}

void recent_put(struct recent *recent, const struct digest *digest, uint64_t index, const uint8_t *bytes,
                size_t length, bool last)
{
    struct recent_piece *piece = malloc(sizeof *piece + length), *old;

    if (!piece)
        return;
    piece->digest = *digest;
    piece->index = index;
    piece->last = last;
    piece->length = length;
    if (length)
        memcpy(piece->bytes, bytes, length);
    pthread_mutex_lock(&recent->lock);
    old = recent_find(recent, digest, index);
    if (old)
        recent_drop(recent, old);
    LIST_INSERT_HEAD(recent_bucket_of(recent, digest, index), piece, in_bucket);
    TAILQ_INSERT_TAIL(&recent->order, piece, in_order);
    recent->bytes += sizeof *piece + length;
    while (recent->bytes > RECENT_LIMIT)
        recent_drop(recent, TAILQ_FIRST(&recent->order));
    pthread_mutex_unlock(&recent->lock);
}

int recent_get(struct recent *recent, const struct digest *digest, uint64_t index, size_t skip, size_t wanted,
               uint8_t *bytes, size_t *ret_length, bool *ret_last)
{
    struct recent_piece *piece;
    size_t length;
    bool last;

    pthread_mutex_lock(&recent->lock);
    piece = recent_find(recent, digest, index);
    if (!piece) {
        pthread_mutex_unlock(&recent->lock);
        return -ENOENT;
    }
    if (skip < piece->length)
        memcpy(bytes, piece->bytes + skip, piece->length - skip < wanted ? piece->length - skip : wanted);
    TAILQ_REMOVE(&recent->order, piece, in_order);
    TAILQ_INSERT_TAIL(&recent->order, piece, in_order);
    length = piece->length;
    last = piece->last;
    pthread_mutex_unlock(&recent->lock);
    *ret_length = length;
    *ret_last = last;
    return 0;
}

bool recent_has(struct recent *recent, const struct digest *digest, uint64_t index)
{
    pthread_mutex_lock(&recent->lock);
    bool found = recent_find(recent, digest, index);
    pthread_mutex_unlock(&recent->lock);
    return found;
}

void recent_discard(struct recent *recent, const struct digest *digest)
{
    struct recent_piece *piece, *next;

    pthread_mutex_lock(&recent->lock);
    for (piece = TAILQ_FIRST(&recent->order); piece; piece = next) {
        next = TAILQ_NEXT(piece, in_order);
        if (memcmp(&piece->digest, digest, sizeof *digest) == 0)
            recent_drop(recent, piece);
    }
    pthread_mutex_unlock(&recent->lock);
}
