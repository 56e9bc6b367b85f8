/* One block: fetched, decoded and put. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc64.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "litemount/workspaces.h"
#include "seekable_parts.h"

#define COMPARED (256 << 10) /* bytes of what was put already that are compared at once */

/* What was put of a block's beginning before may have come wrong over the network, or this time. */
static int block_compare_kept(struct seekable *frame, size_t number, const uint8_t *bytes, size_t length,
                              struct task *task)
{
    const struct seekable_owner *owner = &frame->owner;
    uint64_t begin = (uint64_t)number * frame->table.frame.block_max;
    _cleanup_free_ uint8_t *kept = malloc(COMPARED);
    size_t part = COMPARED;

    for (size_t at = 0; kept && at < length && part == COMPARED; at += part) {
        part = owner->peek(owner->context, begin + at, length - at < part ? length - at : part, kept);
        if (memcmp(kept, bytes + at, part) != 0)
            return owner->fail(owner->context, crc64_ecma_refl(number, bytes, length), task,
                               "a block of it was read twice, and decodes to different bytes");
    }
    return kept ? 0 : -ENOMEM;
}

int block_put(const struct block_reader *reader, size_t number, uint8_t *workspace, size_t length,
              struct task *task)
{
    struct seekable *frame = reader->frame;
    const struct lz4_frame *header = &frame->table.frame;
    uint64_t start = (uint64_t)number * frame->table.frame.block_max;
    uint8_t *data = workspace + LZ4_BLOCK_HEADER_SIZE, *content = workspace + SEEKABLE_STORED;
    struct lz4_block block, next;

    if (lz4_block_parse(header, workspace, &block) < 0 || block.end ||
        block.span + LZ4_BLOCK_HEADER_SIZE != length ||
        lz4_block_parse(header, workspace + block.span, &next) < 0)
        return block_refuse(frame, task, "a block header is invalid");
    size_t size = block.size;
    if (block.raw && !header->block_checksum)
        content = data;
    else if (lz4_block_decode(header, &block, data, content, &size) < 0)
        return block_refuse(frame, task, "a block of it does not decode");
    int r = block_table_note_header(frame, number + 1, workspace + block.span, task);
    if (r < 0)
        return r;
    if (!next.end && size != header->block_max)
        return block_table_give_up(frame); /* a writer that flushes: what it holds can't be told by number */
    r = block_compare_kept(frame, number, content, size, task);
    if (r < 0)
        return r;
    block_table_note_state(frame, number, BLOCK_PUTTING, next.end ? start + size : 0);
    content_sum_add(frame, number, content, size);
    r = frame->owner.put(reader->sink, start, content, size, next.end);
    block_table_note_state(frame, number, r == 0 ? BLOCK_DECODED : BLOCK_NEW, 0);
    block_table_keep(frame);
    return r;
}

/* Reads the block into the workspace. If it is not known where it ends, as much as a block has on average and
 * a little more, and, when its header tells, the rest. */
static int block_fetch(const struct block_reader *reader, const struct block_place *place, uint8_t *workspace,
                       struct task *task, size_t *ret_length)
{
    struct seekable *frame = reader->frame;
    uint64_t left = frame->owner.size - place->start, length;
    struct lz4_block block;

    if (place->start > frame->owner.size || left < LZ4_BLOCK_HEADER_SIZE)
        return block_refuse(frame, task, "it is cut short");
    block_table_expected(frame, &length);
    length = place->end ? place->end - place->start : length + length / 8;
    length = length + LZ4_BLOCK_HEADER_SIZE < left ? length + LZ4_BLOCK_HEADER_SIZE : left;
    length = length < SEEKABLE_STORED ? length : SEEKABLE_STORED;
    task_set_step(task, "block %zu of the frame", place->number);
    int r = block_read(reader, place->start, (size_t)length, workspace, task);
    if (r == 0)
        r = block_table_note_header(frame, place->number, workspace, task);
    if (r < 0)
        return r;
    lz4_block_parse(&frame->table.frame, workspace, &block);
    if (block.end)
        return -EAGAIN;
    *ret_length = block.span + LZ4_BLOCK_HEADER_SIZE;
    return *ret_length <= length ? 0
                                 : block_read(reader, place->start + length, *ret_length - (size_t)length,
                                              workspace + length, task);
}

int block_make(const struct block_reader *reader, const struct block_place *place, struct task *task)
{
    const struct seekable_owner *owner = &reader->frame->owner;
    uint8_t *workspace;
    size_t length = 0;
    int r = workspaces_take(owner->workspaces, owner->holder, task, &workspace);

    if (r < 0)
        return r;
    r = block_fetch(reader, place, workspace, task, &length);
    if (r == 0)
        r = block_put(reader, place->number, workspace, length, task);
    workspaces_give(owner->workspaces, owner->holder, workspace);
    return r;
}
