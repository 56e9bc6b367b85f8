/* Where the blocks of a large snapshot stand in their object, as far as is known, and which were decoded.
 *
 * The frame has no index. But where its blocks are independent every block but the last decodes to the same
 * size, so the number of the block that holds a byte is known; and each block header tells where the next one
 * stands, so a table of them grows from the first one on. It is kept in the cache for ever. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "litemount/lz4frame.h"

struct snapshot;
struct task;
struct v03_generation;

enum block_state {
    BLOCK_NEW,
    BLOCK_DECODED, /* once, to its end, by this or by an earlier mount, and put into the cache */
    BLOCK_PUTTING, /* decoded; readers may have it already */
};

/* A part of each snapshot. */
struct blocks {
    pthread_mutex_t lock;   /* guards what is below */
    pthread_cond_t changed; /* somebody has ended finding, checking or putting */
    bool in_order;          /* they can't be decoded on their own: read from the start */
    bool finding;           /* somebody is looking for more of them */
    struct lz4_frame frame; /* never changes once there is a start */
    uint64_t *starts; /* of the block headers, in bytes from the object's start; the last was not read yet */
    size_t n_starts, starts_capacity;
    bool complete; /* the last one was read, and is the end mark */
    enum block_state *states;
    size_t states_capacity;
    size_t n_decoded; /* blocks that are not BLOCK_NEW */
    size_t n_putting; /* that are BLOCK_PUTTING */

    /* Of the checksum of the whole (snapshot_check.c). */
    bool checked;             /* it was found to hold */
    bool checking;            /* somebody is at what is below, and with it alone outside the lock */
    struct lz4_checksum *sum; /* of the first `n_summed` blocks; NULL: none */
    size_t n_summed;
};

void blocks_init(struct blocks *blocks);
void blocks_finish(struct blocks *blocks);

/* Makes sure that the table has been begun. 0; -EOPNOTSUPP: this frame has to be read in order; else an
 * errno.
 */
int blocks_begin(struct v03_generation *generation, struct snapshot *snapshot, struct task *task);

/* Begins it with a frame header that was read: the first block stands behind it. As blocks_begin. */
int blocks_take_frame(struct v03_generation *generation, struct snapshot *snapshot,
                      const struct lz4_frame *frame);

/* From now on it is read in order. Returns -EOPNOTSUPP. */
int blocks_give_up(struct snapshot *snapshot);

/* Forgets the blocks behind the last one that was decoded: a header may have come wrong. */
void blocks_drop_guesses(struct v03_generation *generation, struct snapshot *snapshot);

/* Keeps the table in the cache; takes it out again, for it may be wrong. */
void blocks_remember(struct v03_generation *generation, struct snapshot *snapshot);
void blocks_forget(struct v03_generation *generation, struct snapshot *snapshot);

/* One block's place. Plain value. */
struct block_place {
    size_t number;
    uint64_t start; /* of its header in the object, bytes */
    uint64_t end;   /* of the next one's; 0: its own was not read yet */
};

/* Where block `wanted` is, or the last one if the table is complete and there are not so many. If that is not
 * known: false, and the place of the first block whose header was not read. */
bool blocks_get(struct snapshot *snapshot, uint64_t wanted, struct block_place *ret_place);

/* Takes in the header of block `number`, of an object that was read from already: now it is known where the
 * next one stands, or that none follows. 0; -EOPNOTSUPP: this frame has to be read in order; -EBADMSG, with a
 * reason, or -ENOMEM. */
int blocks_note_header(struct v03_generation *generation, struct snapshot *snapshot, size_t number,
                       const uint8_t header[static LZ4_BLOCK_HEADER_SIZE], struct task *task);

/* Takes in where the blocks behind block `number` stand. 0 or -ENOMEM. */
int blocks_note_starts(struct snapshot *snapshot, size_t number, const uint64_t *starts, size_t n,
                       bool complete);

/* Sets a block's state. */
void blocks_note_state(struct snapshot *snapshot, size_t number, enum block_state state);
bool blocks_is_decoded(struct snapshot *snapshot, size_t number);

/* What a block decodes to, in bytes; 0 while that is not known, or if they have to be read in order. */
uint32_t blocks_size(struct snapshot *snapshot);

/* How many blocks there are, and of how many bytes in the object each on average; as the database's header
 * tells, until the table is complete. Neither is 0. */
size_t blocks_expected(struct snapshot *snapshot, uint64_t *ret_bytes);

/* Whether block `number` is known to begin where its number says, so that it need not be decoded to its end:
 * it is the first, or there are as many as full blocks make. */
bool blocks_are_full(struct snapshot *snapshot, size_t number);

/* block_find.c: as blocks_get, but finds it. 0; -EOPNOTSUPP: this frame has to be read in order; -EBADMSG; or
 * an errno of a read. */
int blocks_find(struct v03_generation *generation, struct snapshot *snapshot, uint64_t wanted,
                struct task *task, struct block_place *ret_place);
