/* What a backup remembers: a database's generations, the instants it can be brought back to, and the bytes it
 * had.
 *
 * A *state* is a database at one restore point, readable like a file: any range of bytes, any time, from any
 * thread. Nothing here is restored beforehand; a read finds for each page the newest version at or before the
 * state's position and takes it from the object that holds it, through the cache. Nothing above this module
 * knows which format a backup is written in. The rules are those of `litestream restore`: v0.3.13 replica.go
 * (CalcRestoreTarget, Restore), v0.5 replica.go (CalcRestorePlan). */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct age_identity;
struct cache;
struct failures;
struct replica;
struct slots;
struct task;
struct thread_pool;
struct workspaces;

/* Bytes: a block of a large snapshot, as it is stored and as it decodes. */
#define HISTORY_BLOCK ((8 << 20) + 64)

/* One database's backup. */
struct history;

struct history_options {
    int64_t refresh;                       /* nanoseconds that a listing counts as current */
    struct cache *cache;                   /* borrowed */
    const struct age_identity *identities; /* borrowed: what encrypted objects may be opened with */
    size_t n_identities;
    struct thread_pool *pool;  /* borrowed; NULL: nothing is read ahead, and of several replicas one is asked
                                  after the other */
    struct failures *failures; /* borrowed: told of states that failed; NULL: nobody is */
    /* Borrowed: shared by all that decode, for each takes some 10 MB; and of HISTORY_BLOCK bytes, by all that
     * read large snapshots. Both may be held while their store is waited for: it is their holder. */
    struct slots *decoders;
    struct workspaces *blocks;
    bool tells_of_gaps; /* the log is told of states that are not the newest, for what is can't be had */
};

/* Takes over the replicas (n_replicas of them, first choice first) on success. Sends nothing. `name` is for
 * messages and identities; copied. Returns 0 or -ENOMEM. */
int history_open(const char *name, struct replica **replicas, size_t n_replicas,
                 const struct history_options *options, struct history **ret_history);

/* NULL is fine. The last state of it must be gone. */
void history_close(struct history *history);

/* Where the backup is looked for first: the first replica's URL, without secrets. */
const char *history_place(const struct history *history);

/* The store of the first replica: whose share of the threads a task takes that asks the history
 * (thread_pool.h). To be compared, no more. */
const void *history_store(const struct history *history);

/* Why nothing can be brought back: what was looked at, and what is there instead, or which generations
 * without a snapshot. Returns -ENODATA with that reason, or another negative errno with one. */
int history_explain_nothing(struct history *history, struct task *task);

/* A database at one restore point. Immutable, reference counted. */
struct state;

struct state *state_ref(struct state *state);
void state_unref(struct state *state); /* NULL is fine */

/* For _cleanup_(). */
static inline void unref_state(struct state **state)
{
    state_unref(*state);
}

uint64_t state_size(const struct state *state);        /* bytes */
int64_t state_time(const struct state *state);         /* the point's own time: nanoseconds since 1970, UTC */
uint64_t state_source_size(const struct state *state); /* bytes of the objects that back it */
uint64_t state_identity(const struct state *state);    /* equal for equal states of one database, else not */
uint64_t state_inode(const struct state *state); /* a number for its bytes, of those of one database: equal by
                                                    whatever name and time; see history_list_inodes */
const char *state_generation(const struct state *state);
const char *state_position(const struct state *state); /* as below positions/, without extension */
const char *state_replica(const struct state *state);  /* URL without secrets */
const char *state_gap(const struct state *state);      /* what is missing before the asked instant, or NULL */
const char *state_mixture(const struct state *state);  /* what of a later transaction is in it, or NULL: none
                                                          was found */

/* Of a state that has a gap: the generation that goes on behind it and can't be had, if that is another one
 * than the state's own; else NULL. */
const char *state_lost_generation(const struct state *state);

/* Why no byte of the state is to be had any more: what was read of an object of it, by whomever, turned out
 * wrong once all of it had been read. NULL: it has not failed. Who opens the same point again gets another
 * state, of another identity. */
const char *state_failure(const struct state *state);

/* Reads `length` bytes from `offset`. Returns the bytes read, fewer only at the end; or a negative errno with
 * a reason: -EIO (an object is gone or damaged), -ETIMEDOUT, -EACCES or -EREMOTEIO (its store does not give
 * it: replica.h), -ECANCELED, -ENOMEM. */
int64_t state_read(struct state *state, uint64_t offset, size_t length, void *bytes, struct task *task);

/* Makes sure that what was read is what the backup's writer wrote: compares the checksum over each object of
 * the state that is too large to be checked before it is used, once ever. What nobody has read of it yet is
 * fetched. 0; -EIO with a reason if one does not hold; or why that is not known, as above. */
int state_check(struct state *state, struct task *task);

/* The state at the newest restore point of `generation`, or (NULL) of the whole backup. All history_open_*
 * return 0 and a reference for the caller, -ENOENT if there is no such state, or an errno with a reason. */
int history_open_latest(struct history *history, const char *generation, struct task *task,
                        struct state **ret_state);

/* The newest state at or before `time`; without a generation, the one that `litestream restore -timestamp`
 * takes where it answers. */
int history_open_at(struct history *history, const char *generation, int64_t time, struct task *task,
                    struct state **ret_state);

/* The state at a committed transaction: `position` as listed by history_list_positions ("INDEX/OFFSET"), or a
 * folder there ("INDEX/"): the end of that WAL, or of the last one before it, as `litestream restore -index`
 * has it. */
int history_open_position(struct history *history, const char *generation, const char *position,
                          struct task *task, struct state **ret_state);

/* Instants, ascending, each once. The caller frees `times`. */
struct instants {
    int64_t *times; /* nanoseconds since 1970, UTC */
    size_t n, capacity;
};

void instants_finish(struct instants *instants);
int instants_add(struct instants *instants, int64_t time);            /* in any order; 0 or -ENOMEM */
void instants_sort(struct instants *instants);                        /* ascending, doubles dropped */
size_t instants_until(const struct instants *instants, int64_t time); /* how many, ascending, are not later */

/* Names of one folder's entries. */
struct names {
    struct name {
        char *text;
        bool is_folder;
        uint64_t inode; /* of a state: its state_inode; 0: not known */
    } * items;
    size_t n, capacity;
};

void names_finish(struct names *names);
void names_cut(struct names *names, size_t n);                              /* leaves the first `n` */
int names_add(struct names *names, const char *text, bool is_folder);       /* copies; 0 or -ENOMEM */
int names_add_state(struct names *names, const char *text, uint64_t inode); /* likewise */
int names_add_text(struct names *names, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0))); /* a sentence; 0 or -ENOMEM */
void names_sort(struct names *names);      /* by text, doubles dropped */
bool names_have(const struct names *names, const char *text);
void names_join(const struct names *names, char *text, size_t size); /* "a, b, c"; cut where `size` ends */

/* The generations' names. Those without a usable snapshot are among them. The lists below are added to. */
int history_list_generations(struct history *history, struct task *task, struct names *names);

/* Whether there is a restore point at or before `time` (INSTANT_MAX: any), as far as the objects' names and
 * times tell. 1, 0, or a negative errno with a reason. */
int history_has_point(struct history *history, int64_t time, struct task *task);

/* Every restore point of a generation, as far as the objects' names and times tell. -ENOENT: no such
 * generation. */
int history_list_points(struct history *history, const char *generation, struct task *task,
                        struct instants *points);

/* The start and the end of each generation, and each snapshot; of one generation or (NULL) of all. */
int history_list_landmarks(struct history *history, const char *generation, struct task *task,
                           struct instants *landmarks);

/* The state_inode of each state that history_open_at gives for `times`, ascending (INSTANT_MAX: that of
 * history_open_latest), as far as what was listed before tells: 0 where it does not. What is found damaged
 * only when it is opened, and what is listed later, may lead to others. Sends nothing. 0 or -ENOMEM. */
int history_list_inodes(struct history *history, const char *generation, const int64_t *times, size_t n,
                        uint64_t *ret_inodes);

/* Whether what was listed last is recent enough for the latest state to be opened from it. */
bool history_is_current(struct history *history);

/* What stands in positions/ (folder NULL) or in a folder there: one entry a committed transaction, or folders
 * of them. -ENOENT: no such generation or folder. Listing a folder of v0.3 reads that WAL's segments, once
 * ever. */
int history_list_positions(struct history *history, const char *generation, const char *folder,
                           struct task *task, struct names *names);
