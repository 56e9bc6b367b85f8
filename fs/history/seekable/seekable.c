/* Which way bytes of the content come to be: see the head of seekable.h. */
#include "seekable.h"

#include <errno.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/parallel.h"
#include "litemount/task.h"
#include "seekable_parts.h"

/* Bytes of the content from the last block known to one that a reader in order may want. */
#define AHEAD (96 << 20)

#define MAKERS 4 /* threads that read in order for one reader */

/* A frame up to this is fetched whole when more than its beginning is wanted: at 100 MB/s it takes about as
 * long as the round trips of finding a few of its blocks. */
#define SMALL_OBJECT (8 << 20)   /* bytes */
#define SMALL_CONTENT (64 << 20) /* bytes */

int seekable_open(const struct seekable_owner *owner, struct seekable **ret_frame)
{
    struct seekable *frame = calloc(1, sizeof *frame);

    if (!frame)
        return -ENOMEM;
    frame->owner = *owner;
    pthread_mutex_init(&frame->lock, NULL);
    pthread_cond_init(&frame->changed, NULL);
    sequential_init(&frame->sequential);
    *ret_frame = frame;
    return 0;
}

void seekable_close(struct seekable *frame)
{
    if (!frame)
        return;
    sequential_finish(&frame->sequential);
    lz4_checksum_close(frame->sum.sum);
    free(frame->table.starts);
    free(frame->table.states);
    pthread_cond_destroy(&frame->changed);
    pthread_mutex_destroy(&frame->lock);
    free(frame);
}

/* --- in order --- */

struct sequential_makers {
    const struct block_reader *reader;
    size_t number; /* of the last block that is wanted */
};

/* That it can't be read on that way is no failure. */
static int seekable_run_maker(void *context, size_t item, struct task *task)
{
    const struct sequential_makers *makers = context;
    int r = sequential_make(makers->reader, makers->number, task);
    return r == -EAGAIN || r == -EOPNOTSUPP ? 0 : r;
}

static bool seekable_is_small(struct seekable *frame)
{
    pthread_mutex_lock(&frame->lock);
    bool small = frame->owner.size <= SMALL_OBJECT && frame->table.expected <= SMALL_CONTENT;
    pthread_mutex_unlock(&frame->lock);
    return small;
}

/* Makes all blocks up to `number` if that is to be done in order; else -EAGAIN, or an errno. */
static int seekable_make_in_order(const struct block_reader *reader, uint64_t number, struct task *task)
{
    struct seekable *frame = reader->frame;
    struct sequential_makers makers = {reader, (size_t)number};
    size_t near = AHEAD / frame->table.frame.block_max;
    struct block_place place;

    if (sequential_nears(&frame->sequential, (size_t)number, near))
        return sequential_make(reader, (size_t)number, task);
    if (block_table_get(frame, number, &place))
        return -EAGAIN;
    if (!reader->ahead || number - place.number >= near) {
        if (number == 0 || !seekable_is_small(frame))
            return -EAGAIN;
        makers.number = SIZE_MAX;
    }
    /* Nobody else is at it: several threads for it fill the line. */
    int r = parallel_each(MAKERS, MAKERS, seekable_run_maker, &makers, task);
    if (r < 0)
        return r;
    return block_table_is_decoded(frame, (size_t)number) ? 0 : -EAGAIN;
}

/* --- by block --- */

/* Makes block `number`, or the last one if there are not so many: then the content's end is looked for. */
static int seekable_make_block(const struct block_reader *reader, uint64_t number, struct task *task)
{
    struct block_place place;
    int r = seekable_make_in_order(reader, number, task);

    while (r == -EAGAIN) {
        r = 0;
        /* Where the first header to be read is the block's own, it is read along with the block. */
        if (!block_table_get(reader->frame, number, &place) && place.number != number)
            r = block_find(reader, number, task, &place);
        if (r == 0)
            r = block_make(reader, &place, task);
    }
    return r;
}

static bool seekable_has(const struct seekable *frame, uint64_t offset)
{
    uint8_t byte;
    return frame->owner.peek(frame->owner.context, offset, 1, &byte) > 0;
}

/* Whether block `number` is known to be the last one, or to lie behind it. */
static bool seekable_ends(struct seekable *frame, uint64_t number)
{
    struct block_place place;
    return block_table_get(frame, number + 1, &place) && place.number <= number;
}

static int seekable_make_blocks(const struct block_reader *reader, uint64_t offset, uint64_t end,
                                struct task *task)
{
    struct seekable *frame = reader->frame;
    int r = block_begin(reader, task);

    if (r < 0)
        return r;
    uint64_t block_max = frame->table.frame.block_max, number = offset / block_max;
    if (reader->ahead && (r = seekable_make_in_order(reader, (end - 1) / block_max, task)) == -EAGAIN)
        r = 0;
    while (r == 0 && offset < end) {
        /* Who reads in order has made it, most of the time. */
        if (!reader->ahead || !seekable_has(frame, offset))
            r = seekable_make_block(reader, number, task);
        offset = seekable_ends(frame, number) ? end : ++number * block_max;
    }
    return r;
}

/* Blocks that do not hold are read anew: first where they are taken to stand, and then, for a header before
 * them may have come wrong, where they are found again. */
int seekable_make(struct seekable *frame, uint64_t offset, uint64_t length, bool ahead, void *sink,
                  struct task *task)
{
    struct block_reader reader = {.frame = frame, .sink = sink, .ahead = ahead};
    int r = seekable_make_blocks(&reader, offset, offset + length, task);

    for (int attempt = 0; attempt < 2 && r == -EBADMSG; attempt++) {
        log_info("%s; reading it anew", task_reason(task, r));
        task_forgive(task);
        reader.anew = true;
        block_table_forget(frame);
        if (attempt > 0)
            block_table_drop_guesses(frame);
        r = seekable_make_blocks(&reader, offset, offset + length, task);
    }
    return r;
}

int seekable_find_last(struct seekable *frame, struct task *task, uint64_t *ret_offset)
{
    const struct block_reader reader = {.frame = frame};
    struct block_place last;
    int r = block_find(&reader, UINT64_MAX, task, &last);

    if (r == 0 && (r = block_table_is_begun(frame)) > 0) {
        *ret_offset = (uint64_t)last.number * frame->table.frame.block_max;
        r = 0;
    }
    return r;
}

/* --- its beginning --- */

/* Decodes what the object's first bytes hold. */
static int seekable_decode_start(struct seekable *frame, const uint8_t *start, size_t available,
                                 uint8_t *bytes, size_t length, size_t *ret_size, struct task *task)
{
    struct lz4_frame header;
    struct lz4_block block;

    if (lz4_frame_parse(start, available, &header) < 0 ||
        available < header.header_size + LZ4_BLOCK_HEADER_SIZE ||
        lz4_block_parse(&header, start + header.header_size, &block) < 0 || block.end)
        return -EOPNOTSUPP;
    size_t data = header.header_size + LZ4_BLOCK_HEADER_SIZE;
    int r = block_table_begin(frame, &header);
    if (r == 0)
        r = block_table_note_header(frame, 0, start + header.header_size, task);
    if (r < 0 && r != -EOPNOTSUPP)
        return r;
    /* The first block of a frame has no block before it, linked or not. */
    return lz4_block_decode_start(&header, &block, start + data, available - data, bytes, length, ret_size);
}

int seekable_peek(struct seekable *frame, uint8_t *bytes, size_t length, size_t *ret_size, struct task *task)
{
    const struct block_reader reader = {.frame = frame};
    size_t enough = LZ4_FRAME_HEADER_MAX + LZ4_BLOCK_HEADER_SIZE + length + length / 255 + 16;
    _cleanup_free_ uint8_t *start = NULL;

    if (enough > frame->owner.size)
        enough = (size_t)frame->owner.size;
    start = malloc(enough + 1);
    if (!start)
        return -ENOMEM;
    task_set_step(task, "the beginning of the frame");
    int r = block_read(&reader, 0, enough, start, task);
    return r < 0 ? r : seekable_decode_start(frame, start, enough, bytes, length, ret_size, task);
}
