/* Whether a backup holds: every object of every replica is read as it is stored, whole, each checksum of it
 * is checked, and what is missing between the objects is named. Nothing of it is taken from the cache.
 *
 * What Litestream leaves behind in the course of things is no problem: v0.3 segments before the first
 * snapshot of their generation, levels of v0.5 that begin where retention has deleted up to, names that are
 * no object's. What no listing can show is not seen: that the newest objects are gone, or the last segments
 * of a v0.3 WAL, or a snapshot beside others. */
#pragma once

#include "litemount/history.h"

/* Zero-initialise, or let history_verify fill it; finish it with verification_finish. */
struct verification {
    uint64_t objects;      /* that were read */
    uint64_t bytes;        /* of them, as they are stored */
    struct names problems; /* a sentence each, that begins with the URL of what it is about; by text */
    struct names notes;    /* likewise: what is so at every run, and no reason for a mail */
};

void verification_finish(struct verification *verification);

/* Who wants to know how far it is. Plain value. */
struct verification_watch {
    /* Called from several threads, at the same time: `done` of `total` bytes have been read. The total grows
     * with each replica that is listed. */
    void (*advance)(void *context, uint64_t done, uint64_t total);
    void *context;
};

/* Verifies all replicas, one after the other; the objects of each several at a time, in as much memory as the
 * mount takes. Returns 0, whatever was found, that a replica can't be listed or read included; -ECANCELED or
 * -ENOMEM. `watch` may be NULL. */
int history_verify(struct history *history, const struct verification_watch *watch, struct task *task,
                   struct verification *ret_verification);
