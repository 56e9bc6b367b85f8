/* Where the blocks stand, as far as is known, and which were decoded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/array.h"
#include "litemount/task.h"
#include "seekable_parts.h"

/* The head of a table as it is kept; the starts follow, then a byte a start: whether the block was decoded.
 */
struct block_table_head {
    uint32_t complete, checked;
    struct lz4_frame frame;
    uint64_t end;
};

int block_refuse(const struct seekable *frame, struct task *task, const char *why)
{
    return task_fail(task, EBADMSG, "%s is damaged: %s", frame->owner.name, why);
}

static int block_table_add_locked(struct block_table *table, uint64_t start)
{
    size_t n = table->n_starts + 1;
    int r = ARRAY_GROW(table->starts, table->starts_capacity, n);
    if (r == 0)
        r = ARRAY_GROW(table->states, table->states_capacity, n);
    if (r < 0)
        return r;
    table->states[n - 1] = BLOCK_NEW;
    table->starts[n - 1] = start;
    table->n_starts = n;
    return 0;
}

/* --- as it is kept --- */

static void block_table_parse_locked(struct seekable *frame, const struct buffer *buffer)
{
    struct block_table *table = &frame->table;
    struct block_table_head fact;

    if (buffer->size <= sizeof fact)
        return;
    memcpy(&fact, buffer->data, sizeof fact);
    const uint8_t *starts = buffer->data + sizeof fact;
    size_t n = (buffer->size - sizeof fact) / (sizeof *table->starts + 1);
    const uint8_t *decoded = starts + n * sizeof *table->starts;
    for (size_t i = 0; i < n; i++) {
        uint64_t start;
        memcpy(&start, starts + i * sizeof start, sizeof start);
        if (block_table_add_locked(table, start) < 0)
            break;
        table->states[i] = decoded[i] ? BLOCK_DECODED : BLOCK_NEW;
        table->n_decoded += decoded[i] > 0;
    }
    table->frame = fact.frame;
    table->complete = fact.complete && table->n_starts == n;
    table->end = fact.end;
    frame->sum.checked = fact.checked;
}

static int block_table_format_locked(const struct seekable *frame, struct buffer *buffer)
{
    const struct block_table *table = &frame->table;
    struct block_table_head fact;

    memset(&fact, 0, sizeof fact); /* padding too: it is written out */
    fact.complete = table->complete;
    fact.checked = frame->sum.checked;
    fact.frame = table->frame;
    fact.end = table->end;
    int r = buffer_append(buffer, &fact, sizeof fact);
    if (r == 0)
        r = buffer_append(buffer, table->starts, table->n_starts * sizeof *table->starts);
    for (size_t i = 0; i < table->n_starts && r == 0; i++) {
        uint8_t decoded = table->states[i] == BLOCK_DECODED;
        r = buffer_append(buffer, &decoded, sizeof decoded);
    }
    return r;
}

void block_table_keep(struct seekable *frame)
{
    struct buffer buffer = {0};

    pthread_mutex_lock(&frame->lock);
    int r = block_table_format_locked(frame, &buffer);
    pthread_mutex_unlock(&frame->lock);
    if (r == 0)
        frame->owner.keep(frame->owner.context, buffer.data, buffer.size);
    buffer_finish(&buffer);
}

void block_table_forget(const struct seekable *frame)
{
    frame->owner.keep(frame->owner.context, "", 0);
}

/* --- its beginning --- */

static int block_table_is_begun_locked(const struct block_table *table)
{
    return table->in_order ? -EOPNOTSUPP : table->n_starts > 0;
}

int block_table_is_begun(struct seekable *frame)
{
    struct block_table *table = &frame->table;
    struct buffer buffer = {0};

    pthread_mutex_lock(&frame->lock);
    int r = block_table_is_begun_locked(table);
    pthread_mutex_unlock(&frame->lock);
    if (r != 0 || frame->owner.recall(frame->owner.context, &buffer) < 0)
        return r;
    pthread_mutex_lock(&frame->lock);
    if (table->n_starts == 0)
        block_table_parse_locked(frame, &buffer);
    r = block_table_is_begun_locked(table);
    pthread_mutex_unlock(&frame->lock);
    buffer_finish(&buffer);
    return r;
}

int block_table_begin(struct seekable *frame, const struct lz4_frame *header)
{
    struct block_table *table = &frame->table;
    int r = block_table_is_begun(frame);

    if (r != 0)
        return r < 0 ? r : 0;
    if (!header->independent)
        return block_table_give_up(frame);
    pthread_mutex_lock(&frame->lock);
    if (table->n_starts == 0) {
        table->frame = *header;
        r = block_table_add_locked(table, header->header_size);
    }
    pthread_mutex_unlock(&frame->lock);
    return r;
}

int block_table_give_up(struct seekable *frame)
{
    pthread_mutex_lock(&frame->lock);
    frame->table.in_order = true;
    pthread_mutex_unlock(&frame->lock);
    return -EOPNOTSUPP;
}

/* --- what it tells --- */

bool block_table_get(struct seekable *frame, uint64_t wanted, struct block_place *ret_place)
{
    const struct block_table *table = &frame->table;

    pthread_mutex_lock(&frame->lock);
    size_t n = table->n_starts - 1; /* blocks whose headers were read */
    bool known = wanted < n || (table->complete && n);
    size_t number = wanted < n ? (size_t)wanted : known ? n - 1 : n;
    *ret_place = (struct block_place){number, table->starts[number], known ? table->starts[number + 1] : 0};
    pthread_mutex_unlock(&frame->lock);
    return known;
}

bool block_table_is_decoded(struct seekable *frame, size_t number)
{
    pthread_mutex_lock(&frame->lock);
    bool decoded = number < frame->table.n_starts && frame->table.states[number] == BLOCK_DECODED;
    pthread_mutex_unlock(&frame->lock);
    return decoded;
}

uint32_t seekable_block_size(struct seekable *frame)
{
    pthread_mutex_lock(&frame->lock);
    uint32_t size = block_table_is_begun_locked(&frame->table) > 0 ? frame->table.frame.block_max : 0;
    pthread_mutex_unlock(&frame->lock);
    return size;
}

void seekable_expect(struct seekable *frame, uint64_t size)
{
    pthread_mutex_lock(&frame->lock);
    frame->table.expected = size;
    pthread_mutex_unlock(&frame->lock);
}

/* As many as full blocks make. */
static size_t block_table_count_full_locked(const struct block_table *table)
{
    return table->n_starts && table->expected ? (size_t)((table->expected - 1) / table->frame.block_max + 1)
                                              : 1;
}

size_t block_table_expected(struct seekable *frame, uint64_t *ret_bytes)
{
    const struct block_table *table = &frame->table;

    pthread_mutex_lock(&frame->lock);
    size_t n = block_table_count_full_locked(table);
    if (table->complete || n < table->n_starts)
        n = table->n_starts - table->complete;
    pthread_mutex_unlock(&frame->lock);
    *ret_bytes = frame->owner.size / n + 1;
    return n;
}

/* --- what it learns --- */

void block_table_drop_guesses(struct seekable *frame)
{
    struct block_table *table = &frame->table;

    pthread_mutex_lock(&frame->lock);
    size_t n = table->n_starts;
    while (n > 1 && table->states[n - 1] == BLOCK_NEW && table->states[n - 2] == BLOCK_NEW)
        n--;
    if (n < table->n_starts) {
        table->n_starts = n;
        table->complete = false;
    }
    pthread_mutex_unlock(&frame->lock);
}

/* The header at the last place known is none. Perhaps the one that led there came wrong over the network: it
 * will be read again. */
static void block_table_drop_last(struct seekable *frame, size_t number)
{
    pthread_mutex_lock(&frame->lock);
    if (number > 0 && number + 1 == frame->table.n_starts && !frame->table.complete)
        frame->table.n_starts--;
    pthread_mutex_unlock(&frame->lock);
}

/* Whether the header is what the table has of its block: it leads to the next one, or is the end mark. Of a
 * block that was dropped meanwhile the table has nothing. */
static bool block_table_agrees_locked(const struct block_table *table, size_t number,
                                      const struct lz4_block *block)
{
    if (number + 1 == table->n_starts)
        return block->end || !table->complete;
    return number < table->n_starts && !block->end &&
           table->starts[number] + block->span == table->starts[number + 1];
}

/* Takes in a header at the table's end. Returns -EOPNOTSUPP for an end mark that is not the object's: the
 * object ends otherwise, or holds nothing. Reading in order says what is wrong. */
static int block_table_append_locked(struct seekable *frame, size_t number, const struct lz4_block *block)
{
    struct block_table *table = &frame->table;
    bool is_new = number + 1 == table->n_starts && !table->complete;

    if (!block->end)
        return is_new ? block_table_add_locked(table, table->starts[number] + block->span) : 0;
    if (number == 0 || frame->owner.size - table->starts[number] != lz4_frame_tail(&table->frame)) {
        table->in_order = true;
        return -EOPNOTSUPP;
    }
    table->complete |= is_new;
    return 0;
}

int block_table_note_header(struct seekable *frame, size_t number,
                            const uint8_t header[static LZ4_BLOCK_HEADER_SIZE], struct task *task)
{
    struct lz4_block block;

    if (lz4_block_parse(&frame->table.frame, header, &block) < 0) {
        block_table_drop_last(frame, number);
        return block_refuse(frame, task, "a block header is invalid");
    }
    pthread_mutex_lock(&frame->lock);
    bool agrees = block_table_agrees_locked(&frame->table, number, &block);
    int r = agrees ? block_table_append_locked(frame, number, &block) : 0;
    pthread_mutex_unlock(&frame->lock);
    return agrees ? r : block_refuse(frame, task, "a block header leads elsewhere than before");
}

int block_table_note_starts(struct seekable *frame, size_t number, const uint64_t *starts, size_t n,
                            bool complete)
{
    struct block_table *table = &frame->table;
    int r = 0;

    pthread_mutex_lock(&frame->lock);
    /* Others may have found some of them meanwhile, or dropped the one before. */
    if (table->n_starts <= number)
        n = 0;
    for (size_t i = table->n_starts - number - 1; i < n && r == 0; i++)
        r = block_table_add_locked(table, starts[i]);
    if (r == 0 && n && complete && table->n_starts == number + 1 + n)
        table->complete = true;
    pthread_mutex_unlock(&frame->lock);
    return r;
}

void block_table_note_state(struct seekable *frame, size_t number, enum block_state state, uint64_t end)
{
    struct block_table *table = &frame->table;

    pthread_mutex_lock(&frame->lock);
    if (number < table->n_starts) { /* it may have been dropped meanwhile */
        enum block_state before = table->states[number];
        table->states[number] = state;
        table->n_decoded += (size_t)(state != BLOCK_NEW) - (size_t)(before != BLOCK_NEW);
        table->n_putting += (size_t)(state == BLOCK_PUTTING) - (size_t)(before == BLOCK_PUTTING);
        table->end = end ? end : table->end;
    }
    pthread_cond_broadcast(&frame->changed);
    pthread_mutex_unlock(&frame->lock);
}
