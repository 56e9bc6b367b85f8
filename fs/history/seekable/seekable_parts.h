/* A seekable frame's insides, shared by the files of this folder. Each uses only those above it. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "litemount/lz4frame.h"
#include "seekable.h"

enum block_state {
    BLOCK_NEW,
    BLOCK_DECODED, /* once, to its end, by this or by an earlier process, and put */
    BLOCK_PUTTING, /* decoded; readers may have it already */
};

struct block_table {
    bool in_order;          /* blocks can't be decoded on their own, or not be told by number */
    bool finding;           /* somebody is looking for more of them */
    bool complete;          /* the last start is the end mark's */
    struct lz4_frame frame; /* never changes once there is a start */
    uint64_t *starts; /* of the block headers, in bytes from the object's start; the last was not read yet */
    enum block_state *states;
    size_t n_starts, starts_capacity, states_capacity;
    size_t n_decoded;  /* blocks that are not BLOCK_NEW */
    size_t n_putting;  /* that are BLOCK_PUTTING */
    uint64_t expected; /* bytes of the content, as the owner was told; 0: that is not known */
    uint64_t end;      /* bytes of the content, once the last block was decoded; 0: it was not */
};

struct content_sum {
    bool checked;             /* it was found to hold */
    bool busy;                /* somebody is at what is below, alone and without the lock */
    struct lz4_checksum *sum; /* of the first `n_summed` blocks; NULL: none */
    size_t n_summed;
};

#define SEQUENTIAL_RANGES 8  /* ranges of the object in memory at once */
#define SEQUENTIAL_MAKERS 16 /* blocks that are being decoded at once, at most */

/* One range: a few round trips' worth of the line. */
struct sequential_range {
    enum { RANGE_EMPTY, RANGE_FETCHING, RANGE_THERE } state;
    uint8_t *bytes;
    size_t length;
    unsigned users; /* blocks being copied from it */
};

struct sequential {
    pthread_mutex_t lock; /* guards what is below, but for the bytes of ranges that are fetched or used */
    pthread_cond_t changed;
    unsigned n_makers; /* who are at it now; what follows holds while there are any */
    size_t number;     /* the block at the front: the first that nobody has taken */
    uint64_t start;    /* of its header in the object, bytes */
    uint64_t origin;   /* where range 0 begins in the object */
    uint64_t first;    /* the first range that is still held */
    struct sequential_range ranges[SEQUENTIAL_RANGES]; /* range i is item i modulo their number */
    size_t decoding[SEQUENTIAL_MAKERS];                /* the blocks that were taken and are not yet made */
    size_t n_decoding;
};

struct seekable {
    struct seekable_owner owner;
    atomic_int_least64_t round_trip; /* nanoseconds: of the fastest small read; 0: there was none */
    pthread_mutex_t lock;            /* guards the table, and the sum as long as nobody is busy with it */
    pthread_cond_t changed;          /* somebody has ended finding, putting or summing */
    struct block_table table;
    struct content_sum sum;
    struct sequential sequential; /* has its own lock, within which the other may be taken */
};

/* Who reads. Plain value, everything is borrowed. */
struct block_reader {
    struct seekable *frame;
    void *sink;
    bool ahead; /* for a reader to come, who reads in order */
    bool anew;  /* something did not hold */
};

/* One block's place. Plain value. */
struct block_place {
    size_t number;
    uint64_t start; /* of its header in the object, bytes */
    uint64_t end;   /* of the next one's; 0: its own was not read yet */
};

/* --- block_table.c --- */

/* Says that the object is damaged, and why. Returns -EBADMSG. */
int block_refuse(const struct seekable *frame, struct task *task, const char *why);

/* Whether the table has been begun, or can be with what was kept of it: 1 or 0; -EOPNOTSUPP: this frame has
 * to be read in order. */
int block_table_is_begun(struct seekable *frame);

/* Begins it with a frame header that was read: the first block stands behind it. 0, -EOPNOTSUPP, -ENOMEM. */
int block_table_begin(struct seekable *frame, const struct lz4_frame *header);

/* From now on it is read in order. Returns -EOPNOTSUPP. */
int block_table_give_up(struct seekable *frame);

/* Has the owner keep the table as it is, or drop what it kept, which may be wrong. */
void block_table_keep(struct seekable *frame);
void block_table_forget(const struct seekable *frame);

/* Forgets the blocks behind the last one that was decoded: a header may have come wrong. */
void block_table_drop_guesses(struct seekable *frame);

/* Where block `wanted` is, or the last one if the table is complete and there are not so many. If that is not
 * known: false, and the place of the first block whose header was not read. */
bool block_table_get(struct seekable *frame, uint64_t wanted, struct block_place *ret_place);

/* Takes in the header of block `number`: now it is known where the next one stands, or that none follows. 0;
 * -EOPNOTSUPP; -EBADMSG, with a reason; or -ENOMEM. */
int block_table_note_header(struct seekable *frame, size_t number,
                            const uint8_t header[static LZ4_BLOCK_HEADER_SIZE], struct task *task);

/* Takes in where the blocks behind block `number` stand. 0 or -ENOMEM. */
int block_table_note_starts(struct seekable *frame, size_t number, const uint64_t *starts, size_t n,
                            bool complete);

/* Sets a block's state; `end`: bytes of the content, if the block is its last, else 0. */
void block_table_note_state(struct seekable *frame, size_t number, enum block_state state, uint64_t end);
bool block_table_is_decoded(struct seekable *frame, size_t number);

/* How many blocks there are, and of how many bytes in the object each on average; as the owner was told,
 * until the table is complete. Neither is 0. */
size_t block_table_expected(struct seekable *frame, uint64_t *ret_bytes);

/* --- block_find.c --- */

/* Reads bytes of the object. 0; -EBADMSG with a reason if it ends before; or an errno of a read. */
int block_read(const struct block_reader *reader, uint64_t offset, size_t length, void *bytes,
               struct task *task);

/* Makes sure that the table has been begun. 0, -EOPNOTSUPP, or an errno of a read. */
int block_begin(const struct block_reader *reader, struct task *task);

/* As block_table_get, but finds it. 0; -EOPNOTSUPP; -EBADMSG; or an errno of a read. */
int block_find(const struct block_reader *reader, uint64_t wanted, struct task *task,
               struct block_place *ret_place);

/* --- content_sum.c --- */

/* Block `number` was decoded: if it is the next one, its bytes are added to the checksum. */
void content_sum_add(struct seekable *frame, size_t number, const uint8_t *bytes, size_t length);

/* --- block_decode.c --- */

/* Decodes block `number`, which stands in the workspace, `length` bytes from its header to the next one, that
 * included, and puts it. 0; -EOPNOTSUPP; -EBADMSG with a reason; or the errno of a callback. */
int block_put(const struct block_reader *reader, size_t number, uint8_t *workspace, size_t length,
              struct task *task);

/* Fetches and makes a block. As block_put; -EAGAIN: the end mark stands there. */
int block_make(const struct block_reader *reader, const struct block_place *place, struct task *task);

/* --- sequential.c --- */

void sequential_init(struct sequential *sequential);
void sequential_finish(struct sequential *sequential);

/* Whether block `number` is about to be made by somebody who reads in order, within `near` blocks. */
bool sequential_nears(struct sequential *sequential, size_t number, size_t near);

/* Takes part in reading in order until block `number`, which is not known yet, has been made: 0. -EAGAIN: it
 * was not, but is known now, or the end is. Else as block_put. */
int sequential_make(const struct block_reader *reader, size_t number, struct task *task);
