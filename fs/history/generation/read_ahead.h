/* Reading ahead of those who read a state in order (cp, a table scan): what they will ask for next is brought
 * into the cache by other threads, the further ahead the longer they have been at it.
 *
 * It knows a state only as bytes from 0 to its size. A lookup by key sets off nothing. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct task;
struct thread_pool;

/* What is read. Each is told the owner. */
struct read_ahead_ops {
    void (*ref)(void *owner); /* for as long as a job is on its way */
    void (*unref)(void *owner);
    /* Brings bytes into the cache, which a reader is about to ask for: a failure is for that one to meet. */
    void (*bring)(void *owner, uint64_t offset, size_t length, struct task *task);
};

#define READ_AHEAD_STREAMS 4 /* readers of one state that are told apart */

/* One who reads in order. */
struct read_ahead_stream {
    uint64_t reached; /* where its last read ended, bytes */
    uint64_t length;  /* bytes that it has read in order */
    uint64_t asked;   /* up to here the cache was asked to have it, bytes */
    uint64_t used;    /* the number of the read that used it last */
};

/* A part of each state. */
struct read_ahead {
    const struct read_ahead_ops *ops;
    void *owner;              /* that it is a part of */
    struct thread_pool *pool; /* borrowed; NULL: nothing is read ahead */
    const void *store;        /* whose share of them it takes */

    pthread_mutex_t lock; /* guards what is below */
    struct read_ahead_stream streams[READ_AHEAD_STREAMS];
    uint64_t reads;
};

void read_ahead_init(struct read_ahead *ahead, const struct read_ahead_ops *ops, void *owner,
                     struct thread_pool *pool, const void *store);
void read_ahead_finish(struct read_ahead *ahead);

/* Somebody is about to read `length` bytes from `offset` on, of `size`: asks for what comes next, if there is
 * a next. */
void read_ahead_note(struct read_ahead *ahead, uint64_t offset, size_t length, uint64_t size);
