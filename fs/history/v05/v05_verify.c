/* Every file of every level is read and checked. Then it is seen what is missing: a level's files continue
 * each other, for a compaction begins where the last one ended, and retention deletes from a level's
 * beginning only; and what one level lacks at its beginning, another has. Source: Litestream v0.5
 * compactor.go. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "generation/verifier.h"
#include "litemount/cleanup.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "ltx_image.h"
#include "ltx_learn.h"
#include "v05_compare.h"

#define WINDOW (2 << 20) /* bytes fetched at once */

/* A history that is being verified; nobody else has it. */
struct v05_verification {
    struct v05_generation *generation;
    const struct v05_listing *listing;
    struct verifier *verifier;
};

static void v05_close_checker(struct ltx_checker **checker)
{
    ltx_checker_close(*checker);
}

static void v05_end_comparison(struct v05_comparison **comparison)
{
    v05_compare_end(*comparison);
}

/* A small file is learnt, so that whoever opens the state has it already. */
static int verify_small(struct v05_generation *generation, const struct ltx_file *file,
                        struct v05_comparison *comparison, struct task *task)
{
    struct ltx_found found = {0};
    int r = ltx_learn(generation, file, comparison, task, &found);

    ltx_table_finish(&found.table);
    cache_image_close(found.image);
    return r;
}

/* A large file that is being read, in windows. */
struct ltx_verification {
    struct verifier *verifier;
    const struct ltx_file *file;
    struct v05_comparison *comparison;
    struct ltx_checker *checker;
    bool anew;
    uint64_t sum; /* of the bytes */
};

static int v05_feed(struct ltx_verification *verification, struct task *task)
{
    _cleanup_free_ uint8_t *window = malloc(WINDOW);
    int r = window ? 0 : -ENOMEM;

    for (uint64_t offset = 0, left = verification->file->object.size; left && r == 0;) {
        size_t length = left < WINDOW ? (size_t)left : WINDOW;
        r = ltx_file_read(verification->file, verification->anew, offset, length, window, task);
        if (r < 0)
            return r;
        if (offset == 0)
            v05_compare_start(verification->comparison, window, verification->checker);
        verification->sum = learnt_sum(verification->sum, window, length);
        r = ltx_checker_feed(verification->checker, window, length);
        offset += length;
        left -= length;
        verifier_advance(verification->verifier);
    }
    return r;
}

static int v05_check_large(struct ltx_verification *verification, struct task *task)
{
    _cleanup_(ltx_index_finish) struct ltx_index index = {0};
    const struct ltx_file *file = verification->file;
    struct ltx_header header;
    int r = v05_feed(verification, task);

    if (r == 0)
        r = ltx_checker_end(verification->checker, &header, &index);
    if (r == -EBADMSG)
        return ltx_file_fail(file, EBADMSG, task,
                             "is damaged: it is cut short, or a checksum of it does not hold");
    if (r < 0)
        return r;
    if (header.min_txid != file->min_txid || header.max_txid != file->max_txid)
        return ltx_file_fail(file, EBADMSG, task, "is damaged: its header tells other TXIDs than its name");
    v05_compare_conclude(verification->comparison, &index);
    return 0;
}

static int v05_verify_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    _cleanup_(v05_close_checker) struct ltx_checker *checker = NULL;
    struct ltx_verification *verification = context;
    int r = ltx_checker_open(&checker);

    if (r < 0)
        return r;
    verification->checker = checker;
    verification->anew = anew;
    verification->sum = 0;
    r = v05_check_large(verification, task);
    *ret_sum = verification->sum;
    return r;
}

/* As many large ones at once as there are decoders: each takes a window, and a page index. */
static int verify_large(const struct v05_verification *verifying, const struct ltx_file *file,
                        struct v05_comparison *comparison, struct task *task)
{
    struct ltx_verification verification = {
        .verifier = verifying->verifier, .file = file, .comparison = comparison};
    struct slots *decoders = verifying->generation->decoders;
    int r = slots_take(decoders, verifying->generation->base.store, task);

    if (r < 0)
        return r;
    r = learnt_read(v05_verify_attempt, &verification, task);
    slots_give(decoders, verifying->generation->base.store);
    return r;
}

static int verify_file(const struct v05_verification *verifying, const struct ltx_file *file,
                       struct task *task)
{
    _cleanup_(v05_end_comparison) struct v05_comparison *comparison = NULL;
    int r = v05_compare_begin(verifying->generation, file, &comparison);

    if (r < 0)
        return r;
    r = file->object.size <= V05_WHOLE_OBJECT ? verify_small(verifying->generation, file, comparison, task)
                                              : verify_large(verifying, file, comparison, task);
    return r == 0 && v05_compare_has_dropped(comparison)
               ? verifier_note_dropped(verifying->verifier, file->replica, &file->object)
               : r;
}

static struct object *v05_verify_object_of(void *context, size_t item, struct replica **ret_replica)
{
    struct ltx_file *file = ((const struct v05_verification *)context)->listing->files[item];
    *ret_replica = file->replica;
    return &file->object;
}

static int v05_verify_item(void *context, size_t item, struct task *task)
{
    const struct v05_verification *verifying = context;
    return verify_file(verifying, verifying->listing->files[item], task);
}

/* --- what is missing --- */

static int v05_complain_of_hole(const struct v05_verification *verifying, const struct ltx_file *file,
                                uint64_t first, uint64_t last)
{
    const char *key = file->object.key, *slash = strrchr(key, '/');
    return verifier_complain(verifying->verifier, "%s/%.*s/%016" PRIx64 "-%016" PRIx64 ".ltx is missing%s",
                             replica_url(file->replica), slash ? (int)(slash - key) : 0, key, first, last,
                             first == last ? "" : ", or several files that hold these TXIDs");
}

/* Between the files of one level. */
static int v05_find_holes_of_level(const struct v05_verification *verifying, unsigned level)
{
    const struct v05_listing *listing = verifying->listing;
    uint64_t reached = 0;
    int r = 0;

    for (size_t i = 0; i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level != level)
            continue;
        if (reached && file->min_txid > reached + 1)
            r = v05_complain_of_hole(verifying, file, reached + 1, file->min_txid - 1);
        reached = file->max_txid > reached ? file->max_txid : reached;
    }
    return r;
}

/* Whether files of one level stand on both sides of the TXIDs between `reached` and `file`: so their hole was
 * found by their level. */
static bool v05_is_inside_level(const struct v05_listing *listing, const struct ltx_file *file,
                                uint64_t reached)
{
    for (size_t i = 0; i < listing->n_files; i++)
        if (listing->files[i]->level == file->level && listing->files[i]->max_txid <= reached)
            return true;
    return false;
}

/* The TXID of the first snapshot; 0: there is none, so the first file has to be one. */
static uint64_t v05_first_snapshot(const struct v05_verification *verifying)
{
    const struct v05_listing *listing = verifying->listing;
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < listing->n_files; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level == V05_BASE_LEVEL && file->max_txid < first &&
            !verifier_misses(verifying->verifier, &file->object))
            first = file->max_txid;
    }
    return first == UINT64_MAX ? 0 : first;
}

/* Between the levels: TXIDs behind the first snapshot that no file holds, but a later one of some level
 * follows. */
static int v05_find_holes_between_levels(const struct v05_verification *verifying)
{
    const struct v05_listing *listing = verifying->listing;
    uint64_t reached = v05_first_snapshot(verifying);
    int r = 0;

    for (size_t i = 0; i < listing->n_files && r == 0; i++) {
        const struct ltx_file *file = listing->files[i];
        if (file->level == V05_BASE_LEVEL)
            continue;
        if (file->min_txid > reached + 1 && !v05_is_inside_level(listing, file, reached))
            r = v05_complain_of_hole(verifying, file, reached + 1, file->min_txid - 1);
        reached = file->max_txid > reached ? file->max_txid : reached;
    }
    return r;
}

static int verify_listing(struct v05_verification *verifying, struct task *task)
{
    const struct verifier_round round = {verifying->listing->n_files, verifying, v05_verify_object_of,
                                         v05_verify_item};
    int r = verifier_each(verifying->verifier, &round, task);

    for (unsigned level = 0; level < V05_BASE_LEVEL && r == 0; level++)
        r = v05_find_holes_of_level(verifying, level);
    if (r == 0)
        r = v05_find_holes_between_levels(verifying);
    return r;
}

/* --- */

uint64_t v05_stored_size(struct generation *generation, struct generation_listing *base)
{
    const struct v05_listing *listing = v05_listing_of(base);
    uint64_t size = 0;

    for (size_t i = 0; i < listing->n_files; i++)
        size += listing->files[i]->object.size;
    return size;
}

int v05_verify(struct generation *generation, struct generation_listing *listing, struct verifier *verifier,
               struct task *task)
{
    struct v05_verification verifying = {v05_generation_of(generation), v05_listing_of(listing), verifier};
    return verify_listing(&verifying, task);
}
