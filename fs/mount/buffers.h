/* Buffers for the answers to reads. The one given back last is taken first, so few are ever touched, and
 * those stay in the processor's cache: a fresh megabyte a read would cost more than the read. */
#pragma once

#include <pthread.h>
#include <stddef.h>

#define BUFFERS_KEPT 8 /* the rest is freed as it comes back */

struct buffers {
    size_t size;          /* of each: bytes, a multiple of 4096 */
    pthread_mutex_t lock; /* guards what is below */
    void *kept[BUFFERS_KEPT];
    size_t n;
};

void buffers_init(struct buffers *buffers, size_t size);
void buffers_finish(struct buffers *buffers);

/* A buffer for the caller to give back, with whatever was in it; NULL: no memory. */
void *buffers_take(struct buffers *buffers);
void buffers_give(struct buffers *buffers, void *bytes);
