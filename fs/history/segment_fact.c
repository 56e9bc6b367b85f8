#include "segment_fact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

/* The fact is private to this machine and version: the structs as they stand in memory, then the frames. The
 * cache checks that what comes back is what was put. */
#define KIND "frames"
#define FACT_VERSION 1

struct segment_fact {
    uint32_t version;
    struct wal_header header;
    uint64_t size;
    uint32_t chain_before[2], chain_after[2];
    uint64_t n_frames;
};

void segment_fact_put(struct cache *cache, const char *identity, const struct wal_segment *found)
{
    struct segment_fact fact;
    struct buffer buffer = {0};

    memset(&fact, 0, sizeof fact); /* padding too: it is written out */
    fact.version = FACT_VERSION;
    fact.header = found->header;
    fact.size = found->size;
    memcpy(fact.chain_before, found->chain_before, sizeof fact.chain_before);
    memcpy(fact.chain_after, found->chain_after, sizeof fact.chain_after);
    fact.n_frames = found->n_frames;
    if (buffer_append(&buffer, &fact, sizeof fact) == 0 &&
        buffer_append(&buffer, found->frames, found->n_frames * sizeof *found->frames) == 0)
        cache_put_fact(cache, identity, KIND, buffer.data, buffer.size);
    buffer_finish(&buffer);
}

static int take(const struct buffer *buffer, struct wal_segment *ret_found)
{
    struct segment_fact fact;
    _cleanup_free_ struct wal_frame *frames = NULL;
    size_t bytes;

    if (buffer->size < sizeof fact)
        return -ENOENT;
    memcpy(&fact, buffer->data, sizeof fact);
    if (fact.version != FACT_VERSION || __builtin_mul_overflow(fact.n_frames, sizeof *frames, &bytes) ||
        bytes != buffer->size - sizeof fact)
        return -ENOENT;
    frames = malloc(bytes + 1);
    if (!frames)
        return -ENOENT;
    memcpy(frames, buffer->data + sizeof fact, bytes);
    *ret_found = (struct wal_segment){.header = fact.header,
                                      .size = fact.size,
                                      .chain_before = {fact.chain_before[0], fact.chain_before[1]},
                                      .chain_after = {fact.chain_after[0], fact.chain_after[1]},
                                      .frames = steal_pointer(frames),
                                      .n_frames = fact.n_frames};
    return 0;
}

int segment_fact_get(struct cache *cache, const char *identity, struct wal_segment *ret_found)
{
    struct buffer buffer = {0};
    int r = cache_get_fact(cache, identity, KIND, &buffer);
    if (r == 0)
        r = take(&buffer, ret_found);
    buffer_finish(&buffer);
    return r;
}
