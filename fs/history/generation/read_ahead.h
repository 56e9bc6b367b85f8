/* Reading ahead of those who read a state in order (cp, a table scan): what they will ask for next is brought
 * into the cache by other threads, the further ahead the longer they have been at it.
 *
 * It knows a state only as bytes from 0 to its size. A lookup by key sets off nothing. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct state;

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
    pthread_mutex_t lock; /* guards what is below */
    struct read_ahead_stream streams[READ_AHEAD_STREAMS];
    uint64_t reads;
};

void read_ahead_init(struct read_ahead *ahead);
void read_ahead_finish(struct read_ahead *ahead);

/* Somebody is about to read `length` bytes from `offset` on: asks for what comes next, if there is a next. */
void read_ahead_note(struct state *state, uint64_t offset, size_t length);
