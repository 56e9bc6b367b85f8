/* Litestream v0.5: one history of LTX files in levels, shown as the generation "ltx".
 *
 * Position: a TXID. A level-9 file is an image of the whole database; a file of a lower level holds the pages
 * that its range of TXIDs changed, as of its last one. A state is a base and a chain of files that lead from
 * it to a TXID without a gap. Sources: Litestream v0.5 replica.go (CalcRestorePlan), superfly/ltx. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "generation/generation.h"
#include "plan.h"

/* A folder that holds the files of one level. */
struct level_folder {
    struct replica *replica; /* borrowed from the generation */
    char prefix[16];
    unsigned level;
    const struct ltx_file *last; /* the greatest key that was listed; borrowed from the listing */
};

#define V05_MOST_FOLDERS 40 /* ten levels in two layouts, below two roots */

struct v05_listing {
    struct generation_listing base;
    struct ltx_file **files; /* by least TXID, then level; a reference each */
    size_t n_files;
    struct level_folder folders[V05_MOST_FOLDERS]; /* those that hold files */
    size_t n_folders;
    bool has_doubles;    /* two files are of the same range and level: only their times tell them apart */
    unsigned n_failures; /* of the generation's: those whose files were replaced in it */

    struct learnt times; /* LEARNT_SOUND: the time of every file is known. Guarded by the generation's lock */
};

struct v05_generation {
    struct generation base;
    struct replica *replica; /* borrowed from the history, which outlives it */
    struct replica *written; /* the same at the path as it was written, or NULL; owned */
    struct cache *cache;
    struct slots *decoders;

    /* Guarded by the head's lock. */
    size_t n_damaged;      /* files that turned out to be LEARNT_DAMAGED */
    struct plan_end *ends; /* where each of the head's known points leads */
    bool asks_for_times;   /* of the files of one listing at a time: another one's are mostly the same */
};

/* v05_key.c. Whether a name is an LTX file's; a folder one that holds a level on S3 ("0000/"); a key below a
 * backup's root an LTX file's. */
bool v05_parse_name(const char *name, uint64_t *ret_min, uint64_t *ret_max);
bool v05_is_level(const char *folder);
bool v05_is_key(const char *key);

static inline struct v05_generation *v05_generation_of(struct generation *generation)
{
    return (struct v05_generation *)generation;
}

static inline struct v05_listing *v05_listing_of(struct generation_listing *listing)
{
    return (struct v05_listing *)listing;
}

/* v05_listing.c. A listing of no files, one reference; NULL: out of memory. */
struct v05_listing *v05_listing_make(void);

/* These, and all that are called with heads, are generation_ops. */
int v05_list(struct generation *generation, struct generation_listing *known, const struct contents *contents,
             bool whole, struct task *task, struct generation_listing **ret_listing);

/* v05_renew.c */
void v05_renew_locked(struct generation *generation);

/* v05_describe.c */
int v05_describe_points(struct generation *generation, struct generation_listing *listing,
                        const struct measuring *measuring, struct task *task, struct listed_points *points);
int v05_list_objects(struct generation *generation, struct generation_listing *listing, enum object_kind kind,
                     struct listed_objects *objects);
int v05_list_positions(struct generation *generation, struct generation_listing *listing, const char *folder,
                       struct task *task, struct names *names);

/* v05_points.c: the point that `plan`, which answers for `time`, leads to. 0, or a negative errno with a
 * reason. */
int v05_find_point(struct v05_generation *generation, struct v05_listing *listing, int64_t time,
                   const struct plan *plan, struct task *task, int64_t *ret_point);

int v05_count_points_locked(struct generation *generation, struct generation_listing *listing,
                            struct instants *points);
size_t v05_count_damages_locked(struct generation *generation, struct generation_listing *listing);
int v05_known_at(struct generation *generation, struct generation_listing *listing, const int64_t *times,
                 size_t n, struct known_state *ret_states);

/* Asks for no times where the store's own tell enough. */
int v05_begins_by(struct generation *generation, struct generation_listing *listing, int64_t time,
                  struct task *task);

/* v05_verify.c */
uint64_t v05_stored_size(struct generation *generation, struct generation_listing *listing);
int v05_verify(struct generation *generation, struct generation_listing *listing, struct verifier *verifier,
               struct task *task);
