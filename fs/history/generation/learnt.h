/* What is known of an immutable object, and who finds it out: one task, while the others wait for it.
 *
 * Bytes that do not hold (a checksum, or what they ought to parse to) may have come wrong over the network,
 * or have been another object's. So they are read anew, past every cache and over another connection, and
 * only the same bytes twice say that the object is damaged. That is never kept in the cache, and in memory
 * for a time only: then the object is looked at again. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct task;

enum learnt_state { LEARNT_NOTHING, LEARNT_PENDING, LEARNT_SOUND, LEARNT_DAMAGED };

/* A part of what is known of an object. Zero-initialise; a lock of whoever it belongs to guards it. */
struct learnt {
    enum learnt_state state;
    char *damage;         /* why it is LEARNT_DAMAGED, or was when it was last read; NULL: it never was */
    int64_t damage_found; /* when that was found: clock_now */
};

void learnt_finish(struct learnt *learnt);

/* The object is damaged. Called locked. Whether that is news: the last time that it was read it was not, or
 * for another reason. */
bool learnt_set_damaged_locked(struct learnt *learnt, const char *why);

/* Damage that was found a while ago is no longer known, so that the object is looked at again. Called locked.
 * When it was found that the object is damaged, if that still counts (clock_now); else 0. */
int64_t learnt_expire_locked(struct learnt *learnt);

/* How one object is learnt. */
struct learning {
    struct learnt *learnt;
    pthread_mutex_t *lock;   /* guards it; not held by the caller */
    pthread_cond_t *changed; /* of the lock: told when the object is LEARNT_PENDING no more */
    void *context;           /* of what follows */

    /* 0; -EBADMSG with a reason: the object is damaged; or why it can't be had. */
    int (*find_out)(void *context, struct task *task);

    /* Locked: takes over what was found, which is sound. 0, or an errno as above. NULL: nothing is. */
    int (*take_over_locked)(void *context);

    /* Locked: the object turned out to be damaged. NULL: nobody counts. */
    void (*note_damage_locked)(void *context);
};

/* Sees to it that the object is LEARNT_SOUND or LEARNT_DAMAGED: by the caller, or whoever is learning it
 * already. 0 also if it is damaged, for that is what was to be learnt; the log is told of it once. Else why
 * it can't be had, or -ECANCELED. */
int learnt_once(const struct learning *learning, struct task *task);

/* How many objects are learnt at once. Small ones are in memory whole meanwhile, and the largest of those has
 * `largest` bytes. */
size_t learnt_at_once(uint64_t largest);

/* How often an object is read that never comes twice the same. */
#define LEARNT_ATTEMPTS 4

/* Reads an object and checks it; `anew`: with replica_read_anew. 0; -EBADMSG with a reason if it does not
 * hold, and `*ret_sum`, a hash of the bytes that say so (learnt_sum); or why it can't be had. Called again it
 * begins again. */
typedef int learnt_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task);

/* Makes attempts until one holds. Returns 0; -EBADMSG if the same bytes came twice: it is damaged; -EREMOTEIO
 * if they were others each time; or the attempt's errno. The reason is the last attempt's. */
int learnt_read(learnt_attempt *attempt, void *context, struct task *task);

/* A CRC-64 (ECMA, reflected) of bytes, to tell those of one attempt from those of another; it goes on from
 * `sum`, at first 0. */
uint64_t learnt_sum(uint64_t sum, const void *bytes, size_t length);

/* Nanoseconds for which an object counts as damaged. */
#define LEARNT_DAMAGE_LASTS (INT64_C(60) * 1000 * 1000 * 1000)

/* Whether what was found at `found` (clock_now) is to be looked at again. */
bool learnt_is_over(int64_t found);
