#include "object_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation/learnt.h"
#include "litemount/cleanup.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "object_source.h"
#include "v03_base.h"

#define FIRST_WINDOW (512 << 10) /* bytes fetched of a large object before anything is decoded */
#define WINDOW (2 << 20)         /* bytes fetched at once after that */

static void object_close_stream_pointer(struct lz4_stream **stream)
{
    lz4_stream_close(*stream);
}

static int stream_refuse(const struct object_stream *stream, struct task *task, const char *why)
{
    return object_fail(stream->generation->replica, stream->object, EBADMSG, task, why);
}

/* Decodes bytes of the object, the next ones. */
static int stream_feed(const struct object_stream *stream, struct lz4_stream *decoder, const uint8_t *bytes,
                       size_t length, bool first, lz4_sink *sink, void *context, struct task *task)
{
    if (first && age_is_encrypted(bytes, length))
        return task_fail(task, EACCES,
                         "%s/%s is encrypted with age, and the configuration has no identity for it",
                         replica_url(stream->generation->replica), stream->object->key);
    int r = lz4_stream_feed(decoder, bytes, length, sink, context);
    return r == -EBADMSG
               ? stream_refuse(stream, task, "is damaged: its LZ4 frame, or what is in it, is invalid")
               : r;
}

static int stream_end(const struct object_stream *stream, const struct lz4_stream *decoder, struct task *task)
{
    return lz4_stream_done(decoder) ? 0 : stream_refuse(stream, task, "is cut short");
}

/* Reads more of the object. */
static int stream_read(struct object_stream *stream, struct object_source *source, uint64_t offset,
                       size_t length, uint8_t *bytes, struct task *task)
{
    int r = object_source_read(source, stream->anew, offset, length, bytes, task);
    if (r == 0)
        stream->sum = learnt_sum(stream->sum, bytes, length);
    return r;
}

/* Decodes from the first window on, which is there; fetches the others. */
static int stream_windows(struct object_stream *stream, struct object_source *source, uint8_t *bytes,
                          lz4_sink *sink, void *context, struct task *task)
{
    _cleanup_(object_close_stream_pointer) struct lz4_stream *decoder = NULL;
    uint64_t offset = 0;
    size_t length = FIRST_WINDOW;
    int r = lz4_stream_open(&decoder);

    while (r == 0) {
        r = stream_feed(stream, decoder, bytes, length, offset == 0, sink, context, task);
        offset += length;
        if (r < 0 || offset == source->size || lz4_stream_done(decoder))
            break;
        length = source->size - offset < WINDOW ? (size_t)(source->size - offset) : WINDOW;
        r = stream_read(stream, source, offset, length, bytes, task);
    }
    return r < 0 ? r : stream_end(stream, decoder, task);
}

/* Of a large object. Its decoder is held while more is fetched: it is one of the store's own. */
static int stream_decode(struct object_stream *stream, struct object_source *source, lz4_sink *sink,
                         void *context, struct task *task)
{
    struct v03_generation *generation = stream->generation;
    _cleanup_free_ uint8_t *bytes = malloc(WINDOW);
    int r = bytes ? stream_read(stream, source, 0, FIRST_WINDOW, bytes, task) : -ENOMEM;

    if (r == 0)
        r = slots_take(generation->decoders, generation->base.store, task);
    if (r < 0)
        return r;
    r = stream_windows(stream, source, bytes, sink, context, task);
    slots_give(generation->decoders, generation->base.store);
    return r;
}

static int stream_fetch(struct object_stream *stream, struct object_source *source, struct buffer *plain,
                        struct task *task)
{
    int r = buffer_reserve(plain, (size_t)source->size + 1);
    if (r == 0)
        r = stream_read(stream, source, 0, (size_t)source->size, plain->data, task);
    if (r == 0)
        plain->size = (size_t)source->size;
    return r;
}

int object_fetch(struct object_stream *stream, struct buffer *plain, struct task *task)
{
    _cleanup_(object_source_finish) struct object_source source = {0};
    int r = object_source_open(stream->generation, stream->object, stream->anew, task, &source);
    return r < 0 ? r : stream_fetch(stream, &source, plain, task);
}

int object_decode_fetched(const struct object_stream *stream, const struct buffer *plain, lz4_sink *sink,
                          void *context, struct task *task)
{
    struct v03_generation *generation = stream->generation;
    _cleanup_(object_close_stream_pointer) struct lz4_stream *decoder = NULL;

    if (plain->size == 0)
        return stream_refuse(stream, task, "is empty");
    int r = slots_take(generation->decoders, generation->base.store, task);
    if (r < 0)
        return r;
    r = lz4_stream_open(&decoder);
    if (r == 0)
        r = stream_feed(stream, decoder, plain->data, plain->size, true, sink, context, task);
    if (r == 0)
        r = stream_end(stream, decoder, task);
    lz4_stream_close(steal_pointer(decoder));
    slots_give(generation->decoders, generation->base.store);
    return r;
}

int object_decode(struct object_stream *stream, lz4_sink *sink, void *context, struct task *task)
{
    _cleanup_(object_source_finish) struct object_source source = {0};
    _cleanup_(buffer_finish) struct buffer plain = {0};
    int r = object_source_open(stream->generation, stream->object, stream->anew, task, &source);

    if (r < 0)
        return r;
    if (source.size > V03_WHOLE_OBJECT)
        return stream_decode(stream, &source, sink, context, task);
    r = stream_fetch(stream, &source, &plain, task);
    return r < 0 ? r : object_decode_fetched(stream, &plain, sink, context, task);
}

int overview_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct overview *overview = context;
    size_t room = overview->most - overview->start.size;
    overview->size += length;
    return buffer_append(&overview->start, bytes, length < room ? length : room);
}

static int object_piece_writer_put(struct piece_writer *writer, const uint8_t *bytes, size_t length)
{
    int r = cache_fill_put(writer->fill, writer->offset, bytes, length, false);
    writer->offset += length;
    return r;
}

/* A full piece is put only when more bytes follow, so that the last one is always there to be marked as such.
 * Those that lie whole in what comes are put from there. */
int piece_writer_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct piece_writer *writer = context;
    int r = 0;

    while (length && r == 0) {
        size_t room = V03_PIECE - writer->pending.size, n = length < room ? length : room;
        if (room == 0) {
            r = object_piece_writer_put(writer, writer->pending.data, V03_PIECE);
            writer->pending.size = n = 0;
        } else if (room == V03_PIECE && length > V03_PIECE) {
            n = (length - 1) / V03_PIECE * V03_PIECE;
            r = object_piece_writer_put(writer, bytes, n);
        } else {
            r = buffer_append(&writer->pending, bytes, n);
        }
        bytes += n;
        length -= n;
    }
    return r;
}

int piece_writer_end(struct piece_writer *writer)
{
    return cache_fill_put(writer->fill, writer->offset, writer->pending.data, writer->pending.size, true);
}

void piece_writer_finish(struct piece_writer *writer)
{
    buffer_finish(&writer->pending);
}
