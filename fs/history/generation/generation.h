/* One generation of a backup, whatever its format: what history.c asks of it.
 *
 * Each format is a set of files beside this one that fills `struct generation_ops`. Times are nanoseconds
 * since 1970, UTC; results, errors and reasons as in litemount/history.h. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "litemount/listed.h"
#include "read_ahead.h"

struct contents;
struct generation;
struct replica;
struct verifier;

/* What a listing tells of the state for a time, before it is opened. */
struct known_state {
    uint64_t inode; /* as state_inode; 0: it does not tell, or there is none */
    bool is_whole;  /* it surely has no gap */
    bool is_timed;  /* the time of every object of the generation is known */
};

/* The head of what a format's listing showed: immutable, shared by all states that were made from it. */
struct generation_listing {
    atomic_uint references;
    void (*free)(struct generation_listing *listing); /* the last reference is gone */
};

static inline struct generation_listing *generation_listing_ref(struct generation_listing *listing)
{
    atomic_fetch_add(&listing->references, 1);
    return listing;
}

static inline void generation_listing_unref(struct generation_listing *listing) /* NULL is fine */
{
    if (listing && atomic_fetch_sub(&listing->references, 1) == 1)
        listing->free(listing);
}

/* What a format answers, each of a listing that the caller holds: the generation's when it was asked, but for
 * verify, which asks it of one that nobody else has. */
struct generation_ops {
    /* Lists what the replica holds now; of what is `known` (NULL: nothing) only what came since, unless
     * `whole`. A reference for the caller, which may be to what is known. */
    int (*list)(struct generation *generation, struct generation_listing *known,
                const struct contents *contents, bool whole, struct task *task,
                struct generation_listing **ret_listing);

    /* Puts new objects, of which nothing is known, in place of those of the generation's listing that have
     * failed, and forgets damage that is long known. Called with a listing. NULL: none ever is. */
    void (*renew_locked)(struct generation *generation);

    /* Whether names show any point at all. */
    bool (*has_points)(struct generation *generation, struct generation_listing *listing);

    /* Whether there is a point at or before `time`: 1 or 0, or an errno with a reason. */
    int (*begins_by)(struct generation *generation, struct generation_listing *listing, int64_t time,
                     struct task *task);

    /* Finds out the time of every object, which the next two need. NULL: the listing tells it. */
    int (*learn_times)(struct generation *generation, struct generation_listing *listing, struct task *task);

    /* The earliest and latest time of any object; false if there are none. */
    bool (*bounds)(struct generation *generation, struct generation_listing *listing, int64_t *ret_earliest,
                   int64_t *ret_latest);

    /* The newest point at or before `time` that names and times show (INSTANT_MAX: the last one); false if
     * none. */
    bool (*point_at)(struct generation *generation, struct generation_listing *listing, int64_t time,
                     int64_t *ret_point);

    /* The states that open_at would give for `times`, ascending. Reads nothing. 0 or -ENOMEM. */
    int (*known_at)(struct generation *generation, struct generation_listing *listing, const int64_t *times,
                    size_t n, struct known_state *ret_states);

    int (*open_at)(struct generation *generation, struct generation_listing *listing, int64_t time,
                   struct task *task, struct state **ret_state);
    int (*open_position)(struct generation *generation, struct generation_listing *listing,
                         const char *position, struct task *task, struct state **ret_state);

    /* Adds, ascending, every point, as far as it is known what is damaged; and how many damages that are. The
     * times are learnt. 0 or -ENOMEM. */
    int (*count_points_locked)(struct generation *generation, struct generation_listing *listing,
                               struct instants *points);
    size_t (*count_damages_locked)(struct generation *generation, struct generation_listing *listing);

    /* Adds the time of each snapshot that may be sound. 0 or -ENOMEM. */
    int (*list_snapshots_locked)(struct generation *generation, struct generation_listing *listing,
                                 struct instants *snapshots);

    /* As in litemount/listed.h, ascending; whoever asks adds the names, and knows that a snapshot's time is
     * known only once the times are learnt. */
    int (*describe_points)(struct generation *generation, struct generation_listing *listing,
                           const struct measuring *measuring, struct task *task,
                           struct listed_points *points);
    int (*list_objects)(struct generation *generation, struct generation_listing *listing,
                        enum object_kind kind, struct listed_objects *objects);

    int (*list_positions)(struct generation *generation, struct generation_listing *listing,
                          const char *folder, struct task *task, struct names *names);

    /* Whether an object at or before `time` begins at or behind `position` (as state_position). */
    bool (*goes_beyond)(struct generation *generation, struct generation_listing *listing, int64_t time,
                        const char *position);

    /* Bytes of all objects that were listed. */
    uint64_t (*stored_size)(struct generation *generation, struct generation_listing *listing);

    /* Reads every object that was listed, and looks what is missing between them. Called once, of a
     * generation that was never asked anything else. 0, whatever was found, or verifier_each's errno. */
    int (*verify)(struct generation *generation, struct generation_listing *listing,
                  struct verifier *verifier, struct task *task);

    void (*close)(struct generation *generation); /* of the last reference */
};

/* All restore points as they were last counted. */
struct known_points {
    struct generation_listing *listing; /* that they were counted from: a reference; NULL: none yet */
    bool is_stale;                      /* they are to be counted again */
    size_t n_damages;                   /* that were known then */
    struct instants instants;           /* ascending */
};

/* The head of every format's generation. */
struct generation {
    const struct generation_ops *ops;
    char *name;
    const struct replica *replica; /* that it stands in: borrowed from the history, which outlives it */
    atomic_uint references;
    struct thread_pool *pool;  /* borrowed; NULL: nothing is read ahead */
    struct failures *failures; /* borrowed; may be NULL */
    atomic_uint n_failures;    /* objects of it that failed; see generation_count_failure */
    const void *store; /* see replica_store: whose share it takes of what is shared (decoders, threads) */

    pthread_mutex_t lock;               /* guards what is below, and what is learnt of the objects */
    pthread_cond_t learnt;              /* an object stopped being LEARNT_PENDING */
    struct generation_listing *listing; /* a reference; NULL: nothing was listed yet */
    struct known_points points;
};

/* 0 and one reference, or -ENOMEM. `close` frees the name, with generation_finish. */
int generation_init(struct generation *generation, const struct generation_ops *ops, const char *name,
                    const struct replica *replica, const struct history_options *options);
void generation_finish(struct generation *generation);

struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation); /* NULL is fine */

/* Each asks the format of what is listed, as generation_ops has it. Where nothing is listed yet there is
 * nothing: -ENOENT, or 0 and nothing added. */
int generation_refresh(struct generation *generation, const struct contents *contents, bool whole,
                       struct task *task);
bool generation_has_points(struct generation *generation);
int generation_begins_by(struct generation *generation, int64_t time, struct task *task);
int generation_learn_times(struct generation *generation, struct task *task);
bool generation_bounds(struct generation *generation, int64_t *ret_earliest, int64_t *ret_latest);
bool generation_point_at(struct generation *generation, int64_t time, int64_t *ret_point);
int generation_known_at(struct generation *generation, const int64_t *times, size_t n,
                        struct known_state *ret_states);
int generation_open_at(struct generation *generation, int64_t time, struct task *task,
                       struct state **ret_state);
int generation_open_position(struct generation *generation, const char *position, struct task *task,
                             struct state **ret_state);
int generation_list_positions(struct generation *generation, const char *folder, struct task *task,
                              struct names *names);
int generation_describe_points(struct generation *generation, const struct measuring *measuring,
                               struct task *task, struct listed_points *points);
int generation_list_objects(struct generation *generation, enum object_kind kind,
                            struct listed_objects *objects);
bool generation_goes_beyond(struct generation *generation, int64_t time, const char *position);
uint64_t generation_stored_size(struct generation *generation);
int generation_verify(struct generation *generation, struct verifier *verifier, struct task *task);

/* Adds every point; the snapshots, the first point and the last. 0, or why the times can't be had. */
int generation_list_points(struct generation *generation, struct task *task, struct instants *points);
int generation_list_landmarks(struct generation *generation, struct task *task, struct instants *landmarks);

/* For the formats. What is listed now, renewed: a reference for the caller; NULL: nothing was listed yet. */
struct generation_listing *generation_current(struct generation *generation);

/* Another listing, whose reference is taken over, is the generation's. */
void generation_set_listing_locked(struct generation *generation, struct generation_listing *listing);

/* Sees to it that `generation->points` are those of the listing. The times are learnt. 0 or -ENOMEM. */
int generation_count_points_locked(struct generation *generation, struct generation_listing *listing);

/* They are to be counted again: an object turned out to be something else than its name says. */
static inline void generation_forget_points_locked(struct generation *generation)
{
    generation->points.is_stale = true;
}

/* What is read to measure points: `n` objects, the first of which have bytes_of_first(context, i) bytes. */
struct measured_objects {
    size_t n;
    void *context;
    uint64_t (*bytes_of_first)(void *context, size_t i);
    int (*read)(void *context, size_t begin, size_t end, struct task *task); /* [begin, end) of them */
};

/* Reads them, part by part, and tells in between how far that is. 0, or the reading's errno. */
int measure_in_parts(const struct measuring *measuring, const struct measured_objects *objects,
                     struct task *task);

/* An object of the generation fails, and with it the states that are made of it: to be called before any of
 * them shows it (state_ops.failure), and after they do. */
void generation_count_failure(struct generation *generation);
void generation_tell_failure(struct generation *generation);

/* A state's head; what lies behind it is its format's. */
struct state_ops {
    /* `bytes` may be NULL: only to have them in the cache. */
    int64_t (*read)(struct state *state, uint64_t offset, size_t length, void *bytes, struct task *task);
    /* NULL: nothing is read of a state that was not checked. */
    int (*check)(struct state *state, struct task *task);
    /* As state_failure; what it answers it answers from then on. NULL: it never fails. */
    const char *(*failure)(const struct state *state);
    int (*list_objects)(const struct state *state, struct listed_objects *objects); /* as in listed.h */
    void (*close)(
        struct state *state); /* of the last reference; the head's own strings are freed by the caller */
};

struct state {
    const struct state_ops *ops;
    atomic_uint references;
    struct generation *generation; /* a reference */
    uint64_t size, source_size;
    uint64_t identity; /* of the bytes and the point; see state_identity */
    uint64_t inode;    /* of the bytes; see state_inode */
    int64_t time;
    const char *replica; /* lives as long as the generation */
    char *position, *gap, *mixture;
    char *lost_generation; /* may be NULL */
    struct read_ahead ahead;
};

/* Begins the head: one reference to the state, which takes one to its generation. */
void state_init(struct state *state, const struct state_ops *ops, struct generation *generation);

/* Where bytes go behind `n` others that go to `bytes`; nowhere stays nowhere. */
static inline void *bytes_after(void *bytes, size_t n)
{
    return bytes ? (char *)bytes + n : NULL;
}
