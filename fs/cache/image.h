/* The cache's insides, shared by the files of this folder.
 *
 * An image is in the table while somebody has it open or its file is open. Files stay open after their
 * readers for the next ones, up to IMAGE_OPEN_FILES; then the least recently used is closed. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "folder.h"
#include "piece_file.h"
#include "recent.h"
#include "usage.h"

#include "litemount/cache.h"
#include "litemount/task.h"

#define IMAGE_BUCKETS 4096
#define IMAGE_OPEN_FILES 256 /* at most; fewer where the process may open few */

/* A run of pieces that a reader is making. It lies on that reader's stack. Guarded by the image's lock. */
struct piece_making {
    LIST_ENTRY(piece_making) link;
    uint64_t first, end; /* pieces, from first up to but not end */
    int64_t brought;     /* when it brought pieces last, or began: by clock_now */
};

/* A reader who found pieces missing. It lies on its own stack; whoever makes pieces copies them to where the
 * reader wants them. */
struct piece_reader {
    uint64_t offset; /* of what it wants in the image: bytes */
    size_t length;   /* bytes */
    uint64_t first;  /* the same in pieces, of which the first and the last may be wanted in part */
    size_t count;
    unsigned discards; /* the image's when it began: what a make brings that began before is not for it */

    /* Guarded by the image's lock. */
    uint8_t *bytes; /* NULL: it only wants the pieces to be there */
    bool *have;     /* a flag a piece: its bytes are in place */
    LIST_ENTRY(piece_reader) link;
    const struct piece_making *waits_for;
    int failure; /* of the one it waited for: a negative errno */
    char reason[TASK_REASON_SIZE];
};

struct cache_image {
    struct cache *cache;
    struct digest digest;
    char *name;   /* of its object, in messages */
    size_t piece; /* bytes */

    /* Guarded by the cache's lock. */
    LIST_ENTRY(cache_image) in_bucket;
    TAILQ_ENTRY(cache_image) in_order; /* if it has a file */
    unsigned references;
    struct piece_file *file; /* NULL until it is needed, and where there is none */

    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed; /* a reader got pieces, or a making ended */
    LIST_HEAD(, piece_making) makings;
    LIST_HEAD(, piece_reader) readers;
    uint64_t end;      /* the image's size in bytes, once it is known */
    unsigned discards; /* how often its pieces turned out to be wrong */
};

LIST_HEAD(image_bucket, cache_image);
TAILQ_HEAD(image_order, cache_image);

struct cache {
    int folder;       /* v1; -1 if there is none */
    uint64_t limit;   /* bytes */
    int64_t patience; /* nanoseconds: how long readers wait for a making that brings nothing */
    struct usage usage;
    struct recent recent;
    atomic_uint_fast64_t hits, misses; /* pieces */
    atomic_bool reads_through;         /* what was put last could not be stored */
    atomic_uint temporaries;           /* names given to facts that are being written */
    _Atomic int64_t no_room_until;     /* monotonic nanoseconds: it is of no use to look for room before */
    _Atomic int64_t swept;             /* monotonic seconds: when image_sweep ran last */
    pthread_mutex_t lock;              /* guards what follows; never held together with an image's */
    struct image_bucket buckets[IMAGE_BUCKETS];
    struct image_order order;   /* images with an open file, the least recently used first */
    size_t n_files, most_files; /* open, and how many may be */
};

/* The image's file, for the caller to use and give back with image_release; NULL if it isn't there, and
 * `create` is false or it can't be made. */
struct piece_file *image_acquire(struct cache_image *image, bool create);
void image_release(struct cache *cache, struct piece_file *file);

/* The next acquire opens the file anew, if the image still has this one (NULL: whichever). */
void image_forget(struct cache_image *image, const struct piece_file *file);

/* Closes the files that have been removed, so that their space is free. */
void image_sweep(struct cache *cache);

/* Frees what has no users any more, at the end. */
void image_finish_all(struct cache *cache);

/* Copies made pieces to the readers that want them, but not to those who began after a discard that the make
 * (`discards`) did not know of; `length` may end within the last one. */
void reader_deliver_locked(struct cache_image *image, unsigned discards, uint64_t offset,
                           const uint8_t *bytes, size_t length);
