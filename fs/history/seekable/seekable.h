/* A seekable LZ4 frame: any byte of what the frame holds, for the price of the block around it.
 *
 * THE PROBLEM. Litestream stores a snapshot as one LZ4 frame (doc/lz4_Frame_format.md, 1.6.3) of hundreds of
 * megabytes:
 *
 *     header | size, data | size, data | ... | 0 | checksum of the decoded whole
 *
 * The format was made for pipes. It has no index: only the size in front of a block tells where the next
 * block begins. And it has one checksum, behind everything, over everything. A reader who wants one page of
 * the database has neither a way to it, short of reading all that lies before it, nor a proof of it, short of
 * decoding all there is.
 *
 * THE WAY IN. Where the blocks of a frame are independent, each decodes on its own, and the writer fills each
 * but the last: block N holds the bytes from N * block size on. So the number of the block that is wanted is
 * known at once, and only its place is not. A writer that flushes leaves blocks that are not full; a frame
 * may also have linked blocks. Both are found out when they are met, and answered with -EOPNOTSUPP: such a
 * frame has to be decoded from its start, by somebody else.
 *
 * THE TABLE (block_table.c) is what is known of the places: the starts of the blocks 0 to N, in the object.
 * It has no holes, it only grows at its end, and it says of each block whether it was decoded to its end.
 * Start N is the place behind the last block whose size was read; what stands there was not looked at. The
 * table is complete when the end mark stands there, and nothing but the checksum follows. Each header that is
 * read later, with a block or on the way, is compared with it. The owner keeps the table, as bytes: a frame
 * that was read once is never searched again.
 *
 * A place in the table is a claim of bytes that nothing has summed yet. A header that does not parse, or
 * leads elsewhere than before, is -EBADMSG: then it is read anew, past all caches, and at last the places
 * behind the last decoded block are dropped and found again.
 *
 * THE WAYS ON. A round trip to the store is what everything costs; how much, is measured at small reads.
 *
 *     way                  finds                                     costs
 *     hop (block_find.c)   the next block                            one round trip, 4 bytes
 *     probe (probe.c)      all blocks, at once                       about a tenth of the hops' round trips,
 *                                                                    and half a block for each probe
 *     sequential           the next blocks, and makes them           none: ranges are fetched side by side,
 *      (sequential.c)                                                and they are needed anyway
 *     read a block         where the next one stands                 one round trip; two if its end was not
 *      (block_decode.c)                                              known, and is farther than the average
 *
 * Near stores are hopped through; so are far ones if the block is near. Else probes start at once from many
 * places of the frame, each of them a guess that a block begins there. Only what the chain of headers from a
 * known block leads to is believed. One task searches; the others wait for what it finds, and look again.
 *
 * THE FRONT. Who reads in order wants every byte of the object, so that nobody needs to know beforehand where
 * a block ends. The front is the first block that nobody has taken. It stands where the table ended when the
 * first reader came in. All readers do, under one lock, whatever is to be done next: look whether the block
 * at the front is in memory with the header behind it, and if so take it, which moves the front on; else
 * fetch the next range that is missing; else wait. A block that was taken is decoded without the lock, so
 * blocks end in any order. A waiter may assume that a block before the front is made, is being made by
 * somebody, or has failed together with its maker; and nothing of the blocks behind it.
 *
 * THE BEGINNING. The content's first bytes tell what it is, and are asked for most: they are decoded from the
 * object's first bytes in one read (seekable_peek), before any checksum has seen them. So a block that is
 * made is compared with what the owner has of it.
 *
 * THE CHECKSUM (content_sum.c) grows in the order of blocks: a block is added when it is decoded, if it is
 * the next, else later, as the owner has kept it. When all blocks are decoded it is compared, once ever.
 * Until then bytes are given that only the blocks' own structure speaks for; if it does not hold in the end,
 * the owner is told, and takes back what it gave.
 *
 * Knows nothing of snapshots, stores or the cache. All calls are safe from any thread; no callback is called
 * with a lock held. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct task;
struct workspaces;

/* Bytes of a workspace: a block as it is stored, with the next one's header, and what it decodes to. */
#define SEEKABLE_STORED ((4 << 20) + 12)
#define SEEKABLE_WORKSPACE (SEEKABLE_STORED + (4 << 20))

/* Of the layout of a table's bytes, which are as they lie in memory. */
#define SEEKABLE_TABLE_VERSION 2

/* Whose frame it is, and what the frame needs of its owner. Plain value; everything is borrowed. */
struct seekable_owner {
    void *context;    /* of the calls, but for `put` */
    const char *name; /* of the object, for messages */
    uint64_t size;    /* of the object, bytes */
    struct workspaces *workspaces;
    const void *holder; /* of the workspaces that are taken */

    /* Reads exactly `length` bytes of the object, which has them; `anew`: past every cache, for something did
     * not hold. 0, or an errno with a reason. */
    int (*read)(void *context, bool anew, uint64_t offset, size_t length, void *bytes, struct task *task);

    /* Takes decoded bytes, which stand at `offset` of the content; `last`: it ends with them. `sink` is
     * seekable_make's. 0 or an errno. */
    int (*put)(void *sink, uint64_t offset, const void *bytes, size_t length, bool last);

    /* Copies what is still there of what was put, from `offset` on: how many bytes. */
    size_t (*peek)(void *context, uint64_t offset, size_t length, void *bytes);

    /* Keeps the table; of no bytes: drops it, for it may be wrong. And gives it back: 0, or an errno. */
    void (*keep)(void *context, const void *table, size_t length);
    int (*recall)(void *context, struct buffer *table);

    /* Bytes that were put already do not hold; `sum` is the same if they come again the same. Returns an
     * errno with a reason, that the read fails with. */
    int (*fail)(void *context, uint64_t sum, struct task *task, const char *why);
};

struct seekable;

/* 0 or -ENOMEM; reads nothing. The caller closes it. */
int seekable_open(const struct seekable_owner *owner, struct seekable **ret_frame);
void seekable_close(struct seekable *frame); /* NULL is fine */

/* Says how many bytes the content probably has: from it comes how many blocks there are. */
void seekable_expect(struct seekable *frame, uint64_t size);

/* What a block decodes to, in bytes; 0 while that is not known, or if the frame has to be read in order. */
uint32_t seekable_block_size(struct seekable *frame);

/* Makes the blocks with the content's bytes from `offset` on, and puts them, and perhaps more; `ahead`: for a
 * reader to come, who reads in order. Beyond the content's end it makes the last block.
 * 0; -EOPNOTSUPP: the frame has to be read in order; -EBADMSG with a reason: it is damaged; or the errno of a
 * callback. */
int seekable_make(struct seekable *frame, uint64_t offset, uint64_t length, bool ahead, void *sink,
                  struct task *task);

/* Decodes the first `length` bytes of the content in one read of the object, without the need to know more of
 * it: `*ret_size` of them, fewer if that did not suffice. They are checked no further. As seekable_make. */
int seekable_peek(struct seekable *frame, uint8_t *bytes, size_t length, size_t *ret_size, struct task *task);

/* Where the last block begins in the content: finds all blocks. As seekable_make. */
int seekable_find_last(struct seekable *frame, struct task *task, uint64_t *ret_offset);

/* Whether the checksum over all of it is still to be compared. -EOPNOTSUPP: the frame has to be read in
 * order; 1 or 0; or as seekable_make. */
int seekable_is_unchecked(struct seekable *frame, struct task *task);

/* Compares it, if every block was decoded: to be called when bytes have been put, before they are given to
 * anybody. `ahead`: also catches up with it, if that is late. 0 if it holds, or can't be compared yet; else
 * what `fail` returned. */
int seekable_check(struct seekable *frame, bool ahead, struct task *task);

/* The owner knows that it holds. */
void seekable_set_checked(struct seekable *frame);
