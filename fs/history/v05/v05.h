/* Litestream v0.5: one history of LTX files in levels, shown as the generation "ltx".
 *
 * Position: a TXID. A level-9 file is an image of the whole database; a file of a lower level holds the pages
 * that its range of TXIDs changed, as of its last one. A state is a base and a chain of files that lead from
 * it to a TXID without a gap. Sources: Litestream v0.5 replica.go (CalcRestorePlan), superfly/ltx. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "../generation.h"
#include "litemount/ltx.h"
#include "litemount/replica.h"

#define V05_BASE_LEVEL 9
#define V05_WHOLE_OBJECT (1 << 20) /* bytes: a file up to this is checked whole before any of it is used */

enum ltx_learnt { LTX_UNKNOWN, LTX_PENDING, LTX_SOUND, LTX_DAMAGED };

/* One LTX file. */
struct ltx_file {
    atomic_uint references;
    struct replica *replica; /* where it stands; borrowed from the generation */
    struct object object;
    unsigned level;
    uint64_t min_txid, max_txid;
    int64_t time; /* what `litestream restore -timestamp` goes by: nanoseconds since 1970, UTC */

    /* Guarded by the generation's lock until it is LTX_SOUND; never changes after that. */
    enum ltx_learnt learnt;
    char *damage; /* why it is LTX_DAMAGED */
    struct ltx_header header;
    struct ltx_index index;
};

/* What a listing showed: immutable, shared by all states that were made from it. */
struct v05_listing {
    atomic_uint references;
    struct ltx_file **files; /* by least TXID, then level; a reference each */
    size_t n_files;
    int64_t *times; /* of the files, ascending, each once */
    size_t n_times;
    uint64_t max_txid;
};

struct v05_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct replica *written; /* the same at the path as it was written, or NULL; owned */
    struct cache *cache;
    struct slots *decoders;

    pthread_mutex_t lock;        /* guards what is below, and the files' learnt part */
    pthread_cond_t learnt;       /* a file stopped being LTX_PENDING */
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

/* Adds every time at which the latest state becomes another one. Locked as above. 0 or -ENOMEM. */
int plan_points(const struct v05_listing *listing, struct instants *points);

/* Every TXID that some plan leads to, ascending; `txids` has room for all files. Returns how many. Locked as
 * above. */
size_t plan_reachable(const struct v05_listing *listing, uint64_t *txids);

/* v05_listing.c */
bool v05_parse_name(const char *name, uint64_t *ret_min, uint64_t *ret_max);
int v05_listing_make(struct v05_generation *generation, const struct v05_listing *known, struct task *task,
                     struct v05_listing **ret_listing);
struct v05_listing *v05_listing_ref(struct v05_listing *listing);
void v05_listing_unref(struct v05_listing *listing); /* NULL is fine */

/* ltx_file.c */
struct ltx_file *ltx_file_make(struct replica *replica, const struct object *object, unsigned level,
                               uint64_t min, uint64_t max, int64_t time);
struct ltx_file *ltx_file_ref(struct ltx_file *file);
void ltx_file_unref(struct ltx_file *file);

/* Learns what is in the files: header and index. 0 even if some turn out damaged; else why they can't be had.
 */
int ltx_files_learn(struct v05_generation *generation, struct ltx_file **files, size_t n, struct task *task);

/* ltx_image.c: reads `length` bytes from `offset` of the pages from entry `entry` of the file's index on,
 * which follow each other in its image. Returns the bytes read, or a negative errno with a reason. */
int64_t ltx_image_read(struct v05_generation *generation, struct ltx_file *file, size_t entry,
                       uint32_t offset, size_t length, void *bytes, struct task *task);
