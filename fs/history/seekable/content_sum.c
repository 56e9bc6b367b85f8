/* The checksum of the content grows in the blocks' order. Who reads in order decodes them nearly so, and each
 * is added when it is decoded, or, if one before it was late, as the owner kept it. Otherwise all are taken
 * from the owner at the end. */
#include <errno.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "seekable_parts.h"

#define STEP (1 << 20) /* bytes taken from the owner at once */

static bool content_is_decoded_locked(const struct block_table *table)
{
    return table->complete && table->n_decoded + 1 == table->n_starts;
}

/* If it is due, the sum becomes the caller's alone until content_sum_end. */
static bool content_sum_take_locked(struct seekable *frame, bool due)
{
    struct content_sum *sum = &frame->sum;

    due = due && !sum->checked && !sum->busy && frame->table.frame.content_checksum;
    if (due && !sum->sum)
        due = lz4_checksum_open(&sum->sum) == 0;
    sum->busy |= due;
    return due;
}

static void content_sum_end(struct seekable *frame, size_t n_added, bool holds)
{
    pthread_mutex_lock(&frame->lock);
    frame->sum.n_summed += n_added;
    frame->sum.busy = false;
    frame->sum.checked |= holds;
    pthread_cond_broadcast(&frame->changed);
    pthread_mutex_unlock(&frame->lock);
}

void content_sum_add(struct seekable *frame, size_t number, const uint8_t *bytes, size_t length)
{
    pthread_mutex_lock(&frame->lock);
    bool mine = content_sum_take_locked(frame, number == frame->sum.n_summed);
    pthread_mutex_unlock(&frame->lock);
    if (!mine)
        return;
    lz4_checksum_add(frame->sum.sum, bytes, length);
    content_sum_end(frame, 1, false);
}

/* Begins the sum anew, with only those blocks as decoded that the owner still has. */
static void content_sum_begin_again(struct seekable *frame)
{
    const struct seekable_owner *owner = &frame->owner;
    struct block_table *table = &frame->table;

    pthread_mutex_lock(&frame->lock);
    size_t n = table->n_starts;
    pthread_mutex_unlock(&frame->lock);

    _cleanup_free_ bool *there = calloc(n, sizeof *there);
    for (size_t i = 0; there && i + 1 < n; i++) {
        uint8_t byte;
        there[i] = owner->peek(owner->context, (uint64_t)i * table->frame.block_max, 1, &byte) > 0;
    }

    pthread_mutex_lock(&frame->lock);
    lz4_checksum_close(frame->sum.sum);
    frame->sum.sum = NULL;
    frame->sum.n_summed = 0;
    table->n_decoded = 0;
    for (size_t i = 0; i < table->n_starts; i++) {
        if (i < n && table->states[i] == BLOCK_DECODED && (!there || !there[i]))
            table->states[i] = BLOCK_NEW;
        table->n_decoded += table->states[i] != BLOCK_NEW;
    }
    pthread_mutex_unlock(&frame->lock);
}

/* Adds a decoded block as the owner kept it. -ESTALE: some of it is gone. */
static int content_sum_add_kept(struct seekable *frame, size_t number)
{
    const struct seekable_owner *owner = &frame->owner;
    uint64_t size = frame->table.frame.block_max, offset = number * size, end = offset + size;
    _cleanup_free_ uint8_t *bytes = malloc(STEP);

    if (!bytes)
        return -ENOMEM;
    pthread_mutex_lock(&frame->lock);
    if (frame->table.end && end > frame->table.end)
        end = frame->table.end;
    pthread_mutex_unlock(&frame->lock);
    while (offset < end) {
        size_t length = end - offset < STEP ? (size_t)(end - offset) : STEP;
        if (owner->peek(owner->context, offset, length, bytes) != length)
            return -ESTALE;
        lz4_checksum_add(frame->sum.sum, bytes, length);
        offset += length;
    }
    return 0;
}

/* Adds the decoded blocks that are next. */
static int content_sum_catch_up(struct seekable *frame, const struct task *task)
{
    int r = 0;

    while (r == 0 && block_table_is_decoded(frame, frame->sum.n_summed)) {
        r = task_cancelled(task) ? -ECANCELED : content_sum_add_kept(frame, frame->sum.n_summed);
        pthread_mutex_lock(&frame->lock);
        frame->sum.n_summed += r == 0;
        pthread_mutex_unlock(&frame->lock);
    }
    return r;
}

/* Reads the checksum behind the end mark. */
static int content_sum_read(const struct block_reader *reader, uint64_t end_mark, struct task *task,
                            uint32_t *ret_told)
{
    uint8_t told[4];
    task_set_step(task, "the checksum of the frame");
    int r = block_read(reader, end_mark + LZ4_BLOCK_HEADER_SIZE, sizeof told, told, task);
    *ret_told =
        (uint32_t)told[3] << 24 | (uint32_t)told[2] << 16 | (uint32_t)told[1] << 8 | (uint32_t)told[0];
    return r;
}

/* Compares the sum of all blocks with the one that is told: 1 if it holds, else 0, or an errno. What is told
 * may have come wrong as well. */
static int content_sum_compare(struct seekable *frame, uint64_t end_mark, struct task *task,
                               uint64_t *ret_sums)
{
    struct block_reader reader = {.frame = frame};
    uint32_t sum = lz4_checksum_value(frame->sum.sum), told = 0;
    int r = content_sum_read(&reader, end_mark, task, &told);

    if (r == 0 && told != sum) {
        reader.anew = true;
        r = content_sum_read(&reader, end_mark, task, &told);
    }
    *ret_sums = (uint64_t)told << 32 | sum;
    return r < 0 ? r : told == sum;
}

/* Takes the sum if it is due: `*ret_all`, with all blocks; where another is at it, the end is waited for, as
 * long as that matters. `*ret_end_mark` is where that stands. */
static bool content_sum_begin(struct seekable *frame, bool ahead, struct task *task, bool *ret_all,
                              uint64_t *ret_end_mark)
{
    struct block_table *table = &frame->table;
    const struct content_sum *sum = &frame->sum;

    pthread_mutex_lock(&frame->lock);
    while (content_is_decoded_locked(table) && !sum->checked && (sum->busy || table->n_putting) &&
           !task_cancelled(task))
        task_wait(&frame->changed, &frame->lock);
    bool late = ahead && sum->n_summed && sum->n_summed < table->n_starts &&
                table->states[sum->n_summed] == BLOCK_DECODED;
    *ret_all = content_is_decoded_locked(table) && !table->n_putting;
    bool mine = content_sum_take_locked(frame, *ret_all || late);
    *ret_end_mark = mine ? table->starts[table->n_starts - 1] : 0;
    pthread_mutex_unlock(&frame->lock);
    return mine;
}

int seekable_check(struct seekable *frame, bool ahead, struct task *task)
{
    struct task attempt;
    uint64_t end_mark, sums = 0;
    bool all;

    if (!content_sum_begin(frame, ahead, task, &all, &end_mark))
        return 0;
    task_init(&attempt, task);
    int r = content_sum_catch_up(frame, &attempt);
    if (r == 0 && all)
        r = content_sum_compare(frame, end_mark, &attempt, &sums);
    bool holds = r > 0, damaged = all && (r == 0 || r == -EBADMSG);
    if (damaged)
        r = frame->owner.fail(frame->owner.context, sums, task, "its checksum does not match");
    if (r < 0)
        content_sum_begin_again(frame);
    content_sum_end(frame, 0, holds);
    if (holds)
        block_table_keep(frame);
    return damaged ? r : 0;
}

int seekable_is_unchecked(struct seekable *frame, struct task *task)
{
    const struct block_reader reader = {.frame = frame};
    int r = block_begin(&reader, task);

    if (r < 0)
        return r;
    pthread_mutex_lock(&frame->lock);
    r = frame->table.in_order ? -EOPNOTSUPP : frame->table.frame.content_checksum && !frame->sum.checked;
    pthread_mutex_unlock(&frame->lock);
    return r;
}

void seekable_set_checked(struct seekable *frame)
{
    content_sum_end(frame, 0, true);
    block_table_keep(frame);
}
