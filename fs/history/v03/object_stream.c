#include "object_stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/slots.h"
#include "litemount/task.h"
#include "object_source.h"
#include "v03.h"

#define FIRST_WINDOW (512 << 10) /* bytes fetched before anything is decoded: all of most segments */
#define WINDOW (2 << 20)         /* bytes fetched at once after that */

static void close_stream_pointer(struct lz4_stream **stream)
{
    lz4_stream_close(*stream);
}

static int refuse(struct replica *replica, const struct object *object, struct task *task, const char *why)
{
    return task_fail(task, EBADMSG, "%s/%s %s", replica_url(replica), object->key, why);
}

static int feed_window(const struct object_source *source, struct lz4_stream *stream, const uint8_t *bytes,
                       size_t length, bool first, lz4_sink *sink, void *context, struct task *task)
{
    struct replica *replica = source->generation->replica;
    if (first && age_is_encrypted(bytes, length))
        return task_fail(task, EACCES,
                         "%s/%s is encrypted with age, and the configuration has no identity for it",
                         replica_url(replica), source->object->key);
    int r = lz4_stream_feed(stream, bytes, length, sink, context);
    if (r == -EBADMSG)
        return refuse(replica, source->object, task,
                      "is damaged: its LZ4 frame, or what is in it, is invalid");
    return r;
}

/* Decodes from the first window on, which is there; fetches the others. */
static int decode_windows(struct object_source *source, uint8_t *bytes, size_t length, lz4_sink *sink,
                          void *context, struct task *task)
{
    _cleanup_(close_stream_pointer) struct lz4_stream *stream = NULL;
    uint64_t offset = 0;
    int r = lz4_stream_open(&stream);

    while (r == 0) {
        r = feed_window(source, stream, bytes, length, offset == 0, sink, context, task);
        offset += length;
        if (r < 0 || offset == source->size || lz4_stream_done(stream))
            break;
        length = source->size - offset < WINDOW ? (size_t)(source->size - offset) : WINDOW;
        r = object_source_read(source, offset, length, bytes, task);
    }
    if (r == 0 && !lz4_stream_done(stream))
        return refuse(source->generation->replica, source->object, task, "is cut short");
    return r;
}

int object_decode(struct v03_generation *generation, const struct object *object, lz4_sink *sink,
                  void *context, struct task *task)
{
    _cleanup_(object_source_finish) struct object_source source = {0};
    int r = object_source_open(generation, object, task, &source);

    if (r < 0)
        return r;
    if (source.size == 0)
        return refuse(generation->replica, object, task, "is empty");
    size_t first = source.size < FIRST_WINDOW ? (size_t)source.size : FIRST_WINDOW;
    _cleanup_free_ uint8_t *bytes = malloc(source.size <= FIRST_WINDOW ? first : WINDOW);
    if (!bytes)
        return -ENOMEM;
    r = object_source_read(&source, 0, first, bytes, task);
    if (r == 0)
        r = slots_take(generation->decoders, generation->base.store, task);
    if (r < 0)
        return r;
    r = decode_windows(&source, bytes, first, sink, context, task);
    slots_give(generation->decoders, generation->base.store);
    return r;
}

int overview_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct overview *overview = context;
    size_t room = overview->most - overview->start.size;
    overview->size += length;
    return buffer_append(&overview->start, bytes, length < room ? length : room);
}

char *object_identity(const struct replica *replica, const struct object *object)
{
    char *text;
    int n = asprintf(&text, "%s\n%s\n%llu\n%s", replica_url(replica), object->key,
                     (unsigned long long)object->size, object->version);
    return n < 0 ? NULL : text;
}

static int put_decoded(void *context, uint64_t offset, uint64_t length, struct cache_fill *fill,
                       struct task *task)
{
    const struct buffer *decoded = context;
    return cache_fill_put(fill, 0, decoded->data, decoded->size, true);
}

void image_keep(struct cache *cache, const char *identity, const struct buffer *decoded,
                const struct task *task)
{
    struct buffer borrowed = *decoded;
    const struct cache_maker maker = {.make = put_decoded, .context = &borrowed};
    struct cache_image *image;

    if (cache_image_open(cache, identity, V03_PIECE, &image) < 0)
        return;
    cache_image_keep(image, 0, &maker, task);
    cache_image_close(image);
}

/* A full piece is put only when more bytes follow, so that the last one is always there to be marked as such.
 */
int piece_writer_sink(void *context, const uint8_t *bytes, size_t length)
{
    struct piece_writer *writer = context;
    while (length) {
        if (writer->pending.size == V03_PIECE) {
            int r = cache_fill_put(writer->fill, writer->offset, writer->pending.data, V03_PIECE, false);
            if (r < 0)
                return r;
            writer->offset += V03_PIECE;
            writer->pending.size = 0;
        }
        size_t room = V03_PIECE - writer->pending.size, n = length < room ? length : room;
        int r = buffer_append(&writer->pending, bytes, n);
        if (r < 0)
            return r;
        bytes += n;
        length -= n;
    }
    return 0;
}

int piece_writer_end(struct piece_writer *writer)
{
    return cache_fill_put(writer->fill, writer->offset, writer->pending.data, writer->pending.size, true);
}

void piece_writer_finish(struct piece_writer *writer)
{
    buffer_finish(&writer->pending);
}
