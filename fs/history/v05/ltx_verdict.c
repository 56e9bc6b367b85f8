/* The pages of a large file come in any order, some from the cache, where an earlier mount or another has
 * put them. `missing` goes up as they do; whoever sees it reach the end computes the checksum from the
 * pages' sums, and takes those that this process did not read from the cache. Others who read meanwhile
 * wait for that: by the time that anybody has got the whole file, it is known to be right. */
#include "ltx_verdict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "ltx_image.h"
#include "ltx_sums.h"

#define WINDOW (UINT64_C(1) << 20) /* bytes of pages that are summed at once */
#define RUN (UINT64_C(4) << 20)    /* and that are fetched at once, if some are missing */
#define PARALLEL_RUNS 16
#define FEW 32 /* one of so many pages may be read for the sum alone */

static size_t ltx_page_size_of(const struct ltx_file *file)
{
    return ltx_file_header(file)->page_size;
}

static uint64_t ltx_image_size(const struct ltx_file *file)
{
    return (uint64_t)file->table.n * ltx_page_size_of(file);
}

const char *ltx_verdict_failure(const struct ltx_file *file)
{
    return file->sums && atomic_load(&file->sums->verdict) == LTX_FAILED ? file->sums->failure : NULL;
}

/* The first page from `entry` on that is neither known by its sum nor in the cache. */
static size_t verdict_missing(const struct ltx_file *file, size_t entry)
{
    size_t size = ltx_page_size_of(file), n = file->table.n, before;

    do {
        before = entry;
        while (entry < n && ltx_sums_get(file->sums, entry))
            entry++;
        if (entry < n)
            entry = (size_t)(cache_image_missing(file->image, (uint64_t)entry * size, ltx_image_size(file)) /
                             size);
    } while (entry > before && entry < n);
    return entry;
}

/* Whether no page is missing. Whoever brings the one that was missing goes on from there; a page that came
 * while somebody went on is seen by the check that follows each step. */
static bool verdict_is_due(const struct ltx_file *file)
{
    struct ltx_sums *sums = file->sums;
    size_t known = atomic_load(&sums->missing), now;

    while (known < file->table.n && (now = verdict_missing(file, known)) > known)
        if (atomic_compare_exchange_strong(&sums->missing, &known, now))
            known = now;
    return known >= file->table.n;
}

/* Notes the sums of pages that other processes, or earlier ones, have put. */
static int ltx_sum_window(const struct ltx_file *file, const struct ltx_sum *sum, size_t entry,
                          uint8_t *window, struct task *task)
{
    size_t size = ltx_page_size_of(file), n = WINDOW / size, left = file->table.n - entry;
    n = n < left ? n : left;
    int64_t length = ltx_image_fetch(file, (uint64_t)entry * size, n * size, window, task);

    if (length >= 0 && (size_t)length < n * size)
        return ltx_file_fail(file, EIO, task, "lacks a page that its page index tells of");
    for (size_t i = 0; length > 0 && i < n; i++) {
        struct ltx_page place = ltx_table_page(&file->table, entry + i);
        ltx_sums_note(file->sums, entry + i, ltx_page_sum(sum, &place, window + i * size));
    }
    return length < 0 ? (int)length : 0;
}

static int ltx_sum_pages(const struct ltx_file *file, struct ltx_sum *sum, struct task *task)
{
    _cleanup_free_ uint8_t *window = malloc(WINDOW);
    int r = window ? 0 : -ENOMEM;

    for (size_t i = 0; i < file->table.n && r == 0; i++) {
        uint64_t known = ltx_sums_get(file->sums, i);
        if (!known) {
            r = ltx_sum_window(file, sum, i, window, task);
            known = ltx_sums_get(file->sums, i);
        }
        ltx_sum_add(sum, known);
    }
    return r;
}

/* The checksum of the file as it was read: as it was learnt, and with the pages that were put. */
static int ltx_sum_file(const struct ltx_file *file, struct task *task, uint64_t *ret_checksum)
{
    const struct ltx_table_head *head = file->table.head;
    struct ltx_sum sum;

    ltx_sum_begin(&sum, head->start, ltx_page_size_of(file));
    int r = ltx_sum_pages(file, &sum, task);
    ltx_sum_begin_index(&sum);
    for (size_t i = 0; i < file->table.n && r == 0; i++) {
        struct ltx_page place = ltx_table_page(&file->table, i);
        ltx_sum_add_entry(&sum, &place);
    }
    if (r == 0)
        *ret_checksum = ltx_sum_end(&sum, head->trailer.post_apply_checksum);
    return r;
}

/* Nothing of it was right for sure, what was learnt of it neither. */
static void verdict_drop(const struct ltx_file *file)
{
    _cleanup_free_ char *identity = ltx_file_identity(file);

    cache_image_discard(file->image);
    if (!identity)
        return;
    ltx_table_drop(file->generation->cache, identity);
    ltx_sums_drop(file->generation->cache, identity);
}

/* Whether a file in its place came with the very same bytes before. */
static bool ltx_is_damaged(const struct ltx_file *file, uint64_t came)
{
    return came && file->before.came == came && file->before.told == file->table.head->trailer.checksum;
}

/* `came`: the checksum of what was read; 0: a page of it came twice, and different. */
static enum ltx_verdict verdict_fail(const struct ltx_file *file, uint64_t came, int *ret_error)
{
    struct ltx_sums *sums = file->sums;
    bool damaged = ltx_is_damaged(file, came);

    sums->came = came;
    sums->told = file->table.head->trailer.checksum;
    if (asprintf(&sums->failure, "%s/%s %s: its checksum does not match%s", replica_url(file->replica),
                 file->object.key, damaged ? "is damaged" : "came damaged",
                 damaged ? "" : "; opened again, it is read anew") < 0) {
        *ret_error = -ENOMEM;
        return LTX_UNKNOWN;
    }
    verdict_drop(file);
    return LTX_FAILED;
}

static enum ltx_verdict verdict_compare(const struct ltx_file *file, struct task *task, int *ret_error)
{
    bool contradicted = atomic_load(&file->sums->contradicted);
    uint64_t came = 0;

    *ret_error = contradicted ? 0 : ltx_sum_file(file, task, &came);
    if (*ret_error < 0)
        return LTX_UNKNOWN;
    if (contradicted || came != file->table.head->trailer.checksum)
        return verdict_fail(file, came, ret_error);
    return LTX_HOLDS;
}

static void verdict_keep(const struct ltx_file *file)
{
    _cleanup_free_ char *identity = ltx_file_identity(file);
    if (identity)
        ltx_sums_keep(file->sums, file->generation->cache, identity);
}

/* Whether it is the caller's to compare. Else waits until somebody else has. */
static bool verdict_claim(struct ltx_sums *sums, struct task *task)
{
    pthread_mutex_lock(&sums->lock);
    while (atomic_load(&sums->verdict) == LTX_SUMMING && !task_cancelled(task))
        task_wait(&sums->settled, &sums->lock);
    bool mine = atomic_load(&sums->verdict) == LTX_UNKNOWN;
    if (mine)
        atomic_store(&sums->verdict, LTX_SUMMING);
    pthread_mutex_unlock(&sums->lock);
    return mine;
}

/* False if the sums hold, but a page has come meanwhile that is not what was summed. */
static bool verdict_settle(const struct ltx_file *file, enum ltx_verdict verdict)
{
    struct ltx_sums *sums = file->sums;

    pthread_mutex_lock(&sums->lock);
    bool settles = verdict != LTX_HOLDS || !atomic_load(&sums->contradicted);
    if (verdict == LTX_FAILED)
        generation_count_failure(&file->generation->base);
    if (settles) {
        atomic_store(&sums->verdict, verdict);
        pthread_cond_broadcast(&sums->settled);
    }
    pthread_mutex_unlock(&sums->lock);
    if (verdict == LTX_FAILED)
        generation_tell_failure(&file->generation->base);
    return settles;
}

/* All pages are there, or one of them came twice and different: settles it. 0 unless it could not be told. */
static int verdict_find(const struct ltx_file *file, struct task *task)
{
    enum ltx_verdict verdict;
    int r = 0;

    if (verdict_claim(file->sums, task)) {
        do {
            verdict = verdict_compare(file, task, &r);
        } while (!verdict_settle(file, verdict));
        if (verdict == LTX_HOLDS)
            verdict_keep(file);
    }
    return r == 0 && task_cancelled(task) ? -ECANCELED : r;
}

static int verdict_answer(const struct ltx_file *file, struct task *task)
{
    const char *failure = ltx_verdict_failure(file);
    return failure ? task_fail(task, EIO, "%s", failure) : 0;
}

static int ltx_verdict_check(const struct ltx_file *file, struct task *task)
{
    struct task attempt;

    if (!file->sums || atomic_load(&file->sums->verdict) == LTX_HOLDS)
        return 0;
    task_init(&attempt, task);
    /* That it can't be told just now is no failure of who reads. */
    if ((atomic_load(&file->sums->contradicted) || verdict_is_due(file)) &&
        verdict_find(file, &attempt) == -ECANCELED)
        return -ECANCELED;
    return verdict_answer(file, task);
}

int64_t ltx_verdict_read(const struct ltx_file *file, uint64_t offset, size_t length, void *bytes,
                         struct task *task)
{
    int64_t n = ltx_image_fetch(file, offset, length, bytes, task);
    int r = ltx_verdict_check(file, task);
    return n < 0 || r == 0 ? n : r;
}

static int ltx_bring_run(void *context, size_t item, struct task *task)
{
    const struct ltx_file *file = context;
    int64_t n = ltx_image_fetch(file, item * RUN, RUN, NULL, task);
    return n < 0 ? (int)n : 0;
}

/* What is not in the cache, and was never read, is read now; in order where nothing can be cached. */
int ltx_verdict_reach(const struct ltx_file *file, struct task *task)
{
    size_t n_runs = (size_t)((ltx_image_size(file) + RUN - 1) / RUN);
    int r = 0;

    if (!file->sums || atomic_load(&file->sums->verdict) == LTX_HOLDS)
        return 0;
    if (!verdict_is_due(file))
        r = parallel_each(n_runs, PARALLEL_RUNS, ltx_bring_run, (void *)file, task);
    if (r == 0)
        r = verdict_find(file, task);
    return r < 0 ? r : verdict_answer(file, task);
}

int ltx_verdict_round_off(const struct ltx_file *file, struct task *task)
{
    const struct ltx_sums *sums = file->sums;
    struct task attempt;

    if (!sums || atomic_load(&sums->verdict) == LTX_HOLDS ||
        atomic_load(&sums->n_noted) < file->table.n - file->table.n / FEW)
        return 0;
    task_init(&attempt, task);
    if (ltx_verdict_reach(file, &attempt) == -ECANCELED)
        return -ECANCELED;
    return verdict_answer(file, task);
}
