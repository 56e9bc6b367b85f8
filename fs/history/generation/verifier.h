/* What the formats' verifications share: what was read, and what is wrong with it. All calls are safe from
 * any thread. */
#pragma once

#include <pthread.h>

#include "litemount/verification.h"

struct object;

struct verifier {
    const struct verification_watch *watch; /* may be NULL */
    struct replica *replica;                /* that is being verified: borrowed */
    uint64_t done;                          /* bytes of the replicas before it */
    uint64_t total;                         /* bytes of all objects that were listed so far */
    uint64_t read_before;                   /* what the store had been asked for when it began: bytes */

    pthread_mutex_t lock; /* guards what is below */
    struct verification found;
    struct missing_object *missing; /* that were gone when they were to be read */
    size_t n_missing, missing_capacity;
    unsigned failures; /* of the replica: objects that can't be had, or opened */
};

/* `watch` may be NULL. What was found is the caller's to take out before it finishes the verifier. */
void verifier_init(struct verifier *verifier, const struct verification_watch *watch);
void verifier_finish(struct verifier *verifier);

/* The objects of `verifier->replica`, `stored_size` bytes in all, are read next. */
void verifier_begin(struct verifier *verifier, uint64_t stored_size);

/* They were, up to the failure `r` (0: there is none): looks which of those that were gone are still listed.
 * What retention deletes meanwhile is no problem; what is listed again and again, but not there, is one. To
 * be called before the generations go. Returns `r`, or replica_list's errno with a reason. */
int verifier_end(struct verifier *verifier, int r, struct task *task);

/* Some of an object was read: tells the watch. */
void verifier_advance(struct verifier *verifier);

/* Objects that are verified in any order, several at once. */
struct verifier_round {
    size_t n;
    void *context;

    /* The object, and where it stands; NULL: it is not of this round. */
    struct object *(*object_of)(void *context, size_t item, struct replica **ret_replica);

    /* Reads it to its end and checks it. 0; -EBADMSG with a reason; or why it can't be had. */
    int (*verify)(void *context, size_t item, struct task *task);
};

/* Verifies each of them, and notes what is wrong with it. One that is there in another version than was
 * listed is taken over and read once more: Litestream v0.5 sets the time of a file in a folder only after it
 * has put it there. 0, whatever was found; else nobody waits any more, there is no memory, or so many could
 * not be had that it makes no sense. */
int verifier_each(struct verifier *verifier, const struct verifier_round *round, struct task *task);

/* Whether the object was gone when it was to be read: then others may have been deleted before they were
 * listed. */
bool verifier_misses(struct verifier *verifier, const struct object *object);

/* Adds a problem. 0 or -ENOMEM. */
int verifier_complain(struct verifier *verifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds what is no problem, and yet to be told: anything, or that the cache had something else of the object.
 * 0 or -ENOMEM. */
int verifier_note_dropped(struct verifier *verifier, const struct replica *replica,
                          const struct object *object);
int verifier_add_note(struct verifier *verifier, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
