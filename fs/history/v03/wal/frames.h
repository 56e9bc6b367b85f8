/* The frames of all segments that were found sound, and what is replayed along them. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "v03/wal/versions.h"

struct replay;

/* What was learnt of all segments that were found sound. Listings that follow each other share one, as long
 * as segments are only added: if one was deleted or replaced, a new one is begun, so that no frame of what is
 * gone is ever found for what is there. */
struct v03_frames {
    atomic_uint references;
    pthread_rwlock_t lock; /* guards `versions`, which every read looks at; may be taken within the
                              generation's */
    struct versions versions;
    struct replay **replays; /* one a snapshot; guarded by the generation's lock */
    size_t n_replays, replays_capacity;
};

struct v03_frames *v03_frames_make(void); /* NULL: no memory */
struct v03_frames *v03_frames_ref(struct v03_frames *frames);
void v03_frames_unref(struct v03_frames *frames); /* NULL is fine */
