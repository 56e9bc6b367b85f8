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
struct ltx_lesson {
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

static void lesson_finish(struct ltx_lesson *lesson)
{
    free(lesson->identity);
    free(lesson->head);
    free(lesson->tail);
    free(lesson->time);
    cache_image_close(lesson->found.image);
    ltx_sums_close(lesson->found.sums);
    ltx_table_finish(&lesson->found.table);
}

/* Forgets what an attempt found, but for the time. */
static void lesson_restart(struct ltx_lesson *lesson, bool anew)
{
    free(steal_pointer(lesson->head));
    free(steal_pointer(lesson->tail));
    cache_image_close(steal_pointer(lesson->found.image));
    ltx_sums_close(steal_pointer(lesson->found.sums));
    ltx_table_finish(&lesson->found.table);
    lesson->anew = anew || lesson->file->failures;
    lesson->sum = 0;
}

static void close_checker(struct ltx_checker **checker)
{
    ltx_checker_close(*checker);
}

/* Of a file whose table is found. */
static int open_image(struct ltx_lesson *lesson)
{
    struct ltx_found *found = &lesson->found;
    struct cache *cache = lesson->generation->cache;

    if (lesson->file->object.size > V05_WHOLE_OBJECT &&
        !(found->sums = ltx_sums_open(cache, lesson->identity, found->table.n)))
        return -ENOMEM;
    return cache_image_open(cache, lesson->identity, found->table.head->header.page_size, &found->image);
}

/* Reads the file's first bytes, and with them its time, which only this brings; but not past every cache. */
static int read_start(struct ltx_lesson *lesson, struct task *task)
{
    if (lesson->anew)
        return ltx_file_read(lesson->file, true, 0, lesson->head_size, lesson->head, task);
    return ltx_file_read_start(lesson->file, lesson->head_size, lesson->head, task, &lesson->time);
}

/* Ends what was found: `builder` is the table, the first bytes of the file are in `head`. */
static int conclude(struct ltx_lesson *lesson, struct ltx_table_builder *builder, struct task *task)
{
    const struct ltx_file *file = lesson->file;
    const struct ltx_header *header = &builder->head.header;

    if (header->min_txid != file->min_txid || header->max_txid != file->max_txid)
        return ltx_file_fail(lesson->file, EBADMSG, task,
                             "is damaged: its header tells other TXIDs than its name");
    int r = ltx_table_make(builder, ltx_time_of(&file->object, lesson->time), &lesson->found.table);
    if (r == 0 && !ltx_table_fits(&lesson->found.table))
        return ltx_file_fail(lesson->file, EBADMSG, task,
                             "is damaged: it lacks pages that its header promises");
    if (r == 0)
        r = open_image(lesson);
    if (r == 0)
        ltx_image_keep(file, &lesson->found, lesson->head, lesson->head_size, task);
    if (r == 0)
        ltx_table_keep(&lesson->found.table, lesson->generation->cache, lesson->identity);
    return r;
}

/* --- a whole file --- */

static int take_checked(struct ltx_lesson *lesson, const struct ltx_header *header,
                        const struct ltx_index *index, struct task *task)
{
    _cleanup_(ltx_table_builder_finish) struct ltx_table_builder builder = {0};
    const uint8_t *trailer = lesson->head + lesson->head_size - LTX_TRAILER_SIZE;
    int r = 0;

    ltx_table_begin(header, lesson->head, trailer, &builder);
    for (size_t i = 0; i < index->n && r == 0; i++)
        r = ltx_table_add(&builder, &index->pages[i]);
    return r < 0 ? r : conclude(lesson, &builder, task);
}

/* Decodes every page, and again to keep it. */
static int check_whole(struct ltx_lesson *lesson, struct task *task)
{
    _cleanup_(close_checker) struct ltx_checker *checker = NULL;
    _cleanup_(ltx_index_finish) struct ltx_index index = {0};
    struct ltx_header header;
    int r = ltx_checker_open(&checker);

    if (r == 0 && lesson->comparison)
        v05_compare_start(lesson->comparison, lesson->head, checker);
    if (r == 0)
        r = ltx_checker_feed(checker, lesson->head, lesson->head_size);
    if (r == 0)
        r = ltx_checker_end(checker, &header, &index);
    if (r == -EBADMSG)
        return ltx_file_fail(lesson->file, EBADMSG, task,
                             "is damaged: it is cut short, or a checksum of it does not hold");
    if (r == 0 && lesson->comparison)
        v05_compare_conclude(lesson->comparison, &index);
    return r < 0 ? r : take_checked(lesson, &header, &index, task);
}

static int learn_whole(struct ltx_lesson *lesson, struct task *task)
{
    struct slots *decoders = lesson->generation->decoders;

    lesson->head_size = (size_t)lesson->file->object.size;
    lesson->head = malloc(lesson->head_size);
    if (!lesson->head)
        return -ENOMEM;
    task_set_step(task, "all of a small file, checked");
    int r = read_start(lesson, task);
    if (r == 0)
        lesson->sum = learnt_sum(0, lesson->head, lesson->head_size);
    if (r == 0)
        r = slots_take(decoders, lesson->generation->base.store, task);
    if (r < 0)
        return r;
    r = check_whole(lesson, task);
    slots_give(decoders, lesson->generation->base.store);
    return r;
}

/* --- the ends of a large file --- */

static size_t guess_tail(uint64_t size)
{
    uint64_t guess = size / TAIL_PART;
    if (guess < TAIL_SIZE_MIN)
        return TAIL_SIZE_MIN;
    return guess < TAIL_SIZE_MAX ? (size_t)guess : TAIL_SIZE_MAX;
}

static int read_end(void *context, size_t item, struct task *task)
{
    struct ltx_lesson *lesson = context;
    const struct ltx_file *file = lesson->file;
    task_set_step(task, item == 0 ? "its header" : "the end of its page index");
    return item == 0 ? read_start(lesson, task)
                     : ltx_file_read(file, lesson->anew, file->object.size - lesson->tail_size,
                                     lesson->tail_size, lesson->tail, task);
}

static int read_ends(struct ltx_lesson *lesson, struct task *task)
{
    lesson->head_size = HEAD_SIZE;
    lesson->tail_size = guess_tail(lesson->file->object.size);
    lesson->head = malloc(lesson->head_size);
    lesson->tail = malloc(lesson->tail_size);
    int r = lesson->head && lesson->tail ? parallel_each(2, 2, read_end, lesson, task) : -ENOMEM;
    if (r == 0) {
        lesson->sum = learnt_sum(0, lesson->head, lesson->head_size);
        lesson->sum = learnt_sum(lesson->sum, lesson->tail, lesson->tail_size);
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
static int take_index(struct index_place *place, uint64_t offset, const uint8_t *bytes, size_t length)
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
static int read_index_start(struct ltx_lesson *lesson, struct index_place *place, uint64_t offset,
                            uint64_t end, struct task *task)
{
    _cleanup_free_ uint8_t *window = malloc(TAIL_SIZE_MAX);
    int r = window ? 0 : -ENOMEM;

    for (uint64_t done = offset; done < end && r == 0; done += TAIL_SIZE_MAX) {
        size_t part = end - done < TAIL_SIZE_MAX ? (size_t)(end - done) : TAIL_SIZE_MAX;
        task_set_step(task, "more of its page index");
        r = ltx_file_read(lesson->file, lesson->anew, done, part, window, task);
        if (r == 0) {
            lesson->sum = learnt_sum(lesson->sum, window, part);
            r = take_index(place, done, window, part);
        }
    }
    return r;
}

static int read_index(struct ltx_lesson *lesson, uint64_t offset, uint64_t size,
                      struct ltx_table_builder *builder, struct task *task)
{
    uint64_t tail = lesson->file->object.size - lesson->tail_size, begin = offset - LTX_PAGE_HEADER_SIZE;
    struct index_place place = {.offset = offset, .end = offset + size, .builder = builder};
    uint64_t from = begin < tail ? tail : begin;
    int r = 0;

    ltx_index_reader_init(&place.reader, offset);
    if (tail > place.end)
        return -EBADMSG;
    if (begin < tail)
        r = read_index_start(lesson, &place, begin, tail, task);
    if (r == 0)
        r = take_index(&place, from, lesson->tail + (from - tail), (size_t)(place.end - from));
    return r == 0 && !place.reader.done ? -EBADMSG : r;
}

static int learn_ends(struct ltx_lesson *lesson, struct task *task)
{
    _cleanup_(ltx_table_builder_finish) struct ltx_table_builder builder = {0};
    struct ltx_header header;
    uint64_t offset, size;
    int r = read_ends(lesson, task);

    if (r < 0)
        return r;
    if (ltx_header_parse(lesson->head, &header) < 0 ||
        ltx_index_locate(lesson->tail, lesson->tail_size, lesson->file->object.size, &offset, &size) < 0)
        return ltx_file_fail(lesson->file, EBADMSG, task,
                             "is damaged: its header or its trailer does not hold");
    ltx_table_begin(&header, lesson->head, lesson->tail + lesson->tail_size - LTX_TRAILER_SIZE, &builder);
    r = read_index(lesson, offset, size, &builder, task);
    if (r == -EBADMSG)
        return ltx_file_fail(lesson->file, EBADMSG, task, "is damaged: its page index does not hold");
    return r < 0 ? r : conclude(lesson, &builder, task);
}

/* --- */

static int learn_attempt(void *context, bool anew, uint64_t *ret_sum, struct task *task)
{
    struct ltx_lesson *lesson = context;

    lesson_restart(lesson, anew);
    int r =
        lesson->file->object.size <= V05_WHOLE_OBJECT ? learn_whole(lesson, task) : learn_ends(lesson, task);
    *ret_sum = lesson->sum;
    return r;
}

/* What the cache has kept of the file. 0 or -ENOENT; -ENOMEM. */
static int recall(struct ltx_lesson *lesson)
{
    int r = ltx_table_recall(lesson->generation->cache, lesson->identity, &lesson->found.table);

    if (r == 0 && !ltx_table_fits(&lesson->found.table)) {
        ltx_table_finish(&lesson->found.table);
        r = -ENOENT;
    }
    return r == 0 ? open_image(lesson) : r;
}

static int find_out(struct ltx_lesson *lesson, struct task *task)
{
    int r = -ENOENT;

    lesson->identity = ltx_file_identity(lesson->file);
    if (!lesson->identity)
        return -ENOMEM;
    if (!lesson->comparison)
        r = recall(lesson);
    if (r != -ENOENT)
        return r;
    if (lesson->file->object.size < LTX_HEADER_SIZE + LTX_INDEX_TAIL_SIZE)
        return ltx_file_fail(lesson->file, EBADMSG, task, "is damaged: it is cut short");
    return learnt_read(learn_attempt, lesson, task);
}

int ltx_learn(struct v05_generation *generation, const struct ltx_file *file,
              struct v05_comparison *comparison, struct task *task, struct ltx_found *ret_found)
{
    _cleanup_(lesson_finish) struct ltx_lesson lesson = {
        .generation = generation, .file = file, .comparison = comparison};
    int r = find_out(&lesson, task);

    if (r < 0)
        return r;
    *ret_found = lesson.found;
    lesson.found = (struct ltx_found){0};
    return 0;
}
