/* A small file is fetched whole, and all its checksums hold before anything in it is used. Of a large one the
 * beginning and the end are read, both at once: with the header the first pages, for whoever opens a database
 * reads those, and the end in a guessed length, which the page index fits into nearly always. */
#include "ltx_learn.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/parallel.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "ltx_image.h"
#include "ltx_sums.h"
#include "ltx_time.h"
#include "v05_compare.h"

#define HEAD_SIZE (32 << 10) /* bytes */
#define TAIL_PART 320        /* an index entry takes some 9 bytes, the frame of a page of 4 KiB some 3 KiB */
#define TAIL_SIZE_MIN (64 << 10) /* bytes */
#define TAIL_SIZE_MAX (4 << 20)  /* bytes; also of an index's windows */

/* What is being found out. */
struct ltx_learning {
    struct v05_generation *generation;
    const struct ltx_file *file;
    struct v05_comparison *comparison; /* NULL: nothing is to be compared */
    char *identity;
    bool anew;            /* past every cache */
    uint64_t sum;         /* of the bytes that were read */
    uint8_t *head, *tail; /* the file's beginning and end; of a whole file all is in `head` */
    size_t head_size, tail_size;
    char *time; /* the metadata's */
    struct ltx_found found;
};

static void ltx_learning_finish(struct ltx_learning *learning)
{
    free(learning->identity);
    free(learning->head);
    free(learning->tail);
    free(learning->time);
    cache_image_close(learning->found.image);
    ltx_sums_close(learning->found.sums);
    ltx_table_finish(&learning->found.table);
}

/* Forgets what an attempt found, but for the time. */
static void ltx_learning_restart(struct ltx_learning *learning, bool anew)
{
    free(steal_pointer(learning->head));
    free(steal_pointer(learning->tail));
    cache_image_close(steal_pointer(learning->found.image));
    ltx_sums_close(steal_pointer(learning->found.sums));
    ltx_table_finish(&learning->found.table);
    learning->anew = anew || learning->file->failures;
    learning->sum = 0;
}

static void ltx_close_checker(struct ltx_checker **checker)
{
    ltx_checker_close(*checker);
}

/* Of a file whose table is found. */
static int ltx_open_image(struct ltx_learning *learning)
{
    struct ltx_found *found = &learning->found;
    struct cache *cache = learning->generation->cache;

    if (learning->file->object.size > V05_WHOLE_OBJECT &&
        !(found->sums = ltx_sums_open(cache, learning->identity, found->table.n)))
        return -ENOMEM;
    return cache_image_open(cache, learning->identity, found->table.head->header.page_size, &found->image);
}

/* Reads the file's first bytes, and with them its time, which only this brings; but not past every cache. */
static int ltx_read_start(struct ltx_learning *learning, struct task *task)
{
    if (learning->anew)
        return ltx_file_read(learning->file, true, 0, learning->head_size, learning->head, task);
    return ltx_file_read_start(learning->file, learning->head_size, learning->head, task, &learning->time);
}

/* Ends what was found: `builder` is the table, the first bytes of the file are in `head`. */
static int ltx_conclude(struct ltx_learning *learning, struct ltx_table_builder *builder, struct task *task)
{
    const struct ltx_file *file = learning->file;
    const struct ltx_header *header = &builder->head.header;

    if (header->min_txid != file->min_txid || header->max_txid != file->max_txid)
        return ltx_file_fail(learning->file, EBADMSG, task,
                             "is damaged: its header tells other TXIDs than its name");
    int r = ltx_table_make(builder, ltx_time_of(&file->object, learning->time), &learning->found.table);
    if (r == 0 && !ltx_table_fits(&learning->found.table))
        return ltx_file_fail(learning->file, EBADMSG, task,
                             "is damaged: it lacks pages that its header promises");
    if (r == 0)
        r = ltx_open_image(learning);
    if (r == 0)
        ltx_image_keep(file, &learning->found, learning->head, learning->head_size, task);
    if (r == 0)
        ltx_table_keep(&learning->found.table, learning->generation->cache, learning->identity);
    return r;
}

/* --- a whole file --- */

static int ltx_take_checked(struct ltx_learning *learning, const struct ltx_header *header,
                            const struct ltx_index *index, struct task *task)
{
    _cleanup_(ltx_table_builder_finish) struct ltx_table_builder builder = {0};
    const uint8_t *trailer = learning->head + learning->head_size - LTX_TRAILER_SIZE;
    int r = 0;

    ltx_table_begin(header, learning->head, trailer, &builder);
    for (size_t i = 0; i < index->n && r == 0; i++)
        r = ltx_table_add(&builder, &index->pages[i]);
    return r < 0 ? r : ltx_conclude(learning, &builder, task);
}

/* Decodes every page, and again to keep it. */
static int ltx_check_whole(struct ltx_learning *learning, struct task *task)
{
    _cleanup_(ltx_close_checker) struct ltx_checker *checker = NULL;
    _cleanup_(ltx_index_finish) struct ltx_index index = {0};
    struct ltx_header header;
    int r = ltx_checker_open(&checker);

    if (r == 0 && learning->comparison)
        v05_compare_start(learning->comparison, learning->head, checker);
    if (r == 0)
        r = ltx_checker_feed(checker, learning->head, learning->head_size);
    if (r == 0)
        r = ltx_checker_end(checker, &header, &index);
    if (r == -EBADMSG)
        return ltx_file_fail(learning->file, EBADMSG, task,
                             "is damaged: it is cut short, or a checksum of it does not hold");
    if (r == 0 && learning->comparison)
        v05_compare_conclude(learning->comparison, &index);
    return r < 0 ? r : ltx_take_checked(learning, &header, &index, task);
}

static int learn_whole(struct ltx_learning *learning, struct task *task)
{
    struct slots *decoders = learning->generation->decoders;

    learning->head_size = (size_t)learning->file->object.size;
    learning->head = malloc(learning->head_size);
    if (!learning->head)
        return -ENOMEM;
    task_set_step(task, "all of a small file, checked");
    int r = ltx_read_start(learning, task);
    if (r == 0)
        learning->sum = learnt_sum(0, learning->head, learning->head_size);
    if (r == 0)
        r = slots_take(decoders, learning->generation->base.store, task);
    if (r < 0)
        return r;
    r = ltx_check_whole(learning, task);
    slots_give(decoders, learning->generation->base.store);
    return r;
}

/* --- the ends of a large file --- */

static size_t ltx_guess_tail(uint64_t size)
{
    uint64_t guess = size / TAIL_PART;
    if (guess < TAIL_SIZE_MIN)
        return TAIL_SIZE_MIN;
    return guess < TAIL_SIZE_MAX ? (size_t)guess : TAIL_SIZE_MAX;
}

static int ltx_read_end(void *context, size_t item, struct task *task)
{
    struct ltx_learning *learning = context;
    const struct ltx_file *file = learning->file;
    task_set_step(task, item == 0 ? "its header" : "the end of its page index");
    return item == 0 ? ltx_read_start(learning, task)
                     : ltx_file_read(file, learning->anew, file->object.size - learning->tail_size,
                                     learning->tail_size, learning->tail, task);
}

static int ltx_read_ends(struct ltx_learning *learning, struct task *task)
{
    learning->head_size = HEAD_SIZE;
    learning->tail_size = ltx_guess_tail(learning->file->object.size);
    learning->head = malloc(learning->head_size);
    learning->tail = malloc(learning->tail_size);
    int r = learning->head && learning->tail ? parallel_each(2, 2, ltx_read_end, learning, task) : -ENOMEM;
    if (r == 0) {
        learning->sum = learnt_sum(0, learning->head, learning->head_size);
        learning->sum = learnt_sum(learning->sum, learning->tail, learning->tail_size);
    }
    return r;
}

/* Where the index is read from: the six zero bytes that end the pages stand before it. */
struct index_place {
    uint64_t offset, end; /* in the file, of the entries with their end mark */
    struct ltx_index_reader reader;
    struct ltx_table_builder *builder;
};

/* Takes bytes that stand at `offset` in the file, and end no later than the index. */
static int ltx_take_index(struct index_place *place, uint64_t offset, const uint8_t *bytes, size_t length)
{
    size_t before = offset < place->offset ? (size_t)(place->offset - offset) : 0, taken = 0;

    before = before < length ? before : length;
    for (size_t i = 0; i < before; i++)
        if (bytes[i])
            return -EBADMSG;
    int r = ltx_index_reader_feed(&place->reader, bytes + before, length - before, ltx_table_add,
                                  place->builder, &taken);
    return r == 0 && taken < length - before ? -EBADMSG : r;
}

/* Reads the part of the index that the tail does not hold. */
static int ltx_read_index_start(struct ltx_learning *learning, struct index_place *place, uint64_t offset,
                                uint64_t end, struct task *task)
{
    _cleanup_free_ uint8_t *window = malloc(TAIL_SIZE_MAX);
    int r = window ? 0 : -ENOMEM;

    for (uint64_t done = offset; done < end && r == 0; done += TAIL_SIZE_MAX) {
        size_t part = end - done < TAIL_SIZE_MAX ? (size_t)(end - done) : TAIL_SIZE_MAX;
        task_set_step(task, "more of its page index");
        r = ltx_file_read(learning->file, learning->anew, done, part, window, task);
        if (r == 0) {
            learning->sum = learnt_sum(learning->sum, window, part);
            r = ltx_take_index(place, done, window, part);
        }
    }
    return r;
}

static int ltx_read_index(struct ltx_learning *learning, uint64_t offset, uint64_t size,
                          struct ltx_table_builder *builder, struct task *task)
{
    uint64_t tail = learning->file->object.size - learning->tail_size, begin = offset - LTX_PAGE_HEADER_SIZE;
    struct index_place place = {.offset = offset, .end = offset + size, .builder = builder};
    uint64_t from = begin < tail ? tail : begin;
    int r = 0;

    ltx_index_reader_init(&place.reader, offset);
    if (tail > place.end)
        return -EBADMSG;
    if (begin < tail)
        r = ltx_read_index_start(learning, &place, begin, tail, task);
    if (r == 0)
        r = ltx_take_index(&place, from, learning->tail + (from - tail), (size_t)(place.end - from));
    return r == 0 && !place.reader.done ? -EBADMSG : r;
}

static int learn_ends(struct ltx_learning *learning, struct task *task)
{
    _cleanup_(ltx_table_builder_finish) struct ltx_table_builder builder = {0};
    struct ltx_header header;
    uint64_t offset, size;
    int r = ltx_read_ends(learning, task);

    if (r < 0)
        return r;
    if (ltx_header_parse(learning->head, &header) < 0 ||
        ltx_index_locate(learning->tail, learning->tail_size, learning->file->object.size, &offset, &size) <
            0)
        return ltx_file_fail(learning->file, EBADMSG, task,
                             "is damaged: its header or its trailer does not hold");
    ltx_table_begin(&header, learning->head, learning->tail + learning->tail_size - LTX_TRAILER_SIZE,
                    &builder);
    r = ltx_read_index(learning, offset, size, &builder, task);
    if (r == -EBADMSG)
        return ltx_file_fail(learning->file, EBADMSG, task, "is damaged: its page index does not hold");
    return r < 0 ? r : ltx_conclude(learning, &builder, task);
}

/* --- */

static int learn_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct ltx_learning *learning = context;

    ltx_learning_restart(learning, anew);
    int r = learning->file->object.size <= V05_WHOLE_OBJECT ? learn_whole(learning, task)
                                                            : learn_ends(learning, task);
    *ret_sum = learning->sum;
    return r;
}

/* What the cache has kept of the file. 0 or -ENOENT; -ENOMEM. */
static int ltx_recall(struct ltx_learning *learning)
{
    int r = ltx_table_recall(learning->generation->cache, learning->identity, &learning->found.table);

    if (r == 0 && !ltx_table_fits(&learning->found.table)) {
        ltx_table_finish(&learning->found.table);
        r = -ENOENT;
    }
    return r == 0 ? ltx_open_image(learning) : r;
}

static int ltx_find_out(struct ltx_learning *learning, struct task *task)
{
    int r = -ENOENT;

    learning->identity = ltx_file_identity(learning->file);
    if (!learning->identity)
        return -ENOMEM;
    if (!learning->comparison)
        r = ltx_recall(learning);
    if (r != -ENOENT)
        return r;
    if (learning->file->object.size < LTX_HEADER_SIZE + LTX_INDEX_TAIL_SIZE)
        return ltx_file_fail(learning->file, EBADMSG, task, "is damaged: it is cut short");
    return learnt_read(learn_attempt, learning, task);
}

int ltx_learn(struct v05_generation *generation, const struct ltx_file *file,
              struct v05_comparison *comparison, struct task *task, struct ltx_found *ret_found)
{
    _cleanup_(ltx_learning_finish) struct ltx_learning learning = {
        .generation = generation, .file = file, .comparison = comparison};
    int r = ltx_find_out(&learning, task);

    if (r < 0)
        return r;
    *ret_found = learning.found;
    learning.found = (struct ltx_found){0};
    return 0;
}
