/* Finding all blocks of an LZ4 frame whose store is far away.
 *
 * Each block header tells only where the next one stands, so to hop through a frame costs a round trip a
 * block. Here the frame is cut into parts, in each of which a place is searched for that looks like a block's
 * beginning; from all of them at once runs a probe of hops. What was found so is a hint: a beginning counts
 * once the chain of headers from one that is known leads to it, and probes that lead nowhere are left out.
 *
 * Knows nothing of snapshots or of the cache. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litemount/lz4frame.h"

struct task;

/* The object to look into. Plain value; everything is borrowed. */
struct probe_object {
    /* Reads exactly `length` bytes from `offset`: 0 or a negative errno. Called from several threads. */
    int (*read)(void *context, uint64_t offset, size_t length, void *bytes, struct task *task);
    void *context;
    uint64_t size; /* bytes */
    struct lz4_frame frame;
};

/* What the chain was found to be. Zero-initialise, finish with probe_chain_finish. */
struct probe_chain {
    uint64_t *starts; /* of the block headers behind the first, in bytes from the object's start */
    size_t n_starts, capacity;
    bool complete; /* the last one is the end mark */
};

void probe_chain_finish(struct probe_chain *chain);

/* How many probes are worth it for so many blocks of so many bytes each on average, at a round trip of so
 * many nanoseconds; 1: none. */
size_t probe_count(size_t blocks, uint64_t block_bytes, int64_t round_trip);

/* Follows the chain from the block header at `first` as far as it holds, on `count` probes. 0, even if it
 * breaks; -ENOMEM; or the errno of a read. */
int probe_follow(const struct probe_object *object, uint64_t first, size_t count, uint64_t block_bytes,
                 struct task *task, struct probe_chain *chain);
