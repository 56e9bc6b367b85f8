/* Litestream v0.5: one history of LTX files in levels, shown as the generation "ltx".
 *
 * Position: a TXID. A level-9 file is an image of the whole database; a file of a lower level holds the pages
 * that its range of TXIDs changed, as of its last one. A state is a base and a chain of files that lead from
 * it to a TXID without a gap. Sources: Litestream v0.5 replica.go (CalcRestorePlan), superfly/ltx. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "generation/generation.h"
#include "generation/learnt.h"
#include "litemount/replica.h"
#include "ltx_table.h"

#define V05_BASE_LEVEL 9
#define V05_WHOLE_OBJECT (1 << 20) /* bytes: a file up to this is checked whole before any of it is used */

/* One LTX file. */
struct ltx_file {
    atomic_uint references;
    struct v05_generation *generation; /* borrowed */
    struct replica *replica;           /* where it stands; borrowed from the generation */
    struct object object;
    unsigned level;
    uint64_t min_txid, max_txid;

    /* Of the files that stood in its place, and failed (ltx_verdict.h): how many, and the checksum of what
     * was read of the last one, and the one that it told. */
    unsigned failures;
    struct {
        uint64_t came, told;
    } before;

    /* Guarded by the generation's lock. */
    int64_t time;           /* what `litestream restore -timestamp` goes by: nanoseconds since 1970, UTC; or
                               LTX_TIME_UNKNOWN, before every other time, as long as nobody needed it */
    uint64_t database_size; /* after its last transaction, as its header tells: bytes; 0: nobody needed it */

    /* Guarded by the generation's lock until it is LEARNT_SOUND; never changes after that. */
    struct learnt learnt;
    struct ltx_table table;
    struct cache_image *image; /* its pages, one after the other, in the order of the table */
    struct ltx_sums *sums;     /* of a file that is not checked whole; else NULL */
};

/* Of a file that is sound. */
static inline const struct ltx_header *ltx_file_header(const struct ltx_file *file)
{
    return &file->table.head->header;
}

/* A folder that holds the files of one level. */
struct level_folder {
    struct replica *replica; /* borrowed from the generation */
    char prefix[16];
    unsigned level;
    const struct ltx_file *last; /* the greatest key that was listed; borrowed from the listing */
};

#define V05_MOST_FOLDERS 40 /* ten levels in two layouts, below two roots */

/* Where a plan leads. */
struct plan_end {
    uint64_t txid;
    const struct ltx_file *base; /* borrowed from the listing; NULL: none */
};

/* What a listing showed, shared by all states that were made from it. */
struct v05_listing {
    atomic_uint references;
    struct ltx_file **files; /* by least TXID, then level; a reference each */
    size_t n_files;
    struct level_folder folders[V05_MOST_FOLDERS]; /* those that hold files */
    size_t n_folders;
    bool has_doubles;    /* two files are of the same range and level: only their times tell them apart */
    unsigned n_failures; /* of the generation's: those whose files were replaced in it */

    /* Guarded by the generation's lock. */
    bool timed;             /* the time of every file is known */
    struct instants points; /* every time at which the latest state becomes another one; none: not known */
    struct plan_end *ends;  /* one a point */
    size_t points_damages;  /* files of the generation that were known to be damaged then */
};

struct v05_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct replica *written; /* the same at the path as it was written, or NULL; owned */
    struct cache *cache;
    struct slots *decoders;

    pthread_mutex_t lock;        /* guards what is below, and what says so in files and listings */
    pthread_cond_t learnt;       /* a file stopped being LEARNT_PENDING, or `learning_times` ended */
    bool learning_times;         /* somebody asks for the times of all files */
    size_t n_damaged;            /* files that turned out to be LEARNT_DAMAGED */
    struct v05_listing *listing; /* a reference */
};

/* Which files make a state: a base (NULL: none, the first of the chain is an image itself) and the files upon
 * it, in the order of their TXIDs. The files are borrowed from the listing. */
struct plan {
    struct ltx_file *base;
    struct ltx_file **chain;
    size_t n_chain, capacity;
    uint64_t txid; /* where it leads; 0: nowhere */
};

void plan_finish(struct plan *plan);

/* Plans the state at `time`, inclusive, or (INSTANT_MAX) the latest, not beyond `txid` (UINT64_MAX: no
 * limit), around the files that are known to be damaged. Called with the generation locked. 0 or -ENOMEM. */
int plan_make(const struct v05_listing *listing, int64_t time, uint64_t txid, struct plan *ret_plan);

/* The last file of the plan: its commit is the state's. NULL if it leads nowhere. */
struct ltx_file *plan_last(const struct plan *plan);

/* A time at which the latest state becomes another one. */
struct plan_point {
    int64_t time;
    uint64_t txid;         /* where the plan leads */
    bool is_base;          /* another base has come */
    struct ltx_file *base; /* the plan's; NULL: none */
    struct ltx_file *last; /* a file whose commit is the state's; borrowed from the listing */
    uint64_t missing;      /* up to this TXID nothing is there right before the next point, but something is
                              behind it; 0: nothing is missing */
};

struct plan_points {
    struct plan_point *items;
    size_t n, capacity;
};

/* All of them, ascending; the caller frees the items. Locked as above. 0 or -ENOMEM. */
int plan_points(const struct v05_listing *listing, struct plan_points *ret_points);

/* Every TXID that some plan leads to, ascending, and that plan's base; `ends` has room for all files.
 * Returns how many. Locked as above. */
size_t plan_reachable(const struct v05_listing *listing, struct plan_end *ends);

/* sound_plan.c: plan_make, of a generation that is not locked. */
int v05_plan(struct v05_generation *generation, const struct v05_listing *listing, int64_t time,
             uint64_t txid, struct plan *ret_plan);

/* As v05_plan, around all damage: learns the plan's files until they are sound. 0, -ENOENT if it leads
 * nowhere, or a negative errno with a reason. */
int v05_sound_plan(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                   uint64_t txid, struct task *task, struct plan *ret_plan);

/* What is missing right behind where a plan for `time` leads, up to the next TXID that there is a file of: a
 * sentence that the caller frees, or NULL. Files that are younger than `time` count too: what they continue
 * may have been there by then. 0 or -ENOMEM. */
int v05_describe_gap(struct v05_generation *generation, const struct v05_listing *listing, int64_t time,
                     const struct plan *plan, char **ret_gap);

/* v05_key.c. Whether a name is an LTX file's; a folder one that holds a level on S3 ("0000/"); a key below a
 * backup's root an LTX file's. */
bool v05_parse_name(const char *name, uint64_t *ret_min, uint64_t *ret_max);
bool v05_is_level(const char *folder);
bool v05_is_key(const char *key);

/* v05_listing.c: lists the replica; of what is `known` (may be NULL) only what came since, unless `whole`. */
int v05_listing_make(struct v05_generation *generation, const struct contents *contents,
                     const struct v05_listing *known, bool whole, struct task *task,
                     struct v05_listing **ret_listing);

/* v05_renew.c: the listing as it is now, with new files in place of those that failed, and damage forgotten
 * that is long known; NULL if nothing was listed yet. A reference for the caller. */
struct v05_listing *v05_listing_current(struct v05_generation *generation);

struct v05_listing *v05_listing_ref(struct v05_listing *listing);
void v05_listing_unref(struct v05_listing *listing); /* NULL is fine */

/* ltx_file.c */
struct ltx_file *ltx_file_make(struct v05_generation *generation, struct replica *replica,
                               const struct object *object, unsigned level, uint64_t min, uint64_t max);
struct ltx_file *ltx_file_ref(struct ltx_file *file);
void ltx_file_unref(struct ltx_file *file);

/* Learns the first `n` of the files: what is in them, and when they were written. Of the `n_timed` files
 * behind them, which are not to be read, only the time. 0 even if some turn out damaged; else why they can't
 * be had. */
int ltx_files_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, size_t n_timed,
                    struct task *task);

/* v05_describe.c: what can be listed of a history.
 *
 * Adds every point, and tells what follows it: see describe_points. 0, or a negative errno with a reason. */
int v05_describe_points(struct v05_generation *generation, struct v05_listing *listing,
                        const struct measuring *measuring, struct task *task, struct listed_points *points);

/* Adds all files (OBJECT_LTX) or the snapshots, level by level in the order of their TXIDs. 0 or -ENOMEM. */
int v05_list_objects(struct v05_generation *generation, const struct v05_listing *listing,
                     enum object_kind kind, struct listed_objects *objects);

/* Adds every TXID that can be reached. 0 or -ENOMEM. */
int v05_list_positions(struct v05_generation *generation, const struct v05_listing *listing,
                       struct names *names);

/* Says that TXIDs are missing; the caller frees it. 0 or -ENOMEM. */
int v05_write_gap(uint64_t first, uint64_t last, char **ret_gap);

/* v05_point.c: the point that `plan`, which answers for `time`, leads to. 0, or a negative errno with a
 * reason. */
int v05_find_point(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                   const struct plan *plan, struct task *task, int64_t *ret_point);

/* Sees to it that the listing's points are known. Called locked, with all times known. 0 or -ENOMEM. */
int v05_count_points_locked(struct v05_generation *generation, struct v05_listing *listing);

/* v05_inode.c: the state_inode of the state at `txid` upon `base` (NULL: none). */
uint64_t v05_inode(const struct ltx_file *base, uint64_t txid);

/* As known_at of generation_ops. */
int v05_known_at(struct v05_generation *generation, struct v05_listing *listing, const int64_t *times,
                 size_t n, struct known_state *ret_states);

/* Adds all points. 0, or a negative errno with a reason. */
int v05_points(struct v05_generation *generation, struct v05_listing *listing, struct task *task,
               struct instants *points);

/* Whether there is a point at or before `time`: 1 or 0, or why times can't be had. Asks for none where the
 * store's own tell enough. */
int v05_begins_by(struct generation *base, int64_t time, struct task *task);
