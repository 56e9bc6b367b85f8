/* How many bytes the cache occupies, over all the processes that share its folder, and the limit to that.
 *
 * The count stands in a file, read and written under a lock. It is not mapped: once somebody truncates the
 * file, or its disk fails, a map means SIGBUS. It is counted up before anything is written,
 * so it is never less than the truth but for what a file system adds for itself (a 64th of the limit is left
 * for that); it may be more, after a crash for example, until the next look at what is really there: when a
 * process opens the folder alone, and whenever room is made. A count that can't be read is that of a full
 * cache: room is made, and so it is counted anew. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct inventory;
struct task;

/* The file v1/usage. */
struct usage_counts {
    uint64_t bytes;   /* occupied, or about to be */
    uint64_t writing; /* the part of it that is being written just now */
};

struct usage {
    int fd;        /* holds a shared flock for as long as the cache is open; -1 if nothing can be stored */
    int lock_file; /* whoever has an flock on it may change the counts, for a moment */
    pthread_mutex_t lock; /* the same among the threads of this process */
    uint64_t room;        /* bytes */
    atomic_bool clearing; /* a thread of this process has the clearing lock, or tries to */
};

/* Waits while another process that opened the folder first counts. Returns 0; or -ECANCELED, -ENOMEM. That
 * nothing can be stored is no error. */
int usage_open(struct usage *usage, int folder, uint64_t limit, struct task *task);
void usage_finish(struct usage *usage);

bool usage_writable(const struct usage *usage);
uint64_t usage_bytes(struct usage *usage);

/* Takes `bytes` out of the room that is left. Returns 0, or -ENOSPC. */
int usage_reserve(struct usage *usage, uint64_t bytes);

/* What was reserved has been written, and occupies `actual` bytes, at most as many as were reserved. */
void usage_written(struct usage *usage, uint64_t reserved, uint64_t actual);

void usage_removed(struct usage *usage, uint64_t bytes);

/* Only one thread of one process clears at a time. Returns false if another does: nobody waits for it. */
bool usage_clear_begin(struct usage *usage);
void usage_clear_end(struct usage *usage);

/* The count as it stands before a look at the folder, false if it can't be had, and its correction after.
 * Between usage_clear_begin and usage_clear_end. */
bool usage_before_inventory(struct usage *usage, uint64_t *ret_before);
void usage_correct(struct usage *usage, uint64_t before, uint64_t found);
